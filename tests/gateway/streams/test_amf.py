"""AMF0 values go round, and hostile bytes are refused rather than followed."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.gateway.streams.amf import AmfError, decode, encode

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=5))
def test_values_go_round(values: list) -> None:
    assert decode(encode(*values)) == values


@given(st.binary(max_size=200))
def test_any_bytes_are_values_or_an_error(data: bytes) -> None:
    with contextlib.suppress(AmfError):
        decode(data)


def test_depth_and_count_are_bounded() -> None:
    with pytest.raises(AmfError):
        decode(b"\x03\x00\x01a" * 100)
    with pytest.raises(AmfError):
        decode(b"\x0a\xff\xff\xff\xff" + b"\x05" * 5000)
