"""Saved pages, drawn in code: a site, a chat, a folder, an article and a telephone's screen, saved in several ways."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from io import BytesIO

from PIL import Image, ImageDraw

TALE = (
    "the ferry left at noon",
    "the harbour lay quiet under a pale sky",
    "gulls turned above the boats",
    "somebody sang on the quay",
    "a bicycle was never found again",
)
Layout = Callable[[Sequence[Image.Image], random.Random], Image.Image]


def site(pictures: Sequence[Image.Image], dice: random.Random) -> Image.Image:
    """One picture, shrunk to fit, beside lines of words."""
    page = Image.new("RGB", (1280, 800), (246, 246, 248))
    pen = ImageDraw.Draw(page)
    for line in range(30):
        pen.text((60, 20 + 26 * line), _words(dice, 9), fill=(30, 30, 30))
    page.paste(_fitted(pictures[0], 800, 600), (420, 150))
    return page


def chat(pictures: Sequence[Image.Image], dice: random.Random) -> Image.Image:
    """Bubbles, light or dark, two of them with a picture, its corners round or not."""
    light = ((239, 234, 226), (217, 253, 211), (255, 255, 255), (17, 17, 17))
    dark = ((11, 20, 26), (0, 92, 75), (32, 44, 51), (233, 237, 239))
    ground, *bubbles, ink = dice.choice((light, dark))
    page = Image.new("RGB", (1280, 900), ground)
    pen, y = ImageDraw.Draw(page), 20

    def bubble(height: int, width: int) -> int:
        mine = dice.random() < 0.5
        x = 1260 - width if mine else 20
        pen.rounded_rectangle((x, y, x + width, y + height), 10, fill=bubbles[not mine])
        return x

    for _ in range(3):
        pen.text((bubble(34, 420) + 12, y + 8), _words(dice, 7), fill=ink, font_size=16)
        y += 46
    for picture in pictures[:2]:
        shown, pad = _fitted(picture, dice.choice((300, 360, 420)), 330), dice.choice((0, 4, 6))
        x = bubble(shown.height + 2 * pad + 26, shown.width + 2 * pad)
        mask = Image.new("L", shown.size, 0)
        ImageDraw.Draw(mask).rounded_rectangle(
            (0, 0, shown.width - 1, shown.height - 1), dice.choice((0, 6, 10)), fill=255
        )
        page.paste(shown, (x + pad, y + pad), mask)
        pen.text((x + shown.width - 50, y + shown.height + 2 * pad + 4), "14:02", fill=ink, font_size=12)
        y += shown.height + 2 * pad + 40
    return page


def folder(pictures: Sequence[Image.Image], dice: random.Random) -> Image.Image:
    """Rows of pictures of one height, close together; as many as fit."""
    page = Image.new("RGB", (1280, 800), dice.choice(((255, 255, 255), (18, 18, 18))))
    gap, height, x, y = dice.choice((2, 4, 8)), dice.choice((160, 200, 240)), 20, 60
    ImageDraw.Draw(page).text((20, 20), _words(dice, 8), fill=(120, 120, 120), font_size=20)
    for picture in pictures:
        shown = picture.resize((round(picture.width * height / picture.height), height), Image.Resampling.LANCZOS)
        if x + shown.width > 1260:
            x, y = 20, y + height + gap
        page.paste(shown, (x, y))
        x += shown.width + gap
    return page


def article(pictures: Sequence[Image.Image], dice: random.Random) -> Image.Image:
    """A long page, three pictures between paragraphs."""
    page = Image.new("RGB", (1366, 2400), (255, 255, 255))
    pen, y = ImageDraw.Draw(page), 90
    pen.text((200, 30), _words(dice, 6), fill=(0, 0, 0), font_size=34)
    for picture in pictures[:3]:
        for _ in range(4):
            pen.text((200, y), _words(dice, 14), fill=(34, 34, 34), font_size=17)
            y += 26
        shown = _fitted(picture, 800, 520)
        page.paste(shown, (200, y + 8))
        y += shown.height + 52
    return page


def telephone(pictures: Sequence[Image.Image], dice: random.Random) -> Image.Image:
    """Pictures as wide as the screen, or as high as there is room."""
    dark = dice.random() < 0.5
    page = Image.new("RGB", (1080, 2340), (0, 0, 0) if dark else (255, 255, 255))
    pen, ink, y = ImageDraw.Draw(page), (230,) * 3 if dark else (20,) * 3, 300
    pen.text((60, 30), "14:02", fill=ink, font_size=36)
    pen.rectangle((0, 100, 1080, 240), fill=(30, 30, 30) if dark else (245, 245, 245))
    for picture in pictures[:2]:
        shown = _fitted(picture, 1080, 900)
        page.paste(shown, ((1080 - shown.width) // 2, y))
        y += shown.height + 20
        pen.text((40, y), _words(dice, 7), fill=ink, font_size=36)
        y += 90
    return page


LAYOUTS: dict[str, tuple[Layout, int]] = {
    "site": (site, 1),
    "chat": (chat, 2),
    "folder": (folder, 8),
    "article": (article, 3),
    "telephone": (telephone, 2),
}
"""Each layout, and how many pictures one page of it shows."""
SAVED = ("PNG", "JPEG 90", "JPEG 75", "60 %, PNG", "60 %, JPEG 80")


def saved(page: Image.Image, how: str) -> bytes:
    """Return a page's file, saved in one of the ways of ``SAVED``."""
    if how.startswith("60 %"):
        page = page.resize((page.width * 6 // 10, page.height * 6 // 10), Image.Resampling.LANCZOS)
    kind, _, quality = how.removeprefix("60 %, ").partition(" ")
    out = BytesIO()
    page.save(out, kind, **({"quality": int(quality)} if quality else {}))
    return out.getvalue()


def _words(dice: random.Random, count: int) -> str:
    words = " ".join(dice.choice(TALE) for _ in range(count)).split()
    return " ".join(words[:count])


def _fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    factor = min(width / picture.width, height / picture.height)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, Image.Resampling.LANCZOS)
