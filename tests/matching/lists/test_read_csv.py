import hashlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.matching.lists.entry import Entry, ListError, Rejected, Status
from tocsin.matching.lists.read_csv import JOINED, kind_of_word, read_csv

M = [hashlib.md5(bytes([n])).hexdigest() for n in range(9)]
S = hashlib.sha1(b"a").hexdigest()


def read(text, **how):
    data = text if isinstance(text, bytes) else text.encode()
    return list(read_csv(io.BytesIO(data), "x.csv", **how))


def entries(text, **how):
    return [one for one in read(text, **how) if isinstance(one, Entry)]


def test_columns_are_known_by_their_usual_names(pdq_of):
    [one] = read(
        f"Entry ID,MD5 Hash,pdq_hash,PDQ Quality,Category,Classification,Status,Last-Modified,Note\n"
        f"7,{M[0]},{pdq_of('a')},90,1,B2,active,2024-01-01,hello\n"
    )
    assert [kind for kind, _ in one.hashes] == ["md5", "pdq"]
    assert (one.id, one.quality, one.category, one.classification, one.status) == ("7", 90, "1", "B2", Status.ACTIVE)
    assert one.extra == {"Note": "hello"}
    assert one.updated == 1_704_067_200


def test_the_icse_export():
    head = (
        "MD5;SHA1;PhotoDNA;Image ID;Is distributed;Victim identified;Offender identified;Series name;"
        "Number of submissions;File Available;Media Type;Baseline"
    )
    [one] = read(f"{head}\r\n{M[0]};{S};{'ab' * 144};4711;1;0;0;A series;3;1;image;1\r\n".encode("utf-8-sig"))
    assert {kind for kind, _ in one.hashes} == {"md5", "sha1", "photodna"}
    assert one.id == "4711"
    assert one.extra["Baseline"] == "1"
    assert one.category == ""


def test_the_led_form_keeps_its_own_status_apart():
    head = "MD5,SHA1,EDONKEY,SHA256,status,set,md5_512,md5_64k,fileLength,fileExt,ledGroup,ledCategory"
    [one] = read(f"{head}\n{M[0]},,,,alert,Set 1,{M[1]},{M[2]},12,jpg,g,5\n")
    assert [kind for kind, _ in one.hashes] == ["md5"]
    assert one.status == Status.ACTIVE
    assert one.category == "5"
    assert one.extra["status"] == "alert"
    assert one.extra["md5_512"] == M[1]


def test_the_long_form_with_a_column_of_kinds(pdq_of):
    rows = read(f"id,type,hash\n1,HASH_MD5,{M[0]}\n1,ImagePDQ,{pdq_of('a')}\n2,wavelet,{M[1]}\n")
    assert [one.hashes[0][0] for one in rows[:2]] == ["md5", "pdq"]
    assert "unknown kind of hash 'wavelet'" in rows[2].reason
    assert kind_of_word("StopNCIISignalType.ImagePDQ") == kind_of_word("PDQ hash") == "pdq"


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_without_a_header_columns_are_known_by_what_they_hold(mark, pdq_of):
    found = entries("".join(f"{M[n]}{mark}x{mark}{pdq_of(str(n))}\n" for n in range(9)))
    assert len(found) == 9
    assert [kind for kind, _ in found[3].hashes] == ["md5", "pdq"]


def test_a_spoilt_first_row_is_no_header():
    rows = read(f"{M[0][:-1]}x,1\n{M[1]},2\n{M[2]},3\n")
    assert isinstance(rows[0], Rejected)
    assert len(rows) == 3


def test_a_mapping_names_strange_columns(pdq_of):
    [one] = entries(f"Schlüssel;Wert\n9;{pdq_of('a')}\n", mapping={"pdq": "Wert", "id": "Schlüssel"})
    assert (one.id, one.hashes[0][0]) == ("9", "pdq")
    with pytest.raises(ListError, match="no column 'Hash'; it has: a, b"):
        read("a,b\n1,2\n", mapping={"pdq": "Hash"})
    with pytest.raises(ListError, match="no field called 'pqd'"):
        read("a,b\n1,2\n", mapping={"pqd": "a"})


def test_a_file_without_hashes_names_its_columns():
    with pytest.raises(ListError, match=r"no column that holds hashes \(its columns: name, age"):
        read("name,age\nAnn,7\n")


