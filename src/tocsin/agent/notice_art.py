"""Drawing the notice with Pillow alone: its embedded font needs nothing installed, so it can always be shown."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tocsin.agent.notice import Words
from tocsin.model import Rect

BAR_HEIGHT = 40
_NIGHT = (20, 30, 48)
_PAPER = (252, 252, 250)
_INK = (28, 33, 42)
_SOFT = (92, 100, 114)
_LINE = (222, 224, 228)
_AMBER = (255, 190, 80)
_BLUE = (28, 84, 168)
_QUOTE = (240, 243, 248)
_WHITE = (255, 255, 255)
_PAD = 36
_FOOT = 104
_HEAD = 84

_OTHER_FONTS = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf",
    "C:/Windows/Fonts/segoeui.ttf",
    "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, slots=True)
class Look:
    """What the first-run window shows: how far it is scrolled, and which button has focus or the pointer."""

    scroll: int = 0
    focus: str = ""
    hover: str = ""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture of the window, where its buttons are, and how far it can be scrolled."""

    image: Image.Image
    accept: Rect
    decline: Rect
    most: int


@lru_cache(maxsize=32)
def font(size: int, *, plain: bool = True) -> Font:
    """Return a font: Pillow's own, or for letters it lacks one that the system has."""
    if not plain:
        for path in _OTHER_FONTS:
            if Path(path).exists():
                return ImageFont.truetype(path, size)
    return ImageFont.load_default(size)


def font_for(text: str, size: int) -> Font:
    """Return a font that has the letters of ``text``."""
    return font(size, plain=all(ord(c) < 0x180 or c in "–—‘’“”•…" for c in text))


