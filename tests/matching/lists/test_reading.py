import hashlib
import json

import pytest

from tocsin.matching.lists.entry import Entry, ListError
from tocsin.matching.lists.reading import Reading, format_of, read

M = hashlib.md5(b"a").hexdigest()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"{M}\n{M}\n", "text"),
        (f"md5 {M}\n", "text"),
        (f"md5,note\n{M},x\n", "csv"),
        (f"{M};x\n", "csv"),
        (f"Export of an agency\n\nmd5,note\n{M},x\n{M},y\n", "csv"),
        (f"{M}  a, b.jpg\n{M} *c.jpg\n", "text"),
        ('{"odata.metadata": "x", "value": []}', "vics"),
        ('{\n "value": []}', "vics"),
        ('{"entry": "a"}\n{"entry": "b"}\n', "jsonl"),
        ('["' + "a" * 64 + ',90,0.0"]', "vpdq-json"),
        ("[1]", "vics"),
        ('<?xml version="1.0"?>\n<queryResult xmlns="x"/>', "ncmec"),
        ("<html></html>", ""),
        (f"0,100,{'a' * 64},0.0\n1,100,{'a' * 64},1.0\n", "vpdq"),
        ("", "text"),
    ],
)
def test_formats_are_told_by_content(text, kind):
    assert format_of(text.encode()) == format_of(text.encode("utf-8-sig")) == kind
    if text:
        assert format_of(text.encode("utf-16")) == kind


@pytest.mark.parametrize("head", [b"PK\x03\x04zip", b"\x1f\x8bgz", b"a\x00\x00\x00\x01b\x00", b"%PDF-1.7"])
def test_other_files_are_no_list(head, tmp_path):
    assert format_of(head) == ""
    (tmp_path / "x.csv").write_bytes(head)
    with pytest.raises(ListError, match=r"x\.csv is no list known here"):
        list(read(tmp_path / "x.csv"))


def test_the_name_does_not_matter_and_progress_is_told(tmp_path):
    (tmp_path / "list.xml").write_text(json.dumps({"value": [{"MD5": M}]}))
    told = []
    [one] = read(tmp_path / "list.xml", at=told.append)
    assert isinstance(one, Entry)
    assert told[-1] == (tmp_path / "list.xml").stat().st_size


def test_a_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(ListError, match="cannot be read: No such file"):
        list(read(tmp_path / "none"))


def test_how_to_read_is_passed_on(tmp_path):
    (tmp_path / "x").write_text(f"a;b\n{'ab' * 32};1\n")
    [one] = read(tmp_path / "x", Reading({"pdq": "a"}))
    assert one.hashes[0][0] == "pdq"
