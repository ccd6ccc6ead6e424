"""One entry of a hash list: what a source said of one picture, video or file, and the hashes it gave."""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from hashlib import blake2b

LENGTHS: dict[str, int] = {"md5": 16, "sha1": 20, "sha256": 32, "pdq": 32, "photodna": 144, "window": 38}
"""Kinds of hash a list may hold, and their bytes. ``window`` is the crop-tolerant signal of lists made here."""

DIGESTS = ("sha256", "sha1", "md5")
"""The exact kinds, strongest first."""

_BY_DIGITS = {32: "md5", 40: "sha1", 64: "sha256", 288: "photodna"}
_ODATA_DATE = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")
_WORDS = {
    "": 0, "active": 0, "received": 0, "enabled": 0, "live": 0, "malicious": 0,
    "withdrawn": 1, "revoked": 1, "inactive": 1, "disabled": 1,
    "deleted": 2, "removed": 2,
}  # fmt: skip


class ListError(ValueError):
    """A list that cannot be built, opened or changed; the message is a sentence for the person who meets it."""


class BadRow(ValueError):  # noqa: N818 - it names the row
    """A row that cannot be used; the message says why."""


class Status(IntEnum):
    """Whether a source still stands by an entry. Only *active* ones are matched; the others are kept as tombstones."""

    ACTIVE = 0
    WITHDRAWN = 1
    DELETED = 2


@dataclass(slots=True)
class FrameHash:
    """One frame of a listed video: its second, its PDQ hash (32 bytes) and quality."""

    at: float
    pdq: bytes
    quality: int


