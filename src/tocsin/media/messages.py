"""What the limited worker and its owner say to each other: JSON with its length before it, over one socket.

The worker may be in a stranger's hands: its owner reads what it says as it would read the stranger, field by field.
"""

import json
import re
import socket
import struct
import time
from dataclasses import asdict
from typing import Any

from tocsin.model.media import Fingerprints, Frame, Print
from tocsin.model.observation import NotScanned
from tocsin.model.rect import Rect

MOST = 64 << 20
"""No message is longer than this many bytes."""
REASONS = frozenset({"unsupported", "unreadable", "too-large", "time-out", "locked", "failed"})
_MOST_SIDE = 1_000_000
_LENGTH = struct.Struct(">I")
_HEX = re.compile(r"[0-9a-f]*", re.ASCII)


class MessageError(ValueError):
    """A message that breaks the rules."""


class EndedError(OSError):
    """The other side is gone."""


def send(sock: socket.socket, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
    """Send one message, with open files beside it. Raises OSError where the other side is gone."""
    data = json.dumps(message, separators=(",", ":")).encode("ascii")
    data = _LENGTH.pack(len(data)) + data
    sent = socket.send_fds(sock, [data], list(descriptors)) if descriptors else 0
    if sent < len(data):  # an empty write to one who has all, answered and left would be a broken pipe
        sock.sendall(memoryview(data)[sent:])


def receive(sock: socket.socket, deadline: float | None = None) -> dict[str, Any]:
    """Receive one message. Raises EndedError, TimeoutError past ``deadline`` (monotonic seconds), or MessageError."""
    head = _exactly(sock, _LENGTH.size, deadline)
    return _parsed(_exactly(sock, _size(head), deadline))


def receive_with_file(sock: socket.socket) -> tuple[dict[str, Any], int]:
    """Receive one message and the open file beside it. Raises EndedError, TimeoutError or MessageError."""
    data, descriptors, _, _ = socket.recv_fds(sock, 65536, 1)
    if not data:
        raise EndedError
    while len(data) < _LENGTH.size:
        data += _exactly(sock, 1, None)
    missing = _LENGTH.size + _size(data[: _LENGTH.size]) - len(data)
    if missing > 0:
        data += _exactly(sock, missing, None)
    if not descriptors:
        raise MessageError("no file came with the message")
    return _parsed(data[_LENGTH.size :]), descriptors[0]


def _size(head: bytes) -> int:
    (size,) = _LENGTH.unpack(head)
    if size > MOST:
        raise MessageError("a message is too long")
    return int(size)


def _exactly(sock: socket.socket, count: int, deadline: float | None) -> bytes:
    parts: list[bytes] = []
    while count:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            sock.settimeout(left)
        part = sock.recv(min(count, 1 << 20))
        if not part:
            raise EndedError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        message = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MessageError("a message is not JSON") from error
    if not isinstance(message, dict):
        raise MessageError("a message is not an object")
    return message


def told(result: Fingerprints | NotScanned) -> dict[str, Any]:
    """Return the JSON form of a result."""
    return {"none" if isinstance(result, NotScanned) else "found": asdict(result)}


def result_of(message: dict[str, Any]) -> Fingerprints | NotScanned:
    """Read a result as ``told`` wrote it. Raises MessageError for anything else."""
    try:
        if "none" in message:
            return NotScanned(_reason(message["none"]["reason"]), _words(message["none"]["detail"]))
        raw = message["found"]
        media = raw["media"]
        if media not in ("picture", "video", "other"):
            raise MessageError("the medium is unknown")
        return Fingerprints(
            media=media,
            md5=_hex(raw["md5"], 0, 32),
            sha1=_hex(raw["sha1"], 0, 40),
            sha256=_hex(raw["sha256"], 0, 64),
            prints=tuple(_print(one) for one in raw["prints"]),
            frames=tuple(_frame(one) for one in raw["frames"]),
            windows=tuple(_hex(one, *range(2, 257, 2)) for one in raw["windows"]),
            format=_words(raw["format"], 40),
            attached=_words(raw["attached"], 40),
            reason=_reason(raw["reason"]) if raw["reason"] else "",
            detail=_words(raw["detail"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise MessageError("a result is not of the form agreed") from error


def _print(raw: dict[str, Any]) -> Print:
    return Print(
        hex=_hex(raw["hex"], 64),
        quality=_whole(raw["quality"], 100),
        path=_path(raw["path"]),
        stripped=bool(raw["stripped"]),
        turn=_whole(raw["turn"], 7),
        white=bool(raw["white"]),
        region=_region(raw.get("region")),
    )


def _region(raw: dict[str, Any] | None) -> Rect | None:
    if raw is None:
        return None
    return Rect(*(_whole(raw[name], _MOST_SIDE) for name in ("x", "y", "w", "h")))


def _frame(raw: dict[str, Any]) -> Frame:
    at = float(raw["at"])
    if not 0 <= at <= 1e9:
        raise MessageError("a frame's time is out of bounds")
    return Frame(
        at=at,
        hex=_hex(raw["hex"], 64),
        quality=_whole(raw["quality"], 100),
        number=_whole(raw["number"], 10**9),
        path=_path(raw["path"]),
        stripped=bool(raw["stripped"]),
    )


def _path(value: str) -> str:
    if value not in ("full", "scaled", "screen", "luma"):
        raise MessageError("a print's path is unknown")
    return value


def _hex(value: str, *lengths: int) -> str:
    if len(value) not in lengths or not _HEX.fullmatch(value):
        raise MessageError("a hash is not one")
    return value


def _whole(value: int, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise MessageError("a number is out of bounds")
    return value


def _reason(value: str) -> str:
    if value not in REASONS:
        raise MessageError("a reason is unknown")
    return value


def _words(value: str, most: int = 500) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in value[:most])
