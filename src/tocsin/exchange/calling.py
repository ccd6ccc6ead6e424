"""Asking another service over HTTP: every answer bounded in size and time, tried again where that can help.

Redirects are never followed (credentials would go with them), proxies are never taken from the environment, and no
message or log line holds a query, a header or a body: they may hold credentials or hashes.
"""

import contextlib
import logging
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import tenacity

from tocsin.exchange.pages import Expired, Lost, Refused, Unreachable, Unusable

MOST_BYTES = 64 * 2**20
"""Bytes that one answer may have, unpacked."""

MOST_SECONDS = 300.0
LEAST_SPEED = 2**20
"""Bytes a second on which the time for a large answer is reckoned."""

TIMEOUT = httpx.Timeout(60.0, connect=10.0)
ATTEMPTS = 5
LONGEST_WAIT = 60.0
_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_NOT_TAKEN = (408, 425, 429, 503)
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_GONE = (400, 404, 410)

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # they log whole addresses, tokens included


class NotCalled(httpx.ConnectError):
    """A connection that a rule of ours forbids; the message says which, after "cannot be reached: "."""


class Caller:
    """Calls below one base address. ``transport`` guards where connections may go; ``sleep`` waits between tries."""

    def __init__(
        self,
        base: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.base = checked_base(base)
        self.host = urlsplit(self.base).hostname or ""
        self._most, self._sleep = most_bytes, sleep
        self._slowest = MOST_SECONDS + most_bytes / LEAST_SPEED
        self._client = httpx.Client(
            headers={"Accept-Encoding": "gzip", "User-Agent": "tocsin", **(headers or {})},
            auth=auth,
            timeout=TIMEOUT,
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )

    def get(self, path: str, params: Mapping[str, Any] | None = None, link: bool = False) -> bytes:
        """Return the body of ``base + path``, trying again what may pass. ``link``: it is a paging link, which expires.

        Raises ExchangeError.
        """
        return self._again("GET", path, link, params=params)

    def put(self, path: str, content: bytes, kind: str) -> bytes:
        """Put a body, trying again what may pass: the same put twice is one. Raises ExchangeError."""
        return self._again("PUT", path, False, content=content, headers={"Content-Type": kind})

    def post(self, path: str, **what: Any) -> bytes:
        """Post once: whoever keeps the queue decides about a second time.

        Raises ExchangeError: Lost where the other side may have taken it all the same.
        """
        return self._once("POST", path, False, what)

    def delete(self, path: str, params: Mapping[str, Any]) -> None:
        """Delete something, trying again what may pass; what is gone already is gone. Raises ExchangeError."""
        try:
            self._again("DELETE", path, False, params=params)
        except Refused as refused:
            if refused.code not in (404, 410):
                raise

    def download(self, path: str, to: Path, headers: Mapping[str, str]) -> str | None:
        """Write the body of ``base + path`` to a file, whole or not at all, trying again what may pass.

        Return its ETag (empty where it has none), or None when it has not changed. Raises ExchangeError.
        """
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=_wait,
            retry=tenacity.retry_if_exception_type(Unreachable),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(self._download, path, to, headers)

    def _download(self, path: str, to: Path, headers: Mapping[str, str]) -> str | None:
        part = to.with_name(f"{to.name}.part")
        try:
            with self._bounded("GET", path, False, {"headers": dict(headers)}) as (answer, pieces):
                if answer.status_code == 304:
                    return None
                part.unlink(missing_ok=True)
                with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    for piece in pieces:
                        file.write(piece)
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(to)
                return str(answer.headers.get("etag", ""))
        finally:
            part.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _again(self, method: str, path: str, link: bool, **what: Any) -> bytes:
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=_wait,
            retry=tenacity.retry_if_exception_type(Unreachable),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(self._once, method, path, link, what)

    def _once(self, method: str, path: str, link: bool, what: Mapping[str, Any]) -> bytes:
        with self._bounded(method, path, link, what) as (_, pieces):
            return b"".join(pieces)

    @contextlib.contextmanager
    def _bounded(
        self, method: str, path: str, link: bool, what: Mapping[str, Any]
    ) -> Iterator[tuple[httpx.Response, Iterator[bytes]]]:
        """Give an answer and its pieces; whatever goes wrong on the way becomes an ExchangeError without secrets."""
        at = f"{self.host}{urlsplit(path).path[:200]}"
        try:
            with self._client.stream(method, self.base + path, **what) as answer:
                self._check(answer, at, link)
                yield answer, self._pieces(answer, at)
        except _NEVER_SENT as error:
            raise Unreachable(f"{at} cannot be reached: {_why(error)}.") from error
        except httpx.TimeoutException as error:
            raise Lost(f"{at} did not answer in time.") from error
        except httpx.DecodingError as error:
            raise Unusable(f"{at} sends what cannot be unpacked.") from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise Lost(f"{at} cannot be reached, or broke off ({type(error).__name__}).") from error

    def _pieces(self, answer: httpx.Response, at: str) -> Iterator[bytes]:
        began, size = time.monotonic(), 0
        for piece in answer.iter_bytes(65_536):
            size += len(piece)
            if size > self._most:
                raise Unusable(f"{at} sends more than {self._most:,} bytes in one answer; nothing was taken.")
            if time.monotonic() - began > self._slowest:
                raise Unreachable(f"{at} sends too slowly: not one answer in {self._slowest:.0f} seconds.")
            yield piece

    def _check(self, answer: httpx.Response, at: str, link: bool) -> None:
        code = answer.status_code
        if 200 <= code < 300 or (code == 304 and "if-none-match" in answer.request.headers):
            return
        if code in _AGAIN:
            kind = Unreachable if code in _NOT_TAKEN else Lost
            raise kind(f"{at} answers {code}: busy or broken at the moment.", _after(answer))
        if 300 <= code < 400:
            raise Unusable(f"{at} sends us elsewhere ({code}); not followed, since the credentials would go along.")
        if link and code in _GONE:
            raise Expired(f"{at} no longer knows the paging link.")
        if code in (401, 403):
            raise Refused(f"{at} does not accept the credentials ({code}).", code)
        raise Refused(f"{at} refuses the question ({code}).", code)


def checked_base(base: str) -> str:
    """Return a base address without a slash at its end. Raises Refused unless it is a plain http(s) address."""
    try:
        parts = urlsplit(base)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        fine = False
    if not fine or parts.username or parts.query or parts.fragment:
        raise Refused("The address of an exchange has the form https://host/path, without user, query or fragment.")
    return base.rstrip("/")


def same_place(one: str, other: str) -> bool:
    """Tell whether two addresses have the same scheme, host and port."""
    try:
        parts, against = urlsplit(one), urlsplit(other)
        return (parts.scheme, parts.hostname, parts.port) == (against.scheme, against.hostname, against.port)
    except ValueError:
        return False


def _why(error: Exception) -> str:
    """Say why nothing was sent, without what a library says: it may hold the whole address."""
    if isinstance(error, NotCalled):
        return str(error)
    if isinstance(error, httpx.ConnectError):
        return "nobody answers there, or its certificate does not hold"
    return "no connection within the time for one" if isinstance(error, httpx.TimeoutException) else "no http address"


def _after(answer: httpx.Response) -> float:
    try:
        return min(LONGEST_WAIT, max(0.0, float(answer.headers.get("retry-after", "0"))))
    except ValueError:
        return 0.0


def _wait(state: tenacity.RetryCallState) -> float:
    """Wait as long as the exchange asks, else 0.5 s, 1 s, 2 s …, spread so that many clients do not come at once."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.after if isinstance(error, Unreachable) else 0.0
    return asked or min(LONGEST_WAIT, 0.5 * 2 ** (state.attempt_number - 1)) * random.uniform(0.8, 1.2)  # noqa: S311
