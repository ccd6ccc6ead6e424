"""Narrow a text recogniser's last layer to the characters that are wanted, without the onnx package.

PP-OCR's recogniser ends in one matrix product over 18,710 characters, most of them Chinese. That layer and its
softmax were 45 % of the time a line takes. Here the ONNX file's bytes are rewritten in memory: the columns of the
unwanted characters are left out of the weight and the bias, and stale shapes are dropped. Everything else is copied.

Only what is needed of the protobuf wire format (protobuf.dev, "Encoding") and of onnx.proto is known here.
"""

from collections.abc import Iterator, Sequence

import numpy as np

_GRAPH, _METADATA = 7, 14
_INITIALIZER, _OUTPUT, _VALUE_INFO = 5, 12, 13
_DIMS, _DATA_TYPE, _NAME, _RAW = 1, 2, 8, 9
_FLOAT = 1

MAX_MODEL_BYTES = 256 * 1024 * 1024


class ModelError(ValueError):
    """The recogniser's model file is not one this program can use; the message says what to do."""


def characters(model: bytes) -> list[str]:
    """Return the characters named in the model's own metadata, in the order of its outputs (blank not counted)."""
    for number, wire, value in _fields(memoryview(model)):
        if number != _METADATA or wire != 2:
            continue
        entry = {n: bytes(v).decode("utf-8") for n, w, v in _fields(value) if w == 2}
        if entry.get(1) == "character":
            return entry.get(2, "").split("\n")
    raise ModelError("The recogniser's model names no characters; reinstall the rapidocr package.")


def narrow(model: bytes, columns: Sequence[int], width: int) -> bytes:
    """Return the model with only ``columns`` (indices into its ``width`` outputs) left, in that order.

    Raises ModelError when the model has no layer of that width.
    """
    if len(model) > MAX_MODEL_BYTES:
        raise ModelError("The recogniser's model is larger than any known one; reinstall the rapidocr package.")
    keep = np.asarray(columns, dtype=np.int64)
    out = bytearray()
    for number, wire, value in _fields(memoryview(model)):
        body = _narrow_graph(value, keep, width) if number == _GRAPH and wire == 2 else value
        _write(out, number, wire, body)
    return bytes(out)


def _narrow_graph(graph: memoryview, keep: np.ndarray, width: int) -> bytearray:
    out = bytearray()
    changed = 0
    for number, wire, value in _fields(graph):
        if number == _VALUE_INFO:
            continue
        body: memoryview | bytes | bytearray = value
        if number == _INITIALIZER and wire == 2:
            narrowed = _narrow_tensor(value, keep, width)
            if narrowed is not None:
                body, changed = narrowed, changed + 1
        elif number == _OUTPUT and wire == 2:
            body = _without_shape(value)
        _write(out, number, wire, body)
    if changed == 0:
        raise ModelError(f"The recogniser's model has no layer of {width} characters; reinstall the rapidocr package.")
    return out


def _narrow_tensor(tensor: memoryview, keep: np.ndarray, width: int) -> bytearray | None:
    dims: list[int] = []
    raw: memoryview | None = None
    name: memoryview | None = None
    kind = 0
    for number, wire, value in _fields(tensor):
        if number == _DIMS:
            dims.extend(_packed(value) if wire == 2 else [_varint(value, 0)[0]])
        elif number == _DATA_TYPE:
            kind = _varint(value, 0)[0]
        elif number == _NAME:
            name = value
        elif number == _RAW:
            raw = value
    if not dims or dims[-1] != width or kind != _FLOAT or raw is None or name is None:
        return None
    table = np.frombuffer(raw, dtype="<f4").reshape(dims)[..., keep]
    out = bytearray()
    for size in table.shape:
        _write(out, _DIMS, 0, _encode_varint(size))
    _write(out, _DATA_TYPE, 0, _encode_varint(_FLOAT))
    _write(out, _NAME, 2, name)
    _write(out, _RAW, 2, np.ascontiguousarray(table).tobytes())
    return out


def _without_shape(value_info: memoryview) -> bytearray:
    """Keep a value's name and element type, drop its shape: the last size is no longer true."""
    out = bytearray()
    for number, wire, value in _fields(value_info):
        if number != 2 or wire != 2:
            _write(out, number, wire, value)
            continue
        kind = bytearray()
        for inner, inner_wire, body in _fields(value):
            tensor = bytearray()
            for field, field_wire, part in _fields(body):
                if field == 1:
                    _write(tensor, field, field_wire, part)
            _write(kind, inner, inner_wire, tensor)
        _write(out, number, wire, kind)
    return out


def _fields(data: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            _, stop = _varint(data, at)
        elif wire == 2:
            size, at = _varint(data, at)
            stop = at + size
        elif wire in (1, 5):
            stop = at + (8 if wire == 1 else 4)
        else:
            raise ModelError("The recogniser's model file is damaged; reinstall the rapidocr package.")
        if stop > end:
            raise ModelError("The recogniser's model file is cut short; reinstall the rapidocr package.")
        yield number, wire, data[at:stop]
        at = stop


def _packed(data: memoryview) -> list[int]:
    values, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        values.append(value)
    return values


def _varint(data: memoryview | bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ModelError("The recogniser's model file is damaged; reinstall the rapidocr package.")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _encode_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _write(out: bytearray, number: int, wire: int, body: memoryview | bytes | bytearray) -> None:
    out += _encode_varint(number << 3 | wire)
    if wire == 2:
        out += _encode_varint(len(body))
    out += body
