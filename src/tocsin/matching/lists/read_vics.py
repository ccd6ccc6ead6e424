"""VICS (Project VIC) JSON 1.2, 1.3 and 2.0, read element by element: the file may have any size.

There is no public schema; the field names and the quirks come from working importers (see the reference on VICS).
A category is kept with its context URI as the scheme, and never mapped: the numbers differ between countries.
"""

import itertools
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, BinaryIO

import ijson

from tocsin.matching.lists.entry import BadRow, Entry, Rejected, hash_key, keep_date, keep_hash, shortened
from tocsin.matching.lists.lines import as_utf8
from tocsin.matching.lists.nesting import Shallow, TooDeepError

_HEADER_EVENTS = 200_000
_HASHES = ("md5", "sha1", "sha256", "pdq", "photodna")
_TAKEN = {"mediaid", "category", "md5", "sha1", "sha256", "photodna", "pdq", "alternativehashes", "dateupdated"}
_LEFT_OUT = {"mediafiles", "exifs", "segments", "repositories"}
"""Long lists about one seized file: where it lay, not what it is."""


def read_vics(file: BinaryIO) -> Iterator[Entry | Rejected]:
    """Yield the Media of a hash list (``#Media``) or of all cases (``#Cases``). A broken end is a fatal Rejected."""
    number = 0
    try:
        context, prefix = _header(Shallow(as_utf8(file)))
        if not prefix:
            yield Rejected(0, "no array of media in this JSON", shortened(context), fatal=True)
            return
        for media in ijson.items(Shallow(as_utf8(file)), prefix):
            number += 1
            yield _entry(number, media, context)
    except TooDeepError as error:
        yield Rejected(number + 1, f"the JSON is no list of media: {error}", "", fatal=True)
    except (ijson.JSONError, UnicodeDecodeError, RecursionError) as error:
        yield Rejected(number + 1, f"the JSON breaks off or is damaged here ({shortened(error, 80)})", "", fatal=True)


def _header(file: Shallow) -> tuple[str, str]:
    """Return the context URI and the path of the media, both spelt as the file spells them."""
    context, value, cases = "", "", False
    for path, event, held in itertools.islice(ijson.parse(file), _HEADER_EVENTS):
        if event == "string" and path.lower().replace("odata\\.", "odata.") in ("odata.metadata", "@odata.context"):
            context = held[:500]
            cases = held.lower().endswith("#cases")
        elif event == "start_array" and not value and path.lower() in ("value", ""):
            value = f"{path}.item" if path else "item"
            if context and not cases:
                return context, value
        elif event == "start_array" and value and path.lower() == f"{value.lower()}.media":
            return context, f"{path}.item"
        elif event == "end_map" and value and path == value and not cases:
            return context, value
    return context, f"{value}.Media.item" if value and cases else value


def _entry(number: int, media: Any, context: str) -> Entry | Rejected:
    if not isinstance(media, Mapping):
        return Rejected(number, "not an object with properties", shortened(media))
    held = {str(key).lower(): value for key, value in media.items()}
    try:
        category = held.get("category")
        entry = Entry(
            number,
            id=_text(held.get("mediaid")),
            category="" if category is None else _text(category),
            scheme=context,
            extra={str(key): _plain(value) for key, value in media.items() if _kept(str(key).lower(), value)} or None,
        )
        keep_date(entry, _text(held.get("dateupdated")))
        for kind, text in _hashes(held):
            keep_hash(entry, kind, text)
        if not entry.hashes:
            raise BadRow(entry.problem or "no hash in this media")
        entry.key = hash_key(entry.hashes)
        return entry
    except BadRow as reason:
        return Rejected(number, str(reason), shortened({k: v for k, v in media.items() if k.lower() not in _LEFT_OUT}))


def _hashes(held: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [(kind, str(held[kind])) for kind in _HASHES if held.get(kind)]
    others = held.get("alternativehashes")
    for other in others if isinstance(others, list) else ():
        if isinstance(other, Mapping):
            lower = {str(key).lower(): value for key, value in other.items()}
            kind = "".join(filter(str.isalnum, str(lower.get("hashname", "")).lower())).replace("pdna", "photodna")
            if kind in _HASHES and lower.get("hashvalue"):
                found.append((kind, str(lower["hashvalue"])))
    return found


def _kept(key: str, value: Any) -> bool:
    return key not in _TAKEN and key not in _LEFT_OUT and value not in (None, "", [], {})


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()[:500]


def _plain(value: Any) -> Any:
    """Return a value as plain JSON: numbers that the parser made decimals become floats again, depth is bounded."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list | dict):
        return shortened(value, 2000)
    return value[:2000] if isinstance(value, str) else value