def bar(words: Words, width: int, height: int = BAR_HEIGHT) -> Image.Image:
    """Draw the permanent bar: that the computer is monitored, under which order, by whom, how to reach them."""
    image = Image.new("RGB", (width, height), _NIGHT)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, height - 2, width, height), fill=_AMBER)
    _bell(draw, 12, height // 2 - 11, 20)
    left = 44
    first = f"{words.bar}   ·   {words.authority}"
    second = f"Contact: {words.contact}   ·   Signed by {words.fingerprint}"
    for line, size, y, ink in ((first, 15, 11, _WHITE), (second, 12, 28, (200, 208, 222))):
        face = font_for(line, size)
        draw.text((left, y * height // BAR_HEIGHT), _cut(line, face, width - left - 12), ink, font=face, anchor="lm")
    return image


def window(words: Words, width: int, height: int, look: Look | None = None) -> Drawn:
    """Draw the first-run window."""
    look = look or Look()
    body = _body(words, width)
    room = height - _HEAD - _FOOT
    most = max(0, body.height - room)
    scroll = min(max(0, look.scroll), most)
    image = Image.new("RGB", (width, height), _PAPER)
    image.paste(body.crop((0, scroll, width, scroll + room)), (0, _HEAD))
    draw = ImageDraw.Draw(image)
    _head(draw, words, width)
    if most:
        track = room * room // body.height
        top = _HEAD + (room - track) * scroll // most
        draw.rounded_rectangle((width - 12, top + 3, width - 6, top + track - 3), 3, fill=(170, 176, 188))
    draw.rectangle((0, height - _FOOT, width, height), fill=_WHITE)
    draw.line((0, height - _FOOT, width, height - _FOOT), fill=_LINE, width=1)
    y = height - _FOOT + 12
    for line in _wrap(words.declining, font_for(words.declining, 14), width - 2 * _PAD):
        draw.text((_PAD, y), line, _SOFT, font=font_for(line, 14))
        y += 18
    accept = Rect(width - _PAD - 230, height - 58, 230, 44)
    decline = Rect(width - _PAD - 230 - 16 - 150, height - 58, 150, 44)
    _button(draw, accept, "I have read this: Accept", "accept", look, _BLUE, _WHITE)
    _button(draw, decline, "Decline", "decline", look, _WHITE, _INK)
    hint = "Tab chooses, Enter presses" + (", PgDn reads on" if most else "")
    draw.text((_PAD, height - 36), hint, _SOFT, font=font(13), anchor="lm")
    return Drawn(image, accept, decline, most)


def icon(size: int = 48) -> Image.Image:
    """Draw the agent's own icon."""
    image = Image.new("RGB", (size, size), _NIGHT)
    _bell(ImageDraw.Draw(image), size // 8, size // 8, size * 3 // 4)
    return image


def _head(draw: ImageDraw.ImageDraw, words: Words, width: int) -> None:
    draw.rectangle((0, 0, width, _HEAD), fill=_NIGHT)
    draw.rectangle((0, _HEAD - 3, width, _HEAD), fill=_AMBER)
    _bell(draw, _PAD, 24, 34)
    draw.text((_PAD + 52, 34), words.title, _WHITE, font=font_for(words.title, 24), anchor="lm")
    under = f"Order {words.order_id}   ·   {words.authority}"
    small = font_for(under, 14)
    draw.text((_PAD + 52, 61), _cut(under, small, width - 2 * _PAD - 52), (200, 208, 222), font=small, anchor="lm")


def _body(words: Words, width: int) -> Image.Image:
    """Draw the text at its full height."""
    lines: list[tuple[str, int, tuple[int, int, int], bool]] = []
    room = width - 2 * _PAD - 24
    for section in words.sections:
        lines.append((section.heading, 18, _INK, False))
        for paragraph in section.paragraphs:
            wrapped = _wrap(paragraph, font_for(paragraph, 15), room - (14 if section.quoted else 0))
            lines += [(line, 15, _INK if section.quoted else (52, 58, 70), section.quoted) for line in wrapped]
            lines.append(("", 6, _INK, section.quoted))
        lines.append(("", 12, _INK, False))
    height = 20 + sum(int(size * 1.45) for _, size, _, _ in lines)
    image = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(image)
    y = 20
    for line, size, ink, quoted in lines:
        step = int(size * 1.45)
        if quoted:
            draw.rectangle((_PAD, y, width - _PAD, y + step), fill=_QUOTE)
            draw.rectangle((_PAD, y, _PAD + 3, y + step), fill=_BLUE)
        if line:
            draw.text((_PAD + (14 if quoted else 0), y + step // 2), line, ink, font=font_for(line, size), anchor="lm")
        y += step
    return image


def _button(
    draw: ImageDraw.ImageDraw,
    box: Rect,
    label: str,
    name: str,
    look: Look,
    fill: tuple[int, int, int],
    ink: tuple[int, int, int],
) -> None:
    if look.hover == name:
        fill = (20, 66, 138) if fill == _BLUE else (238, 241, 246)
    draw.rounded_rectangle((box.x, box.y, box.right, box.bottom), 8, fill=fill, outline=_BLUE, width=2)
    if look.focus == name:
        draw.rounded_rectangle((box.x - 4, box.y - 4, box.right + 4, box.bottom + 4), 11, outline=_AMBER, width=3)
    draw.text((box.x + box.w // 2, box.y + box.h // 2), label, ink, font=font(16), anchor="mm")


def _bell(draw: ImageDraw.ImageDraw, x: int, y: int, size: int) -> None:
    """Draw a bell, the house's sign."""
    s = size / 20
    draw.pieslice((x + 3 * s, y + 1 * s, x + 17 * s, y + 17 * s), 180, 360, fill=_AMBER)
    draw.polygon(
        [(x + 3 * s, y + 9 * s), (x + 17 * s, y + 9 * s), (x + 19 * s, y + 16 * s), (x + s, y + 16 * s)], _AMBER
    )
    draw.ellipse((x + 8 * s, y + 16 * s, x + 12 * s, y + 20 * s), fill=_AMBER)


def _wrap(text: str, face: Font, width: int) -> list[str]:
    """Break text into lines; a word longer than a line is cut."""
    lines, line = [], ""
    for word in text.split():
        while face.getlength(word) > width:
            fits = next(n for n in range(len(word), 0, -1) if n == 1 or face.getlength(word[:n]) <= width)
            if line:
                lines.append(line)
                line = ""
            lines.append(word[:fits])
            word = word[fits:]
        longer = f"{line} {word}" if line else word
        if face.getlength(longer) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line] if line else lines


def _cut(text: str, face: Font, width: float) -> str:
    if face.getlength(text) <= width:
        return text
    while text and face.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
