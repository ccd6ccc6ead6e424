import base64

import pytest

from tocsin.matching.lists.entry import (
    BadRow,
    Entry,
    Status,
    keep_hash,
    key_of,
    kind_by_length,
    read_date,
    read_flag,
    read_hash,
    read_quality,
    read_status,
    shortened,
    told_by_bits,
)


def test_photodna_comes_as_base64_or_hex():
    raw = bytes(range(144))
    assert read_hash("photodna", base64.b64encode(raw).decode()) == raw == read_hash("photodna", raw.hex())


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        ("md5", "a" * 31, "31 digits where 32"),
        ("md5", "g" * 32, "not a hex digit"),
        ("md5", "０" * 32, "not a hex digit"),
        ("photodna", "!" * 192, "not base64"),
        ("pdq", "", "0 digits"),
    ],
)
def test_a_bad_hash_says_what_is_wrong(kind, text, why):
    with pytest.raises(BadRow, match=why):
        read_hash(kind, text)


def test_blanks_and_capitals_do_not_matter():
    assert read_hash("md5", " " + "AB" * 16 + "\t") == b"\xab" * 16


def test_kinds_by_length(pdq_of):
    assert [kind_by_length("a" * n) for n in (32, 40, 64, 192, 288)] == [
        "md5",
        "sha1",
        "sha256",
        "photodna",
        "photodna",
    ]
    assert kind_by_length("a" * 64, "pdq") == "pdq"
    with pytest.raises(BadRow, match="12 letters"):
        kind_by_length("a" * 12)


def test_pdq_and_sha256_are_told_by_their_bits(md5_of, pdq_of):
    assert told_by_bits(pdq_of(str(n)) for n in range(9)) == "pdq"
    assert told_by_bits(md5_of(str(n), "sha256") for n in range(99)) == "sha256"
    assert told_by_bits([]) == "sha256"


def test_statuses():
    assert [read_status(word) for word in ("", "Active", "WITHDRAWN ", "deleted", "Received")] == [0, 0, 1, 2, 0]
    with pytest.raises(BadRow, match="unknown status 'maybe'"):
        read_status("maybe")


def test_flags_and_qualities():
    assert [read_flag(word) for word in ("true", "0", True, "", "No")] == [True, False, True, False, False]
    assert [read_quality(text) for text in ("", "0", "100")] == [-1, 0, 100]
    for text in ("101", "-1", "x", "٣"):
        with pytest.raises(BadRow):
            read_quality(text)


@pytest.mark.parametrize(
    "text", ["2023-11-14T22:13:20Z", "2023-11-14T22:13:20", "/Date(1700000000000)/", "1700000000", "1700000000000",
             "/Date(1700000000123+0200)/", "2023-11-15T00:13:20+02:00"],
)  # fmt: skip
def test_dates_in_all_the_forms_sources_use(text):
    assert read_date(text) == 1_700_000_000


def test_a_date_that_is_none_is_a_bad_row():
    assert read_date("") == 0
    for text in ("yesterday", "2023-13-45", "9" * 40):
        with pytest.raises(BadRow, match="date"):
            read_date(text)


def test_the_key_does_not_depend_on_the_order_of_hashes():
    one, other = ("pdq", b"p" * 32), ("md5", b"m" * 16)
    assert key_of(Entry(1, [one, other])) == key_of(Entry(2, [other, one])) == key_of(Entry(3, [other]))
    assert key_of(Entry(1, [one], id="7")) == key_of(Entry(2, [other], id="7")) != key_of(Entry(3, [one]))


def test_one_hash_that_cannot_be_read_is_a_problem_and_the_others_stay():
    entry = Entry(1)
    keep_hash(entry, "md5", "a" * 32)
    keep_hash(entry, "sha1", "nope")
    assert len(entry.hashes) == 1
    assert "sha1" in entry.problem


def test_what_is_kept_of_a_bad_row_is_one_short_printable_line():
    assert shortened("a\n\x1b[31m" + "b" * 999) == "a  [31m" + "b" * 293 + "…"
    assert Status(2).name == "DELETED"
