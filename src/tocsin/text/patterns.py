"""The small language phrases are written in, so that a linguist can read and review them.

=====================  =========================================================================
``are [you|u] home``   one of several; an empty choice (``[now|]``) makes it optional
``<parents>``          a class of words from ``classes.yaml``
``{age}``              a number in a range, in digits or in words: see SLOTS
``home .. alone``      up to three other words may stand between
``home ... alone``     up to eight
=====================  =========================================================================

A phrase is expanded into plain sequences of words; the parts around a gap are expanded each on their own.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import prod

from tocsin.text.normalise import normalise

MAX_EXPANSIONS = 4000
"""One choice that expands further than this is refused: it should be written shorter or with a gap."""
SHARE = 200
"""A stretch that would expand further than this is cut into parts that must touch each other."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number from ``low`` to ``high``; ``age`` refuses quantities such as ``15 minutes``."""

    low: int
    high: int
    age: bool = False


Element = str | Number
SLOTS: Mapping[str, Number] = {
    "age": Number(8, 17, age=True),
    "young": Number(3, 15, age=True),
    "adult": Number(19, 79, age=True),
    "grade": Number(3, 12),
    "year": Number(3, 13),
    "n": Number(0, 10_000_000),
}
NUMBER_WORDS: Mapping[str, int] = {
    # English
    "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13,
    "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
    "thirty": 30, "forty": 40, "fifty": 50,
    # Spanish
    "siete": 7, "ocho": 8, "nueve": 9, "diez": 10, "doce": 12, "trece": 13, "catorce": 14, "quince": 15,
    "dieciseis": 16, "diecisiete": 17, "dieciocho": 18, "treinta": 30, "cuarenta": 40, "cincuenta": 50,
    # Tagalog, native and borrowed
    "anim": 6, "pito": 7, "walo": 8, "siyam": 9, "sampu": 10, "labindalawa": 12, "labintatlo": 13,
    "labingapat": 14, "labinglima": 15, "labinganim": 16, "labimpito": 17, "labingpito": 17,
    "sais": 6, "siyete": 7, "otso": 8, "nuwebe": 9, "dyes": 10, "onse": 11, "dose": 12, "trese": 13,
    "katorse": 14, "kinse": 15, "disisais": 16, "disisiyete": 17,
}  # fmt: skip
_TOKEN = re.compile(r"\[|\]|\||<[a-z0-9-]+>|\{[a-z]+\}|\.{2,}|[^\s\[\]|<>{}]+")


class PatternError(ValueError):
    """A phrase that cannot be read; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Part:
    """One stretch of a phrase: all its plain sequences, and how many words may stand before it."""

    sequences: tuple[tuple[Element, ...], ...]
    gap: int
    optional: bool = False


def parse(phrase: str, classes: Mapping[str, Sequence[str]]) -> tuple[Part, ...]:
    """Expand one phrase into its parts. Raises PatternError naming the phrase."""
    try:
        return tuple(_parts(phrase, classes))
    except PatternError as error:
        raise PatternError(f"The phrase {phrase!r} cannot be read: {error}") from None


def _parts(phrase: str, classes: Mapping[str, Sequence[str]]) -> Iterator[Part]:
    gap, current, depth = 0, list[str](), 0
    for mark in [*_TOKEN.findall(phrase), None]:
        dots = mark is not None and set(mark) == {"."}
        depth += (mark == "[") - (mark == "]")
        if mark is not None and not (dots and depth == 0):
            current.append(mark)
            continue
        pieces = _touching(_slots(current, classes))
        if all(() in piece for piece in pieces):
            raise PatternError("a stretch between gaps may be empty")
        for position, piece in enumerate(pieces):
            filled = tuple(sequence for sequence in dict.fromkeys(piece) if sequence)
            yield Part(filled, 0 if position else gap, optional=() in piece)
        gap, current = (3 if mark == ".." else 8), []


def _touching(slots: list[list[tuple[Element, ...]]]) -> list[list[tuple[Element, ...]]]:
    """Multiply neighbouring slots out while that stays small, and keep the rest as parts that touch."""
    pieces: list[list[tuple[Element, ...]]] = []
    for slot in slots:
        if pieces and len(pieces[-1]) * len(slot) <= SHARE:
            pieces[-1] = [left + right for left in pieces[-1] for right in slot]
        else:
            pieces.append(slot)
    return pieces


def _slots(marks: list[str], classes: Mapping[str, Sequence[str]]) -> list[list[tuple[Element, ...]]]:
    slots: list[list[tuple[Element, ...]]] = []
    index = 0
    while index < len(marks):
        mark = marks[index]
        if mark == "[":
            end = _closing(marks, index)
            choices = [item for choice in _choices(marks[index + 1 : end]) for item in _expand(choice, classes)]
            index = end
        elif mark in ("]", "|"):
            raise PatternError(f"{mark} stands outside brackets")
        else:
            choices = _single(mark, classes)
        slots.append(list(dict.fromkeys(choices)))
        index += 1
    return slots


def _expand(marks: list[str], classes: Mapping[str, Sequence[str]]) -> list[tuple[Element, ...]]:
    slots = _slots(marks, classes)
    if prod(len(slot) for slot in slots) > MAX_EXPANSIONS:
        raise PatternError(f"one choice expands to more than {MAX_EXPANSIONS:,} sequences")
    return [tuple(element for piece in pieces for element in piece) for pieces in product(*slots)]


def _closing(marks: list[str], start: int) -> int:
    depth = 0
    for index in range(start, len(marks)):
        depth += (marks[index] == "[") - (marks[index] == "]")
        if depth == 0:
            return index
    raise PatternError("a bracket is not closed")


def _choices(marks: list[str]) -> list[list[str]]:
    choices: list[list[str]] = [[]]
    depth = 0
    for mark in marks:
        depth += (mark == "[") - (mark == "]")
        if mark == "|" and depth == 0:
            choices.append([])
        else:
            choices[-1].append(mark)
    return choices


def _single(mark: str, classes: Mapping[str, Sequence[str]]) -> list[tuple[Element, ...]]:
    if mark.startswith("<"):
        name = mark[1:-1]
        if name not in classes:
            raise PatternError(f"there is no class of words named {name!r}")
        return list(_class(tuple(classes[name])))
    if mark.startswith("{"):
        if mark[1:-1] not in SLOTS:
            raise PatternError(f"there is no number slot {mark}")
        return [(SLOTS[mark[1:-1]],)]
    if not elements(mark):
        raise PatternError(f"{mark!r} has neither letters nor digits")
    return [elements(mark)]


@cache
def _class(members: tuple[str, ...]) -> tuple[tuple[Element, ...], ...]:
    return tuple(dict.fromkeys(tuple(e for word in member.split() for e in elements(word)) for member in members))


@cache
def elements(word: str) -> tuple[Element, ...]:
    """Fold one written word into elements: ``13f`` is a number and a letter, ``thirteen`` a number."""
    found: list[Element] = []
    for piece in re.findall(r"\d+|[^\W\d_]+", normalise(word).text):
        value = int(piece) if piece.isdigit() else NUMBER_WORDS.get(piece)
        found.append(piece if value is None else Number(value, value))
    return tuple(found)
