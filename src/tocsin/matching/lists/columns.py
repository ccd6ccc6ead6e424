"""One file of named columns: numpy arrays behind a header that is checked, memory-mapped or in memory.

Layout: ``TOCSCOLS``, u32 format, u32 length of the header, the header (JSON: name → [dtype, shape, offset]), then the
arrays, each aligned to 64 bytes. Offsets count from the start of the file; all numbers are little-endian.
"""

import json
import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

MAGIC = b"TOCSCOLS"
FORMAT = 1
MOST_HEADER = 4 * 2**20
_START = struct.Struct("<8sII")
_ALIGN = 64
_PIECE = 4 * 2**20
_DTYPES = {"|u1", "<u2", "<u4", "<u8", "<i4", "<i8", "<f4", "<f8"}

Array = npt.NDArray[Any]


class ColumnsError(ValueError):
    """A file of columns that cannot be used; the message says why, to be put after the file's name."""


def pieces_of(columns: Mapping[str, Array]) -> Iterator[memoryview | bytes]:
    """Yield the bytes of a file that holds ``columns``, without copying them whole."""
    held = {name: np.ascontiguousarray(array) for name, array in columns.items()}
    fits = {name: array.astype(array.dtype.newbyteorder("<"), copy=False) for name, array in held.items()}
    header, room = b"", 0
    while not header or len(header) > room:
        room = len(header) + 64
        offset = _aligned(_START.size + room)
        places: dict[str, list[object]] = {}
        for name, array in fits.items():
            places[name] = [array.dtype.str, list(array.shape), offset]
            offset = _aligned(offset + array.nbytes)
        header = json.dumps(places, separators=(",", ":")).encode("ascii")
    yield _START.pack(MAGIC, FORMAT, room) + header + b" " * (room - len(header))
    at = _START.size + room
    for name, array in fits.items():
        start = int(str(places[name][2]))
        yield bytes(start - at)
        flat = array.reshape(-1).view(np.uint8).data if array.nbytes else memoryview(b"")
        for piece in range(0, len(flat), _PIECE):
            yield flat[piece : piece + _PIECE]
        at = start + array.nbytes
    yield bytes(_aligned(at) - at)


def columns_of(data: Any) -> dict[str, Array]:
    """Return the columns of a file's bytes (anything with a buffer) as read-only views. Raises ColumnsError."""
    view = memoryview(data).cast("B")
    if len(view) < _START.size or bytes(view[:8]) != MAGIC:
        raise ColumnsError("is not a file of a hash list, or it was cut")
    _, version, room = _START.unpack_from(view)
    if version > FORMAT:
        raise ColumnsError(f"was written by a newer version (format {version}; this one reads {FORMAT})")
    if room > MOST_HEADER or _START.size + room > len(view):
        raise ColumnsError("was cut or damaged: its header does not fit")
    try:
        places = json.loads(bytes(view[_START.size : _START.size + room]))
        return {str(name): _column(view, *place) for name, place in places.items()}
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        if isinstance(error, ColumnsError):
            raise
        raise ColumnsError("was damaged: its header cannot be read") from error


def _column(view: memoryview, dtype: str, shape: list[int], offset: int) -> Array:
    if dtype not in _DTYPES or not 1 <= len(shape) <= 2 or min(*shape, 0) < 0 or type(offset) is not int:
        raise ColumnsError("was damaged: a column is described wrongly")
    kind = np.dtype(dtype)
    count = math.prod(int(size) for size in shape)
    if offset < 0 or offset % _ALIGN or offset + count * kind.itemsize > len(view):
        raise ColumnsError("was cut: a column lies beyond its end")
    array = np.frombuffer(view, kind, count, offset).reshape(shape)
    array.flags.writeable = False
    return array


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGN) * _ALIGN
