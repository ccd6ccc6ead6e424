"""AMF0, the values that RTMP's commands are made of (Adobe, 2007): numbers, words, truth, nothing, and objects."""

import struct
from typing import Any

_MOST_DEPTH, _MOST_VALUES = 8, 500


class AmfError(ValueError):
    """Bytes that are no values."""


def encode(*values: Any) -> bytes:
    """Return values as bytes."""
    return b"".join(_encoded(value) for value in values)


def _encoded(value: Any) -> bytes:
    match value:
        case None:
            return b"\x05"
        case bool():
            return b"\x01" + bytes([value])
        case int() | float():
            return b"\x00" + struct.pack(">d", value)
        case str():
            return b"\x02" + _name(value)
        case dict():
            inside = b"".join(_name(str(name)) + _encoded(one) for name, one in value.items())
            return b"\x03" + inside + b"\x00\x00\x09"
        case list():
            return b"\x0a" + struct.pack(">I", len(value)) + b"".join(_encoded(one) for one in value)
        case _:
            raise TypeError(type(value).__name__)


def _name(text: str) -> bytes:
    data = text.encode("utf-8")[:65535]
    return struct.pack(">H", len(data)) + data


def decode(data: bytes) -> list[Any]:
    """Return the values that bytes hold. Raises AmfError."""
    reader, found = _Reader(data), []
    try:
        while reader.at < len(data):
            found.append(reader.value(0))
    except (struct.error, IndexError) as error:
        raise AmfError("the values end early") from error
    return found


class _Reader:
    """Reads values one after the other, a bounded number and depth."""

    def __init__(self, data: bytes) -> None:
        self._data, self.at, self._values = data, 0, 0

    def value(self, depth: int) -> Any:
        """Return the next value."""
        self._values += 1
        if depth > _MOST_DEPTH or self._values > _MOST_VALUES:
            raise AmfError("too many values")
        kind = self._take(1)[0]
        match kind:
            case 0x00:
                return struct.unpack(">d", self._take(8))[0]
            case 0x01:
                return bool(self._take(1)[0])
            case 0x02:
                return self._words(2)
            case 0x0C:
                return self._words(4)
            case 0x05 | 0x06:
                return None
            case 0x03:
                return self._object(depth)
            case 0x08:
                self._take(4)
                return self._object(depth)
            case 0x0A:
                (count,) = struct.unpack(">I", self._take(4))
                return [self.value(depth + 1) for _ in range(min(count, _MOST_VALUES + 1))]
            case 0x0B:
                return struct.unpack(">d", self._take(10)[:8])[0]
            case _:
                raise AmfError("a kind of value that is not known")

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            name = self._words(2)
            if not name and self._data[self.at : self.at + 1] == b"\x09":
                self.at += 1
                return found
            found[name] = self.value(depth + 1)

    def _words(self, width: int) -> str:
        size = int.from_bytes(self._take(width), "big")
        return self._take(size).decode("utf-8", "replace")

    def _take(self, count: int) -> bytes:
        data = self._data[self.at : self.at + count]
        if len(data) < count:
            raise AmfError("the values end early")
        self.at += count
        return data
