import contextlib
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.matching.lists.nesting import Shallow, TooDeepError

VALUES = st.recursive(
    st.none() | st.text('[]{}"\\ax\n', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('[]{}"\\', max_size=3), inner, max_size=3),
    max_leaves=30,
)


def depth_of(value):
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inside is None else 1 + max(map(depth_of, inside), default=0)


def read(data, most, piece):
    file, got = Shallow(io.BytesIO(data), most), b""
    while more := file.read(piece):
        got += more
    return got


@given(VALUES, st.integers(1, 9))
def test_any_json_is_read_up_to_its_depth_in_pieces_of_any_size(value, piece):
    data, depth = json.dumps(value, ensure_ascii=False).encode(), depth_of(value)
    assert read(data, depth, piece) == read(data, depth, -1) == data
    if depth:
        for size in (piece, -1):
            with pytest.raises(TooDeepError, match=f"more than {depth - 1} deep"):
                read(data, depth - 1, size)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    with contextlib.suppress(TooDeepError):
        assert read(data, 3, 5) == data
