"""Who may call what: keys with scopes and rates. A key's text is never stored, and is compared in constant time.

A key comes as ``Authorization: Bearer K``, as ``X-API-Key: K``, or, for callers that send no header, as the beginning
of the path: ``/k/K/…`` (gateway/front.py puts it into the scope).
"""

import hashlib
import hmac
import mmap
import re
import secrets
import struct
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tocsin.gateway.keys_tables import ApiKey
from tocsin.gateway.refusals import Refused
from tocsin.gateway.store import Following, Store
from tocsin.model import Clock

SCOPES: Final = (
    "lookup", "raw", "curate", "messages", "payments", "streams", "exchange", "webhooks", "reports", "admin",
)  # fmt: skip
"""What a key may be good for. ``raw`` is asking without the banks' enabled ratios, and seeing listed hashes."""

KEY_OF_PATH: Final = "tocsin.key"
"""Where in the scope the key is that came at the beginning of the path."""

BURST_S: Final = 1.0
"""Seconds' worth of calls that a key may make at once."""

MOST_OWED_S: Final = 600.0
"""Longest that a key waits for what many questions in one call owe its rate."""

MOST_KEYS: Final = 4096
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KEY = re.compile(r"tg_([0-9a-f]{1,8})_[A-Za-z0-9_-]{43}")
_SLOT = struct.Struct("<d")

Scope = MutableMapping[str, Any]
Telling = Callable[[str, int, Scope], None]
"""Told of a refusal: the key's name or nothing, the status, the call."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the key's name, and what it is good for."""

    name: str
    scopes: frozenset[str]
    key: int = 0
    rate: float = 0.0
    digest: bytes = b""

    def may(self, scope: str) -> bool:
        """Tell whether the caller's key is good for something; ``admin`` is for everything."""
        return scope in self.scopes or "admin" in self.scopes

    def owns(self, owner: int) -> bool:
        """Tell whether what a key made is this caller's to see and to end: the key's own, and all of it with admin."""
        return self.key == owner or self.may("admin")


OPEN: Final = Caller("open", frozenset(SCOPES))
"""Whoever calls a gateway on loopback for which no key was ever made."""


class ApiKeyError(ValueError):
    """A key that cannot be made or revoked; the message is a sentence."""


class Access:
    """The keys, as this process knows them; a change is known within a fraction of a second.

    ``open_without_keys``: whoever calls may do everything as long as no key was ever made.
    """

    def __init__(self, store: Store, pace: "Pace", *, open_without_keys: bool, refused: Telling | None = None) -> None:
        self._keys = Following(store, _load)
        self._pace = pace
        self._open = open_without_keys
        self._refused = refused or (lambda *_: None)

    @property
    def is_open(self) -> bool:
        """Whether callers need no key."""
        return self._open and not self._keys.value

    def admit(self, scope: Scope, needed: str) -> Caller:
        """Return who calls. Raises Refused: 401 without a good key, 403 without the scope, 429 past the rate."""
        caller = self.know(scope)
        if not caller.may(needed):
            self._refused(caller.name, 403, scope)
            raise Refused(403, f"The key {caller.name} is not good for {needed}.")
        wait = self._pace.take(caller.key, caller.rate)
        if wait:
            self._refused(caller.name, 429, scope)
            raise Refused(
                429, f"The key {caller.name} is at its rate; wait {wait:.2f} s.", {"Retry-After": str(int(wait) + 1)}
            )
        return caller

    def know(self, scope: Scope) -> Caller:
        """Return who calls, whatever for; no call is counted. Raises Refused: 401 without a good key."""
        given = _given(scope)
        caller = self._caller(given)
        if caller is not None:
            return caller
        self._refused("", 401, scope)
        if given:
            raise Refused(401, "The key is not known here, or was revoked.", _CHALLENGE)
        raise Refused(401, "A key is needed: send it as Authorization: Bearer KEY or X-API-Key: KEY.", _CHALLENGE)

    def charge(self, caller: Caller, calls: int) -> None:
        """Count calls more of a caller who was let in with one: what many questions in one call owe the rate."""
        self._pace.owe(caller.key, caller.rate, calls)

    def _caller(self, given: str) -> Caller | None:
        keys = self._keys.value
        if not keys and self._open:
            return OPEN
        found = _KEY.fullmatch(given)
        caller = keys.get(int(found[1], 16)) if found else None
        digest = hashlib.sha256(given.encode("utf-8", "replace")).digest()
        same = hmac.compare_digest(digest, caller.digest if caller is not None else bytes(32))
        return caller if caller is not None and same and caller.scopes else None