@dataclass(slots=True)
class Entry:
    """One row of a source, checked.

    ``number`` is its line (or element) in the file; ``id`` the source's own name for it; ``key`` the 16 bytes that
    tell whether two rows speak of the same thing (left empty: made from the id, else from a hash). ``updated``
    is in Unix seconds, 0 when the source gives none. ``category`` is the raw code. ``extra`` is kept as it came.
    ``problem`` says what of the row (another hash, its date) could not be read, where at least one hash could.
    """

    number: int
    hashes: list[tuple[str, bytes]] = field(default_factory=list)
    id: str = ""
    key: bytes = b""
    status: int = Status.ACTIVE
    updated: int = 0
    category: str = ""
    classification: str = ""
    scheme: str = ""
    source: str = ""
    quality: int = -1
    frames: Sequence[FrameHash] = ()
    extra: Mapping[str, object] | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was left out: its line, why, and its text, shortened. ``fatal`` when the rest could not be read."""

    number: int
    reason: str
    raw: str
    fatal: bool = False


def read_hash(kind: str, text: str) -> bytes:
    """Return the bytes of a hash in hex, or (PhotoDNA) in base64. Raises BadRow."""
    length = LENGTHS[kind]
    if len(text) == length * 2:
        try:
            return bytes.fromhex(text)
        except ValueError:
            raise BadRow(f"{kind}: a letter that is not a hex digit") from None
    text = text.strip()
    if kind == "photodna" and len(text) == 192:
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise BadRow("photodna: a letter that is not base64") from None
    if len(text) == length * 2:
        return read_hash(kind, text)
    raise BadRow(f"{kind}: {len(text)} digits where {length * 2} are needed")


_KEYED_BY = tuple(
    (kind, kind.encode("ascii") + b" ") for kind in ("md5", "sha1", "sha256", "pdq", "photodna", "window")
)


def hash_key(hashes: Iterable[tuple[str, bytes]]) -> bytes:
    """Return the key of an entry that is known by its hashes alone: made from the first, in a fixed order of kinds."""
    held = list(hashes)
    if len(held) == 1:
        return blake2b(held[0][0].encode("ascii") + b" " + held[0][1], digest_size=16).digest()
    for kind, mark in _KEYED_BY:
        values = [value for one, value in held if one == kind]
        if values:
            return blake2b(mark + (values[0] if len(values) == 1 else min(values)), digest_size=16).digest()
    return bytes(16)


def key_of(entry: Entry) -> bytes:
    """Return the 16 bytes that stand for an entry's identity: two entries of a list with the same key are one."""
    if entry.key:
        return entry.key
    if entry.id:
        return blake2b(b"id " + entry.id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return hash_key(entry.hashes or [("pdq", frame.pdq) for frame in entry.frames])


def keep_hash(entry: Entry, kind: str, text: str) -> None:
    """Put a hash into an entry once; one that cannot be read becomes the entry's ``problem``."""
    try:
        one = (kind, read_hash(kind, text.strip()))
    except BadRow as reason:
        entry.problem = str(reason)
        return
    if one not in entry.hashes:
        entry.hashes.append(one)


def keep_date(entry: Entry, text: str) -> None:
    """Note when a source last changed an entry; a date that cannot be read is the entry's ``problem``, and no date.

    Its hashes are worth more than its date: without one, a row of a later import stands, and a withdrawal holds.
    """
    try:
        entry.updated = read_date(text)
    except BadRow as reason:
        entry.problem = str(reason)


def keep_quality(entry: Entry, text: str) -> None:
    """Note a PDQ quality; one that is no number from 0 to 100 is the entry's ``problem``, and not known."""
    try:
        entry.quality = read_quality(text)
    except BadRow as reason:
        entry.problem = str(reason)


def kind_by_length(text: str, sixty_four: str = "sha256") -> str:
    """Return the kind that a bare hash of this length is; ``sixty_four`` settles 64 digits (PDQ or SHA-256)."""
    if len(text) == 64:
        return sixty_four
    if len(text) == 192:
        return "photodna"
    kind = _BY_DIGITS.get(len(text))
    if kind is None:
        raise BadRow(f"{len(text)} letters are no kind of hash known here")
    return kind


def told_by_bits(texts: Iterable[str]) -> str:
    """Return ``pdq`` or ``sha256``, whichever the texts of 64 hex digits among these are.

    A PDQ hash has 128 of its 256 bits set (they lie above a median), but for flat pictures; a SHA-256 has so in one
    of twenty.
    """
    even = total = 0
    for text in texts:
        if len(text := text.strip()) == 64:
            with suppress(ValueError):
                even += int(text, 16).bit_count() == 128
                total += 1
    return "pdq" if total and even * 2 > total else "sha256"


def read_status(text: str) -> Status:
    """Return the status a source's word stands for. Raises BadRow for an unknown one."""
    found = _WORDS.get(text.strip().lower())
    if found is None:
        raise BadRow(f"unknown status {text.strip()[:40]!r}")
    return Status(found)


def read_flag(text: object) -> bool:
    """Return a yes or no written in one of the usual ways. Raises BadRow."""
    word = str(text).strip().lower()
    if word in ("true", "1", "yes", "y"):
        return True
    if word in ("false", "0", "no", "n", "", "none", "null"):
        return False
    raise BadRow(f"{word[:40]!r} is neither yes nor no")


def read_quality(text: str) -> int:
    """Return a PDQ quality, 0 to 100, or -1 when none is given. Raises BadRow."""
    text = text.strip()
    if not text:
        return -1
    if not (text.isascii() and text.isdigit()) or int(text[:9]) > 100:
        raise BadRow(f"quality {text[:20]!r} is not a number from 0 to 100")
    return int(text)


def read_date(text: str) -> int:
    """Return Unix seconds of an ISO date, an OData date or a number of seconds or milliseconds. Raises BadRow.

    A time without a zone is taken as UTC.
    """
    text = text.strip()
    if not text:
        return 0
    if odata := _ODATA_DATE.fullmatch(text):
        return int(odata[1]) // 1000
    if text.isascii() and text.isdigit() and len(text) in range(9, 14) and len(text) != 12:
        return int(text) // 1000 if len(text) == 13 else int(text)
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise BadRow(f"the date {text[:40]!r} cannot be read") from None
    try:
        return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
    except (OverflowError, ValueError):
        raise BadRow(f"the date {text[:40]!r} cannot be read") from None


def shortened(raw: object, most: int = 300) -> str:
    """Return what is kept of a row that was left out: one line of printable text."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(raw)[: most + 1])
    return text if len(text) <= most else text[:most] + "…"
