import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.matching.lists.columns import FORMAT, ColumnsError, columns_of, pieces_of

HELD = {
    "a": np.arange(7, dtype=np.uint64), "empty": np.zeros(0, np.uint32), "codes": np.ones((3, 32), np.uint8),
    "at": np.linspace(0, 1, 5, dtype=np.float32),
}  # fmt: skip


def written(columns=HELD):
    return b"".join(bytes(piece) for piece in pieces_of(columns))


def test_what_was_written_is_read_and_cannot_be_changed():
    read = columns_of(written())
    assert read.keys() == HELD.keys()
    assert all((read[name] == HELD[name]).all() and read[name].dtype == HELD[name].dtype for name in HELD)
    with pytest.raises(ValueError, match="read-only"):
        read["a"][0] = 1


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9])
def test_a_file_that_was_cut_is_refused(share):
    data = written()
    with pytest.raises(ColumnsError, match=r"cut|damaged"):
        columns_of(data[: int(len(data) * share)])


def test_a_newer_file_says_so():
    data = bytearray(written())
    data[8] = FORMAT + 1
    with pytest.raises(ColumnsError, match="newer version"):
        columns_of(data)


@pytest.mark.parametrize(
    "place",
    [["|O", [1], 4096], ["<u8", [1 << 60], 4096], ["<u8", [-1], 4096], ["<u8", [1], -64], ["<u8", [1], 1],
     ["<u8", [1], "0"], ["<u8", [], 0], ["<u8"], 7, ["<u8", [True, 2, 3], 0], ["<u8", ["x"], 0]],
)  # fmt: skip
def test_headers_made_to_harm_are_refused(place):
    header = json.dumps({"a": place}).encode()
    data = b"TOCSCOLS" + (1).to_bytes(4, "little") + len(header).to_bytes(4, "little") + header + bytes(8192)
    with pytest.raises(ColumnsError):
        columns_of(data)


@given(st.integers(0, 400), st.binary(min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_any_damage_is_refused_or_harmless(at, damage):
    data = bytearray(written())
    data[at : at + len(damage)] = damage
    try:
        for column in columns_of(data).values():
            column.sum()
    except ColumnsError:
        pass
