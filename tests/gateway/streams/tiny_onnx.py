"""A classifier made for the tests: a model of one step, the mean of each colour, and its manifest."""


def field(number: int, value: bytes | int) -> bytes:
    """One field of a protocol buffer."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def tensor(name: bytes, shape: tuple[int, ...]) -> bytes:
    dims = b"".join(field(1, field(1, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))


def model() -> bytes:
    """ONNX: GlobalAveragePool over (1, 3, 8, 8), so three scores, one a colour."""
    node = field(1, b"x") + field(2, b"y") + field(4, b"GlobalAveragePool")
    graph = field(1, node) + field(2, b"tiny") + field(11, tensor(b"x", (1, 3, 8, 8)))
    graph += field(12, tensor(b"y", (1, 3, 1, 1)))
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))


MANIFEST = {
    "schema": "tocsin/classifier@1",
    "name": "colours",
    "version": "1",
    "model": "tiny.onnx",
    "licence": "Apache-2.0",
    "measured_on": "made for the tests, 2026",
    "input": {"width": 8, "height": 8, "layout": "nchw"},
    "output": "probabilities",
    "labels": [
        {"name": name, "category": category, "severity": 3, "threshold": 0.5, "precision": 0.9, "recall": 0.8}
        for name, category in (("red", "live-stream-concern"), ("green", "none"), ("blue", "live-stream-concern"))
    ],
}