class Pace:
    """Each key's rate, kept in memory that all processes of the gateway share (one number a key).

    The number is the moment at which the key's calls so far would have been made at exactly its rate.
    """

    def __init__(self, path: Path) -> None:
        size = MOST_KEYS * _SLOT.size
        with path.open("a+b") as file:
            file.truncate(size)
            self._memory = mmap.mmap(file.fileno(), size)

    def take(self, key: int, rate: float) -> float:
        """Count a call; return 0 when it may go on, or the seconds to wait."""
        if rate <= 0 or not 0 <= key < MOST_KEYS:
            return 0.0
        now = time.monotonic()
        at = key * _SLOT.size
        due = float(_SLOT.unpack_from(self._memory, at)[0])
        if not now - 3600 < due <= now + 3600:  # of an earlier run of this machine
            due = now
        due = max(now, due)
        ahead = due + 1 / rate - now
        if ahead > max(BURST_S, 1 / rate):
            return max(0.001, ahead - max(BURST_S, 1 / rate))
        _SLOT.pack_into(self._memory, at, due + 1 / rate)
        return 0.0

    def owe(self, key: int, rate: float, calls: int) -> None:
        """Count calls that go on in any case; the key's next one waits until its rate has made up for them."""
        if rate <= 0 or not 0 <= key < MOST_KEYS:
            return
        now = time.monotonic()
        due = float(_SLOT.unpack_from(self._memory, key * _SLOT.size)[0])
        due = due if now < due < now + MOST_OWED_S else now
        _SLOT.pack_into(self._memory, key * _SLOT.size, min(due + calls / rate, now + MOST_OWED_S))

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()


def allow(needed: str) -> Callable[[Request], Awaitable[Caller]]:
    """Return a dependency that lets a call in only with a key that is good for ``needed``."""
    assert needed in SCOPES, needed

    async def admitted(request: Request) -> Caller:
        caller: Caller = request.app.state.gateway.access.admit(request.scope, needed)
        return caller

    return admitted


def reading(needed: str) -> Callable[[Request], Awaitable[Caller]]:
    """Return a dependency as of ``allow`` for a call that only reads: it is logged, by its path, before it is answered.

    Not for paths that name a person's conversation or account.
    """
    assert needed in SCOPES, needed

    async def admitted(request: Request) -> Caller:
        gateway = request.app.state.gateway
        caller: Caller = gateway.access.admit(request.scope, needed)
        gateway.audit.write(caller, "read", request.url.path)
        return caller

    return admitted


def new_key(store: Store, clock: Clock, name: str, scopes: list[str], rate: float = 0.0) -> str:
    """Make a key and return its text, which is kept nowhere. Raises ApiKeyError."""
    if not _NAME.fullmatch(name):
        raise ApiKeyError("A key's name has 1 to 64 letters, digits, dots, hyphens and underscores.")
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise ApiKeyError(f"{unknown[0][:40]!r} is no scope; scopes are: {', '.join(SCOPES)}.")
    if not scopes:
        raise ApiKeyError(f"Say what the key is good for; scopes are: {', '.join(SCOPES)}.")
    if not 0 <= rate <= 1_000_000:
        raise ApiKeyError("A rate is a number of calls a second, up to a million; 0 is without bound.")
    try:
        with store.session() as session:
            row = ApiKey(
                name=name, digest=secrets.token_hex(32), scopes=sorted(set(scopes)), rate=rate, created_at=clock.now()
            )
            session.add(row)
            session.flush()
            if row.id >= MOST_KEYS:
                raise ApiKeyError(f"{MOST_KEYS:,} keys were made already.")
            key = f"tg_{row.id:x}_{secrets.token_urlsafe(32)}"
            row.digest = hashlib.sha256(key.encode()).hexdigest()
    except IntegrityError as error:
        raise ApiKeyError(f"There is a key named {name} already.") from error
    return key


def revoke_key(store: Store, clock: Clock, name: str) -> None:
    """Revoke a key, from within a second on, for good. Raises ApiKeyError."""
    with store.session() as session:
        row = session.scalars(select(ApiKey).where(ApiKey.name == name)).one_or_none()
        if row is None:
            raise ApiKeyError(f"There is no key named {name[:64]}.")
        row.revoked_at = row.revoked_at or clock.now()


def list_keys(store: Store) -> list[ApiKey]:
    """Return all keys, revoked ones too."""
    with store.reading() as session:
        return list(session.scalars(select(ApiKey).order_by(ApiKey.id)))


def _load(session: Session) -> dict[int, Caller]:
    found = {}
    for row in session.scalars(select(ApiKey)):
        scopes = frozenset(() if row.revoked_at else row.scopes)
        found[row.id] = Caller(row.name, scopes, row.id, row.rate, bytes.fromhex(row.digest))
    return found


_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def _given(scope: Scope) -> str:
    """Return the key that a call carries, or nothing. A header without one, as a proxy may add, stands for nothing."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _, key = value.decode("latin-1").partition(" ")
            if kind.lower() == "bearer" and key.strip():
                return str(key.strip())
        elif name == b"x-api-key" and value.strip():
            return str(value.decode("latin-1").strip())
    return str(scope.get(KEY_OF_PATH, ""))
