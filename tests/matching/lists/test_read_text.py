import hashlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.matching.lists.entry import BadRow, Entry, Rejected
from tocsin.matching.lists.read_text import read_text, read_vpdq, vpdq_frame

M = hashlib.md5(b"a").hexdigest()


def test_bare_hashes_and_lines_with_a_kind(pdq_of):
    text = f"# made up\n{M}\n  {M.upper()}\npdq {pdq_of('a')}\nmd5 {M}\nnothing here to see\nabc\n{pdq_of('b')}\n"
    rows = list(read_text(io.BytesIO(text.encode())))
    kinds = [one.hashes[0][0] if isinstance(one, Entry) else one.reason for one in rows]
    bad = ["more than a kind and a hash in one line", "3 letters are no kind of hash known here"]
    assert kinds == ["md5", "md5", "pdq", "md5", *bad, "pdq"]


def test_sixty_four_digits_are_what_one_says():
    digits = hashlib.sha256(b"a").hexdigest().encode()
    assert [next(read_text(io.BytesIO(digits), kind)).hashes[0][0] for kind in ("pdq", "sha256")] == ["pdq", "sha256"]


def test_checksums_with_the_names_of_files():
    sha = hashlib.sha256(b"a").hexdigest()
    text = f"{M}  a, b.jpg\n{M.upper()} *c.jpg\n\\{sha}  two\\nlines\nSHA256 (d e.jpg) = {sha}\nCRC (x) = {M}\n"
    rows = list(read_text(io.BytesIO(text.encode())))
    assert [one.hashes[0][0] for one in rows[:4]] == ["md5", "md5", "sha256", "sha256"]
    assert [one.extra["file"] for one in rows[:4]] == ["a, b.jpg", "c.jpg", "two\\nlines", "d e.jpg"]
    assert rows[4].reason == "unknown kind of hash 'CRC'"


def test_a_vpdq_file_is_one_video_named_after_it(pdq_of):
    text = f"0,100,{pdq_of('a')},0.000\n1,40,{pdq_of('b')},1.000\n2,x,{pdq_of('c')},2.0\n"
    rows = list(read_vpdq(io.BytesIO(text.encode()), "clips/holiday.txt"))
    assert isinstance(rows[0], Rejected)
    assert rows[1].id == "holiday"
    assert [(one.at, one.quality) for one in rows[1].frames] == [(0.0, 100), (1.0, 40)]


def test_frames_in_both_forms(pdq_of):
    assert vpdq_frame(f"{pdq_of('a')},77,1.5") == vpdq_frame(f"3,77,{pdq_of('a')},1.500")
    for text in ("", "1,2,3", f"{pdq_of('a')},101,0", f"{pdq_of('a')},50,x"):
        with pytest.raises(BadRow):
            vpdq_frame(text)


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_bytes_give_entries_or_reasons(data):
    for one in [*read_text(io.BytesIO(data)), *read_vpdq(io.BytesIO(data), "x")]:
        assert isinstance(one, Entry | Rejected)
