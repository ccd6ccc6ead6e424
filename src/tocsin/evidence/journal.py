"""The journal chain: each entry signed and tied to the one before, so that tampering and loss show.

Pure: no clock, no files. The agent signs with :func:`sign_entry`; the hub reads with :func:`from_dict` and
admits with :func:`check`.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import rfc8785

from tocsin.evidence.keys import DeviceKey, unbase64, verify_signature
from tocsin.model.entry import GENESIS, Entry
from tocsin.model.times import parse_utc

MAX_WHOLE = 2**53 - 1
"""Largest whole number that every JSON reader keeps exactly (RFC 8785)."""
MAX_BODY = 65_536
"""Largest body, in bytes of canonical JSON."""
MAX_DEPTH = 8
MAX_VALUES = 5_000

_FAST = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
Code = Literal["gap", "fork", "replay", "bad-signature", "malformed", "clock", "wrong-device"]

_FIELDS = frozenset({"device", "seq", "at", "mono_ns", "boot", "kind", "body", "prev", "sig"})
_DEVICE = re.compile(r"[0-9A-Za-z._:-]{1,64}", re.ASCII)
_BOOT = re.compile(r"[0-9A-Za-z._:+-]{1,64}", re.ASCII)
_KIND = re.compile(r"[a-z][a-z-]{0,30}", re.ASCII)
_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


class JournalError(ValueError):
    """An entry that is refused. ``code`` names the reason for programs, the message for people."""

    def __init__(self, code: Code, sentence: str) -> None:
        super().__init__(sentence)
        self.code: Code = code


@dataclass(frozen=True, slots=True)
class Head:
    """The last admitted entry of a journal. The defaults are those of a journal that has not begun."""

    seq: int = 0
    hash: str = GENESIS
    boot: str = ""
    mono_ns: int = 0
    at: str = ""


def canonical(value: Any) -> bytes:
    """Return RFC 8785 canonical JSON. Raises JournalError (malformed) for what JSON cannot carry exactly.

    The standard library's C encoder writes the same bytes several times faster for plain values; the reference
    implementation does the rest, and refuses what must be refused.
    """
    try:
        if _is_plain(value):
            return _FAST.encode(value).encode("utf-8")
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError, RecursionError) as error:
        raise JournalError("malformed", f"This cannot be written as canonical JSON: {error}.") from error


def _is_plain(value: Any) -> bool:
    """Tell whether the C encoder writes ``value`` as RFC 8785 does.

    That holds for text, names in ASCII, whole numbers up to 2^53 and fractions that neither notation writes with
    an exponent; a whole float (1.0 against 1) and minus zero differ.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-MAX_WHOLE <= value <= MAX_WHOLE)
    if kind is float:
        return 1e-4 <= abs(value) < 1e15 and not value.is_integer()
    if kind is dict:
        return all(type(k) is str and k.isascii() and _is_plain(v) for k, v in value.items())
    return kind is list and all(map(_is_plain, value))


def entry_hash(entry: Entry) -> str:
    """Return the SHA-256 (hex) of the whole entry, signature included: the next entry's ``prev``."""
    return hashlib.sha256(canonical(entry.as_dict())).hexdigest()


def sign_entry(entry: Entry, key: DeviceKey) -> Entry:
    """Return the entry with its signature. Raises JournalError for an entry that no hub could admit.

    A machine that has run for more than 2**53 ns (104 days) would exceed what JSON carries exactly, so
    ``mono_ns`` then starts a new span and ``boot`` is marked with the span's number.
    """
    if entry.mono_ns > MAX_WHOLE:
        span = entry.mono_ns // 2**53
        entry = replace(entry, boot=f"{entry.boot}+{span}", mono_ns=entry.mono_ns % 2**53)
    _check_fields(entry)
    sig = base64.b64encode(key.sign(canonical(entry.unsigned()))).decode("ascii")
    return replace(entry, sig=sig)


def from_dict(raw: object) -> Entry:
    """Read an entry as it came over the wire. Raises JournalError (malformed)."""
    if not isinstance(raw, Mapping):
        raise _malformed("it is not an object")
    if set(raw) != _FIELDS:
        missing, extra = _FIELDS - set(raw), set(raw) - _FIELDS
        found = (
            f"without {', '.join(sorted(missing))}"
            if missing
            else f"with the unknown field {min(map(str, extra))[:40]!r}"
        )
        raise _malformed(f"it comes {found}")
    if not isinstance(raw["body"], dict):
        raise _malformed("its body is not an object")
    for name in ("device", "at", "boot", "kind", "prev", "sig"):
        if not isinstance(raw[name], str):
            raise _malformed(f"its {name} is not text")
    for name in ("seq", "mono_ns"):
        if type(raw[name]) is not int:
            raise _malformed(f"its {name} is not a whole number")
    entry = Entry(**{name: raw[name] for name in _FIELDS})
    _check_fields(entry)
    if unbase64(entry.sig, 64) is None:
        raise _malformed("its signature is not 64 bytes in base64")
    return entry


