import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.matching.digest_index import DigestIndex

# Prefixes of 8 bytes are drawn from few, so that many digests share one.
digests = st.tuples(st.sampled_from([b"\0" * 8, b"\xff" * 8, b"a" * 8]), st.binary(min_size=8, max_size=8)).map(
    b"".join
)


def build(values, rows=None):
    table = np.frombuffer(b"".join(values), np.uint8).reshape(len(values), -1)
    return DigestIndex.build(
        table, np.arange(len(values), dtype=np.uint32) if rows is None else np.array(rows, np.uint32)
    )


@given(st.lists(st.tuples(digests, st.integers(0, 5)), min_size=1, max_size=40), st.lists(digests, max_size=10))
@settings(max_examples=100, deadline=None)
def test_every_digest_is_found_with_all_its_rows_and_nothing_else(held, asked):
    index = build([value for value, _ in held], [row for _, row in held])
    asked = [*asked, held[0][0]]
    wanted = sorted({(n, row) for n, query in enumerate(asked) for value, row in held if value == query})
    assert index.find(asked) == wanted


def test_the_same_digest_of_the_same_row_is_kept_once():
    assert len(build([b"a" * 16, b"a" * 16, b"a" * 16], [1, 1, 2])) == 2


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256"])
def test_all_lengths_of_digests(kind):
    values = [hashlib.new(kind, bytes([n])).digest() for n in range(50)]
    index = build(values)
    assert index.find(values[7:9]) == [(0, 7), (1, 8)]
    assert {bytes(one) for one in index.digests()} == set(values)


def test_an_empty_index_and_an_empty_question_answer_nothing():
    empty = DigestIndex.build(np.zeros((0, 16), np.uint8), np.zeros(0, np.uint32))
    assert empty.find([b"a" * 16]) == []
    assert build([b"a" * 16]).find([]) == []


def test_columns_of_different_lengths_are_refused():
    columns = build([b"a" * 16, b"b" * 16]).columns()
    with pytest.raises(ValueError, match="different lengths"):
        DigestIndex.of_columns({**columns, "row": columns["row"][:1]}, 16)
