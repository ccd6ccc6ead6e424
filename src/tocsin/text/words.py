"""Words of a text: where each stands in the original, and a hash of its folded spelling.

All work is done on whole arrays, so a long text costs a few tens of nanoseconds a character and a chat line
well under a tenth of a millisecond.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tocsin.text.normalise import Normalised, normalise

CHUNK = 1 << 16
"""Characters folded at once: small enough to stay in the processor's cache."""

_PRIME = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Words:
    """Words in order. ``starts``/``ends`` are offsets in the original text; a number is a word of its own."""

    text: str
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    numbers: NDArray[np.bool_]

    def __len__(self) -> int:
        return int(self.starts.size)

    def spelling(self, index: int) -> str:
        """Return word ``index`` folded, with its repeated letters as they are."""
        return normalise_word(self.text[int(self.starts[index]) : int(self.ends[index])])

    def original(self, first: int, last: int) -> tuple[int, int]:
        """Return the span in the original text of words ``first`` to ``last``, both included."""
        return int(self.starts[first]), int(self.ends[last])


def normalise_word(word: str) -> str:
    """Fold one word as ``normalise`` does."""
    if word.isascii() and (word.isalpha() or word.isdigit()):
        return word.lower()
    return normalise(word).text.strip()


def words(text: str) -> Words:
    """Split ``text`` into words and numbers, folded and hashed."""
    if len(text) <= CHUNK:
        return _words(text, normalise(text), 0)
    parts = [_words(text[start:end], normalise(text[start:end]), start) for start, end in _chunks(text)]
    return Words(
        text,
        np.concatenate([part.starts for part in parts]),
        np.concatenate([part.ends for part in parts]),
        np.concatenate([part.hashes for part in parts]),
        np.concatenate([part.numbers for part in parts]),
    )


def fold_runs(word: str) -> str:
    """Fold repeated letters to one, digits left alone: ``heyyy`` → ``hey``, ``meet`` → ``met``."""
    out: list[str] = []
    for char in word:
        if not out or char != out[-1] or char.isdigit():
            out.append(char)
    return "".join(out)


def hash_word(word: str) -> int:
    """Return the hash that ``words`` gives a word spelled ``word`` (folded)."""
    total, power = 0, 1
    for char in fold_runs(word):
        total = (total + ord(char) * power) & _MASK
        power = (power * _PRIME) & _MASK
    return total


def same_word(wanted: str, seen: str) -> bool:
    """Tell whether ``seen`` spells ``wanted`` when letters may be drawn out.

    Both are folded. A run of three or more stands for one or two; a doubled last letter stands for one
    (``heyy``). Otherwise runs must be equal, so that ``met`` is not ``meet``.
    """
    if wanted == seen:
        return True
    left, right = _runs(wanted), _runs(seen)
    if len(left) != len(right):
        return False
    final = len(left) - 1
    for position, ((a, n), (b, m)) in enumerate(zip(left, right, strict=True)):
        if a != b or not (n == m or m >= 3 or (n == 1 and m == 2 and position == final)):
            return False
    return True


def _runs(word: str) -> list[tuple[str, int]]:
    runs: list[tuple[str, int]] = []
    for char in word:
        if runs and runs[-1][0] == char:
            runs[-1] = (char, runs[-1][1] + 1)
        else:
            runs.append((char, 1))
    return runs


def _chunks(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(text):
        end = min(start + CHUNK, len(text))
        if end < len(text):
            cut = max(text.rfind(" ", start, end), text.rfind("\n", start, end))
            end = cut if cut > start else end
        yield start, end
        start = end


def _words(text: str, folded: Normalised, shift: int) -> Words:
    chars = folded.chars
    size = chars.size
    letter = chars >= 97
    kind = letter.view(np.uint8) * np.uint8(2)
    if not letter.all():
        kind |= ((chars >= 48) & (chars <= 57)).view(np.uint8)
    change = np.empty(size + 1, dtype=bool)
    if size:
        change[0] = change[-1] = True
        np.not_equal(kind[1:], kind[:-1], out=change[1:-1])
    else:
        change[0] = False
    edges = np.flatnonzero(change)
    starts, ends = edges[:-1], edges[1:]
    inside = kind[starts] != 0
    starts, ends = starts[inside], ends[inside]
    numbers = kind[starts] == 1
    hashes = _hashes(chars, letter, starts, ends)
    if folded.origin is not None:
        origin = folded.origin
        starts, ends = origin[starts], origin[ends - 1] + 1
    return Words(text, starts + shift, ends + shift, hashes, numbers)


def _hashes(
    chars: NDArray[np.uint16], letter: NDArray[np.bool_], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Polynomial hash of each word over its letters with runs folded to one."""
    size = chars.size
    repeat = np.zeros(size, dtype=bool)
    if size:
        np.equal(chars[1:], chars[:-1], out=repeat[1:])
        repeat &= letter
    if repeat.any():
        kept = np.flatnonzero(~repeat)
        moved = np.empty(size + 1, dtype=np.int64)
        moved[0] = 0
        np.cumsum(~repeat, out=moved[1:])
        chars = chars[kept]
        starts, ends = moved[starts], moved[ends]
    power, inverse = _powers()
    sums = np.zeros(chars.size + 1, dtype=np.uint64)
    np.cumsum(chars * power[: chars.size], out=sums[1:])
    return (sums[ends] - sums[starts]) * inverse[starts]


@cache
def _powers() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the powers of the prime and of its inverse modulo 2^64."""
    count = CHUNK + 1
    power, inverse = np.ones(count, dtype=np.uint64), np.ones(count, dtype=np.uint64)
    power[1:], inverse[1:] = np.uint64(_PRIME), np.uint64(pow(_PRIME, -1, 1 << 64))
    return np.cumprod(power, dtype=np.uint64), np.cumprod(inverse, dtype=np.uint64)
