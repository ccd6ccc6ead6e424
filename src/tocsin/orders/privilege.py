"""Privileged contacts: what shows a lawyer or a doctor is never recorded, whatever else is on the screen."""

import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

from tocsin.orders.order import Order

_LONG_ENOUGH = 8
"""From this many letters a match also counts when the reader lost or added spaces."""


def is_privileged(order: Order, app: str, title: str, texts: Iterable[str]) -> bool:
    """Say whether an application, a window title or any line read names a privileged contact of the order.

    Case, width and spacing do not matter; a match must stand as words of its own, so that ``Ford`` is not found
    in ``afford``.
    """
    matches = [_words(match) for contact in order.privileged for match in contact.match]
    if not matches:
        return False
    return any(_names(match, text) for text in _plain((app, title, *texts)) for match in matches)


def _plain(texts: Iterable[str]) -> Iterator[str]:
    return (_words(text) for text in texts if text)


@lru_cache(maxsize=4096)
def _words(text: str) -> str:
    """Return text folded for comparison, its white space made single."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _names(match: str, text: str) -> bool:
    start = text.find(match)
    while start >= 0:
        end = start + len(match)
        before, after = text[start - 1 : start], text[end : end + 1]
        if not (before.isalnum() and match[0].isalnum()) and not (after.isalnum() and match[-1].isalnum()):
            return True
        start = text.find(match, start + 1)
    tight = match.replace(" ", "")
    return len(tight) >= _LONG_ENOUGH and " " in match and tight in text.replace(" ", "")
