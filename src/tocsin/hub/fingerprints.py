"""Fingerprints as a device sends them, read with bounds: what a program on its side may have made up stays small."""

import re
from typing import Any, Final

from tocsin.hub.refusals import Refused
from tocsin.model.media import Fingerprints, Frame, Print
from tocsin.model.rect import Rect

MOST_ITEMS: Final = 256
"""Pictures, videos or files in one request."""
MOST_PRINTS: Final = 512
"""PDQ hashes of one picture: with and without borders, and of the photographs on a page."""
MOST_FRAMES: Final = 6000
"""Video frames of one item: an hour and forty minutes at one a second."""
MOST_WINDOWS: Final = 512
MOST_HASHES: Final = 20_000
"""Hashes of all items of one request together, which bounds the work that it can ask for."""

_MOST_SIDE: Final = 1_000_000
_ID = re.compile(r"[0-9A-Za-z._:-]{1,64}", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_WINDOW = re.compile(r"[0-9a-f]{2,128}", re.ASCII)
_DIGESTS: Final = {
    "md5": re.compile(r"[0-9a-f]{32}", re.ASCII),
    "sha1": re.compile(r"[0-9a-f]{40}", re.ASCII),
    "sha256": _HEX,
}
_MEDIA: Final = ("picture", "video", "other")
_PATHS: Final = ("full", "scaled", "screen")
_FRAME_PATHS: Final = ("full", "luma", "screen")
_FIELDS: Final = frozenset({"media", "md5", "sha1", "sha256", "prints", "frames", "windows"})


def items(raw: Any) -> list[tuple[str, Fingerprints]]:
    """Return the ids and fingerprints of a request's body. Raises Refused: 413 for too much, 422 for what is not so."""
    listed = raw.get("items") if isinstance(raw, dict) else None
    if not isinstance(listed, list) or not listed:
        raise Refused(422, "malformed", "A request is an object whose field items is a list that is not empty.")
    if len(listed) > MOST_ITEMS:
        raise Refused(413, "too-large", f"A request holds at most {MOST_ITEMS} items; this one has {len(listed)}.")
    found = []
    hashes = 0
    for number, item in enumerate(listed):
        where = f"items[{number}]"
        if not isinstance(item, dict) or not isinstance(item.get("prints"), dict):
            raise _wrong(where)
        found.append((_text(item, "id", _ID, where), read(item["prints"], where)))
        prints = found[-1][1]
        hashes += len(prints.prints) + len(prints.frames) + len(prints.windows)
        if hashes > MOST_HASHES:
            raise Refused(413, "too-large", f"A request holds at most {MOST_HASHES:,} hashes; send fewer at once.")
    return found


def read(raw: dict[str, Any], where: str = "prints") -> Fingerprints:
    """Return what ``Fingerprints.as_dict`` wrote. Raises Refused (422) naming the field that is wrong."""
    if not raw.keys() <= _FIELDS or raw.get("media") not in _MEDIA:
        raise _wrong(f"{where}.media" if raw.keys() <= _FIELDS else where)
    return Fingerprints(
        media=raw["media"],
        **{name: _text(raw, name, pattern, where) if raw.get(name) else "" for name, pattern in _DIGESTS.items()},
        prints=tuple(_print(each, f"{where}.prints") for each in _list(raw, "prints", MOST_PRINTS, where)),
        frames=tuple(_frame(each, f"{where}.frames") for each in _list(raw, "frames", MOST_FRAMES, where)),
        windows=tuple(_window(each, f"{where}.windows") for each in _list(raw, "windows", MOST_WINDOWS, where)),
    )


def _print(raw: Any, where: str) -> Print:
    if not isinstance(raw, dict) or raw.get("path", "full") not in _PATHS:
        raise _wrong(where)
    return Print(
        hex=_text(raw, "hex", _HEX, where),
        quality=_whole(raw, "quality", 100, where),
        path=raw.get("path", "full"),
        stripped=raw.get("stripped") is True,
        turn=_whole(raw, "turn", 7, where) if "turn" in raw else 0,
        region=_region(raw.get("region"), f"{where}.region"),
    )


def _region(raw: Any, where: str) -> Rect | None:
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise _wrong(where)
    return Rect(*(_whole(raw, name, _MOST_SIDE, where) for name in ("x", "y", "w", "h")))


def _frame(raw: Any, where: str) -> Frame:
    at = raw.get("at") if isinstance(raw, dict) else None
    if not isinstance(at, int | float) or isinstance(at, bool) or not 0 <= at <= 10_000_000:
        raise _wrong(where)
    if raw.get("path", "full") not in _FRAME_PATHS:
        raise _wrong(where)
    return Frame(
        at=float(at),
        hex=_text(raw, "hex", _HEX, where),
        quality=_whole(raw, "quality", 100, where),
        number=_whole(raw, "number", 10**9, where) if "number" in raw else 0,
        path=raw.get("path", "full"),
        stripped=raw.get("stripped") is True,
    )


def _window(raw: Any, where: str) -> str:
    if not isinstance(raw, str) or not _WINDOW.fullmatch(raw):
        raise _wrong(where)
    return raw


def _text(raw: dict[str, Any], name: str, pattern: re.Pattern[str], where: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _wrong(f"{where}.{name}")
    return value


def _whole(raw: dict[str, Any], name: str, most: int, where: str) -> int:
    value = raw.get(name)
    if type(value) is not int or not 0 <= value <= most:
        raise _wrong(f"{where}.{name}")
    return value


def _list(raw: dict[str, Any], name: str, most: int, where: str) -> list[Any]:
    value = raw.get(name, [])
    if not isinstance(value, list | tuple):
        raise _wrong(f"{where}.{name}")
    if len(value) > most:
        raise Refused(413, "too-large", f"The field {where}.{name} holds more than {most:,} hashes.")
    return list(value)


def _wrong(where: str) -> Refused:
    return Refused(422, "malformed", f"The field {where} is missing or out of bounds.")
