"""Normalising text so that one spelling stands for many, with a way back to the original characters.

Look-alike letters, width and style variants, case, accents, zero-width characters and leetspeak are folded.
Ages and other numbers stay what they are: ``13f`` keeps its 13, while ``h0w`` becomes ``how``.
"""

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

SPACE, NEWLINE = 32, 10
_DROP = 0
_TABLE = 0x20000
_EMOJI_BASE = 0xE000
_OTHER_LETTER = 0xF8FF

_LOOK_ALIKES = (
    # Cyrillic, Greek and Armenian letters that are drawn like Latin ones
    ("аеорсухіѕјһԁԛԝвкмнтгпзьӏ", "aeopcyxisjhdqwbkmhtrnzbl"),
    ("αοερικτυχηβγωνζμ", "aoepiktuxnbywvzm"),
    ("օսհց", "ouhg"),
    # Latin letters whose decomposition is not a plain letter, and small capitals
    ("ıłøđħßæœþðɑɡɩəŋ", "ilodhsaopdagien"),
    ("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz"),
)
_APOSTROPHES = "'’‘ʼ`´＇"
_LEET = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i", "|": "l"}
_KEPT = "@$!|"
"""Marks that may stand for a letter; they become spaces where they do not."""

EMOJI_WORDS: dict[str, str] = {
    "🤫": "secret",
    "🤐": "secret",
    "📸": "pic",
    "📷": "pic",
    "🎁": "gift",
    "💵": "money",
    "💰": "money",
    "💸": "money",
    "🎥": "video",
    "📹": "video",
    "🏠": "home",
}
"""Emoji that stand for a word of the packs; all others only separate words."""


@dataclass(frozen=True, slots=True)
class Normalised:
    """Folded characters (letters, digits, spaces, newlines) and where each came from.

    ``origin[i]`` is the index in the original text of ``chars[i]``; None means that they are the same.
    """

    chars: NDArray[np.uint16]
    origin: NDArray[np.int64] | None

    @property
    def text(self) -> str:
        """The folded characters as a string."""
        return self.chars.astype("<u2").tobytes().decode("utf-16-le", "replace")

    def offset(self, index: int) -> int:
        """Return the original index of folded character ``index``."""
        return index if self.origin is None else int(self.origin[index])


def is_digit(chars: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Tell which folded characters are digits 0 to 9."""
    return (chars >= 48) & (chars <= 57)


def normalise(text: str) -> Normalised:
    """Fold ``text``; see the module's words for what is folded. Linear time, any input accepted."""
    if text.isascii():
        raw: NDArray[Any] = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
        chars = _table()[:128][raw]
    else:
        raw = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        chars = _table()[np.minimum(raw, _TABLE - 1)]
    origin: NDArray[np.int64] | None = None
    if chars.size and not chars.all():
        origin = np.flatnonzero(chars)
        chars = chars[origin]
    return Normalised(_unleet(chars), origin)


def _unleet(chars: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Turn digits and marks inside words into the letters they stand for; the marks left become spaces.

    A digit counts only between two letters, or doubled between two letters (not 11: ``im11yo``), or as a
    ``0`` that begins or ends a word. So ages, grades and times never change.
    """
    leet = _leet()
    at = np.flatnonzero(leet[np.minimum(chars, 127)])
    if not at.size:
        return chars
    padded = np.zeros(chars.size + 4, dtype=np.uint16)
    padded[2:-2] = chars
    here, before, after = padded[at + 2], padded[at + 1], padded[at + 3]
    before2, after2 = padded[at], padded[at + 4]
    left, right = before >= 97, after >= 97
    zero = here == 48
    edge = (zero | (here == ord("$"))) & ~left & ~is_digit(before) & right & (after2 >= 97)
    last = zero & left & (before2 >= 97) & ~right & ~is_digit(after)
    pair = is_digit(here) & (here != 49)
    first_of_two = pair & left & (after == here) & (after2 >= 97)
    second_of_two = pair & right & (before == here) & (before2 >= 97)
    swap = (left & right) | edge | last | first_of_two | second_of_two
    chars = chars.copy()
    chars[at[swap]] = leet[here[swap]]
    rest = at[~swap & ~is_digit(here)]
    chars[rest] = SPACE
    return chars


@cache
def _leet() -> NDArray[np.uint16]:
    table = np.zeros(128, dtype=np.uint16)
    for mark, letter in _LEET.items():
        table[ord(mark)] = ord(letter)
    return table


@cache
def _table() -> NDArray[np.uint16]:
    """Return the folded character of every code point below 0x20000."""
    table = np.full(_TABLE, SPACE, dtype=np.uint16)
    ranges = (range(0x3000), range(0xFB00, 0xFB07), range(0xFF00, 0xFFF0), range(0x1D400, 0x1D800))
    for span in (*ranges, range(0x1F100, 0x1F1FF), range(0xA720, 0xA800)):
        for point in span:
            table[point] = _fold(chr(point))
    _letters_elsewhere(table)
    for alike, plain in _LOOK_ALIKES:
        for look, letter in zip(alike, plain, strict=True):
            table[ord(look)] = ord(letter)
            upper = look.upper()
            if len(upper) == 1:
                table[ord(upper)] = ord(letter)
    for mark in _APOSTROPHES:
        table[ord(mark)] = _DROP
    for mark in _KEPT:
        table[ord(mark)] = ord(mark)
    for position, emoji in enumerate(EMOJI_WORDS):
        table[ord(emoji)] = _EMOJI_BASE + position
    return table


def _letters_elsewhere(table: NDArray[np.uint16]) -> None:
    """Keep letters of scripts that have no folding as they are."""
    table[0x3041:0xA4D0] = np.arange(0x3041, 0xA4D0, dtype=np.uint16)
    table[0xAC00:0xD7A4] = np.arange(0xAC00, 0xD7A4, dtype=np.uint16)
    table[0xFE00:0xFE10] = _DROP
    table[0xFEFF] = _DROP
    table[0x1F3FB:0x1F400] = _DROP
    table[_TABLE - 1] = _OTHER_LETTER


def _fold(char: str) -> int:
    category = unicodedata.category(char)
    if category in ("Mn", "Me", "Cf") and char not in "\u200e\u200f":
        return _DROP
    if char in "\n\r\x0b\x0c\u2028\u2029\x85":
        return NEWLINE
    for plain in unicodedata.normalize("NFKD", char).casefold():
        if "a" <= plain <= "z" or "0" <= plain <= "9":
            return ord(plain)
        if unicodedata.category(plain)[0] == "L" and ord(plain) < 0xE000:
            return ord(plain)
        if unicodedata.category(plain) == "Nd":
            return ord(str(unicodedata.digit(plain)))
    return SPACE


def emoji_letter(emoji: str) -> str:
    """Return the private letter that stands for ``emoji`` in folded text."""
    return chr(_EMOJI_BASE + list(EMOJI_WORDS).index(emoji))
