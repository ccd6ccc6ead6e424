import hashlib

import pytest

from tocsin.matching.blocks import BlockHit, BlockIndex


def of(text):
    return hashlib.md5(text).digest()


def test_a_block_leads_to_every_listed_file_that_holds_it():
    index = BlockIndex.build([("one", 0, of(b"a")), ("one", 1, of(b"b")), ("two", 7, of(b"b"))])
    assert index.find([of(b"b"), of(b"nowhere")]) == [BlockHit(0, "one", 1), BlockHit(0, "two", 7)]
    assert len(index) == 3


def test_nothing_listed_finds_nothing():
    assert BlockIndex.build([]).find([of(b"a")]) == []


def test_digests_of_different_kinds_are_refused():
    with pytest.raises(ValueError, match="one length"):
        BlockIndex.build([("one", 0, b"a" * 16), ("one", 1, b"a" * 20)])