def test_bad_rows_are_left_out_with_line_and_reason():
    rows = read(
        f"md5,status,updated\n{M[0]},active,\n{M[1]}0,active,\n{'z' * 32},,\n{M[2]},perhaps,\n,active,\n"
        f"{M[3]},withdrawn,\n{M[4]},,soon\n"
    )
    said = {one.number: one.reason for one in rows if isinstance(one, Rejected)}
    assert said == {
        3: "md5: 33 digits where 32 are needed",
        4: "md5: a letter that is not a hex digit",
        5: "unknown status 'perhaps'",
        6: "no hash in this row",
    }
    taken = [one for one in rows if isinstance(one, Entry)]
    assert [one.status for one in taken] == [Status.ACTIVE, Status.WITHDRAWN, Status.ACTIVE]
    assert [one.problem for one in taken] == ["", "", "the date 'soon' cannot be read"]


def test_a_date_or_a_quality_that_cannot_be_read_costs_no_hash(pdq_of):
    rows = read(f"md5,pdq,quality,updated\n{M[0]},{pdq_of('a')},98.0,24.10.2017 15:00\n{M[1]},{pdq_of('b')},N/A,\n")
    assert [[kind for kind, _ in one.hashes] for one in rows] == [["md5", "pdq"]] * 2
    assert [(one.quality, one.updated) for one in rows] == [(-1, 0)] * 2
    assert rows[0].problem == "the date '24.10.2017 15:00' cannot be read"
    assert rows[1].problem == "quality 'N/A' is not a number from 0 to 100"


@pytest.mark.parametrize(
    "above", ["# my list\n", "Export of 2024-01-01, by an agency\n\n", "sep=;\n", '"sep=;"\n', "a;b;c\n1;2;3\n"]
)
def test_lines_above_the_titles_hide_no_column(above, pdq_of):
    rows = "".join(f"{M[n]};{pdq_of(str(n))};A1;{'withdrawn' if n == 3 else ''}\n" for n in range(5))
    found = read(f"{above}md5;pdq;category;status\n{rows}")
    assert [[kind for kind, _ in one.hashes] for one in found] == [["md5", "pdq"]] * 5
    assert {one.category for one in found} == {"A1"}
    assert [one.status for one in found] == [0, 0, 0, Status.WITHDRAWN, 0]


def test_a_column_without_a_title_is_told_by_what_it_holds(pdq_of):
    [told, *found] = read("md5\n" + "".join(f"{M[n]},{pdq_of(str(n))}\n" for n in range(5)))
    assert told.reason.startswith("the column '2' seems to hold pdq and is not compared")
    assert len(found) == 5


def test_a_column_of_hashes_that_is_not_taken_is_told(pdq_of):
    text = "md5,Hash (PDQ v1)\n" + "".join(f"{M[n]},{pdq_of(str(n))}\n" for n in range(5))
    [told, *found] = read(text)
    assert told.reason == (
        "the column 'Hash (PDQ v1)' seems to hold pdq and is not compared; "
        "take it with --column pdq=NAME, or say --column extra=NAME"
    )
    assert [kind for kind, _ in found[0].hashes] == ["md5"]
    assert [kind for kind, _ in entries(text, mapping={"pdq": "Hash (PDQ v1)"})[0].hashes] == ["md5", "pdq"]
    assert all(isinstance(one, Entry) for one in read(text, mapping={"extra": "Hash (PDQ v1)"}))


def test_columns_may_be_given_no_meaning():
    text = f"id,status,md5\n1,Confirmed,{M[0]}\n"
    assert read(text)[0].reason == "unknown status 'Confirmed'"
    [one] = read(text, mapping={"extra": JOINED.join(("ID", "Status"))})
    assert (one.id, one.status, one.extra) == ("", Status.ACTIVE, {"id": "1", "status": "Confirmed"})


def test_deleted_flags_count_as_status():
    assert [one.status for one in entries(f"md5,deleted\n{M[0]},true\n{M[1]},false\n")] == [2, 0]


def test_quotes_may_span_lines_and_an_unclosed_one_costs_one_row():
    rows = read(f'md5,note\n{M[0]},"two\nlines, ""quoted"""\n{M[1]},"open\n' + "".join(f"{m},x\n" for m in M[2:]) * 9)
    assert rows[0].extra == {"note": 'two\nlines, "quoted"'}
    bad = [one for one in rows if isinstance(one, Rejected)]
    assert [(one.number, one.reason) for one in bad] == [(4, "a quotation mark that is not closed")]
    assert len(rows) == 2 + 63


def test_short_rows_and_empty_files():
    assert read("") == []
    assert len(entries(f"md5,a,b\n{M[0]}\n")) == 1


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_bytes_after_a_header_give_entries_or_reasons(data):
    for one in read(b"md5,status\n" + data):
        assert isinstance(one, Entry | Rejected)
        assert one.number >= 1