def check(entry: Entry, head: Head, public: str, device: str | None = None, *, fresh: bool = False) -> Head:
    """Admit ``entry`` after ``head`` and return the new head. Raises JournalError naming what is wrong.

    ``public`` is the device's key (base64), ``device`` the id it enrolled with, if the caller knows it. An
    exact resend of an admitted entry is reported as *replay*: the caller compares hashes before asking.
    ``fresh``: the entry comes straight from :func:`from_dict`, so its fields need no second look. The wall clock is
    not judged here (see :func:`clock_drift`); the monotonic one may not go back in one boot.
    """
    if not fresh:
        _check_fields(entry)
    if device is not None and entry.device != device:
        raise JournalError("wrong-device", f"Entry {entry.seq} is another device's, not this one's.")
    if not verify_signature(public, entry.sig, canonical(entry.unsigned())):
        raise JournalError("bad-signature", f"Entry {entry.seq} is not signed by the key of the device it names.")
    digest = entry_hash(entry)
    if entry.seq == head.seq and digest != head.hash:
        raise JournalError("fork", f"Entry {entry.seq} differs from the entry {entry.seq} already received.")
    if entry.seq <= head.seq:
        raise JournalError("replay", f"Entry {entry.seq} is from the past: the journal stands at {head.seq}.")
    if entry.seq > head.seq + 1:
        raise JournalError("gap", f"Entry {entry.seq} came after entry {head.seq}: {entry.seq - head.seq - 1} missing.")
    if entry.prev != head.hash:
        raise JournalError("fork", f"Entry {entry.seq} does not continue the entry {head.seq} that was received.")
    if entry.boot == head.boot and entry.mono_ns < head.mono_ns:
        back = (head.mono_ns - entry.mono_ns) / 1e9
        raise JournalError("clock", f"In entry {entry.seq} the time since start-up went back by {back:.3f} s.")
    return Head(entry.seq, digest, entry.boot, entry.mono_ns, entry.at)


def clock_drift(entry: Entry, head: Head) -> float:
    """Return by how many seconds the wall clock moved more (+) or less (-) than time really passed since ``head``.

    Zero where the two cannot be compared: a new boot, or nothing before. The hub alerts when it is large.
    """
    if not head.at or entry.boot != head.boot:
        return 0.0
    wall = (parse_utc(entry.at) - parse_utc(head.at)).total_seconds()
    return wall - (entry.mono_ns - head.mono_ns) / 1e9


def _malformed(reason: str) -> JournalError:
    return JournalError("malformed", f"A journal entry cannot be read: {reason}.")


def _check_fields(entry: Entry) -> None:
    """Raise JournalError (malformed) unless every field is in bounds."""
    if not 1 <= entry.seq <= MAX_WHOLE:
        raise _malformed("its seq is not between 1 and 2^53 - 1")
    if not 0 <= entry.mono_ns <= MAX_WHOLE:
        raise _malformed("its mono_ns is not between 0 and 2^53 - 1")
    for name, pattern in (("device", _DEVICE), ("boot", _BOOT), ("kind", _KIND), ("at", _AT), ("prev", _HASH)):
        if not pattern.fullmatch(getattr(entry, name)):
            raise _malformed(f"its {name} is not of the expected form")
    try:
        parse_utc(entry.at)
    except (ValueError, OverflowError):
        raise _malformed("its at is not a real moment") from None
    _check_values(entry.body)
    if len(canonical(entry.body)) > MAX_BODY:
        raise _malformed(f"its body is larger than {MAX_BODY:,} bytes")


def _check_values(body: dict[str, Any]) -> None:
    """Bound depth, number and kind of the values in a body, without recursion."""
    waiting: list[tuple[Any, int]] = [(body, 1)]
    seen = 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if depth > MAX_DEPTH or seen > MAX_VALUES:
            raise _malformed("its body holds too much or too deep")
        if isinstance(value, dict):
            if not all(isinstance(key, str) for key in value):
                raise _malformed("its body has a name that is not text")
            waiting.extend((inner, depth + 1) for inner in value.values())
        elif isinstance(value, list | tuple):
            waiting.extend((inner, depth + 1) for inner in value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            if not -MAX_WHOLE <= value <= MAX_WHOLE:
                raise _malformed("its body has a number that JSON cannot carry exactly")
        elif value is not None and not isinstance(value, str | bool):
            raise _malformed(f"its body has a value of type {type(value).__name__}")
