"""Read a known picture at the start: a reader that returns nothing must be noticed before it is trusted."""

import difflib
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tocsin.agent.sensors.crops import cut
from tocsin.agent.sensors.lines import find_lines
from tocsin.agent.sensors.ocr import Reader

WORDS = ("the bell rings at half past ten", "see you at 9:45, by the old mill")
_ENOUGH = 0.85


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What came of it: passed or not, and a sentence that says so."""

    passed: bool
    sentence: str


def check(reader: Reader) -> SelfTest:
    """Draw two known lines, dark on light and light on dark, find and read them."""
    read: list[str] = []
    try:
        for words, ink, ground in ((WORDS[0], "#202020", "white"), (WORDS[1], "#e8e8e8", "#1f2a36")):
            pixels = _drawn(words, ink, ground)
            found = find_lines(pixels).lines
            read.append(" ".join(text for text, _ in reader.read([cut(pixels, line, (0, 0))[1] for line in found])))
    except Exception as problem:
        return SelfTest(False, f"The text reader failed on a known picture: {problem}")
    right = [difflib.SequenceMatcher(None, a, b, autojunk=False).ratio() for a, b in zip(WORDS, read, strict=True)]
    if min(right) >= _ENOUGH:
        return SelfTest(True, "The text reader read a known picture as it should.")
    return SelfTest(False, f"The text reader does not work: of a known picture it read only {min(right):.0%} right.")


def _drawn(words: str, ink: str, ground: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    font = ImageFont.load_default(20)
    width = int(font.getlength(words)) + 40
    image = Image.new("RGBA", (width, 60), ground)
    ImageDraw.Draw(image).text((20, 16), words, font=font, fill=ink)
    return np.asarray(image)[:, :, [2, 1, 0, 3]].copy()
