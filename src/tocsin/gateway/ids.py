"""The number that callers know an entry by: the same on every machine and after every rebuild, below 2**53.

What was put into a bank by hand has the store's own number, and is called ``content-NUMBER`` in its list. What came
from elsewhere has a number above 2**52, made of the first 52 bits of its key: its list finds it by that.
"""

import re
from typing import Final

import numpy as np

from tocsin.matching.lists.entry import Entry, key_of
from tocsin.matching.lists.view import Place, View
from tocsin.model.media import Match

FIRST_OF_LISTS: Final = 1 << 52
MOST: Final = (1 << 53) - 1

_OWN = re.compile(r"content-([1-9][0-9]{0,14})", re.ASCII)


def entry_name(content: int) -> str:
    """Return what a content of the store is called in its bank's list."""
    return f"content-{content}"


def entry_id(match: Match) -> int:
    """Return the number of the entry that a match names."""
    own = _OWN.fullmatch(match.entry)
    if own is not None:
        return int(own[1])
    return FIRST_OF_LISTS | int(match.key[:13] or "0", 16)


def place_of(view: View, wanted: int) -> Place | None:
    """Return where a live entry from elsewhere lies, or None."""
    if not FIRST_OF_LISTS <= wanted <= MOST:
        return None
    low = (wanted - FIRST_OF_LISTS) << 12
    for number, part in enumerate(view.parts):
        first = int(np.searchsorted(part.keys.prefix, np.uint64(low), "left"))
        last = int(np.searchsorted(part.keys.prefix, np.uint64(low | 0xFFF), "right"))
        for row in part.keys.row[first:last].tolist():
            if view.live[number][row] and _OWN.fullmatch(view.record(Place(number, row)).entry) is None:
                return Place(number, row)
    return None


def keys_of(number: int) -> tuple[bytes, bytes]:
    """Return the first and the last key that the entries known by a number can have in their list."""
    if number < FIRST_OF_LISTS:
        key = key_of(Entry(0, id=entry_name(number)))
        return key, key
    low = (number - FIRST_OF_LISTS) << 12
    return low.to_bytes(8, "big") + bytes(8), (low | 0xFFF).to_bytes(8, "big") + b"\xff" * 8
