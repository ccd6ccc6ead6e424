import base64
import hashlib
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.matching.lists.entry import Entry, Rejected
from tocsin.matching.lists.read_vics import read_vics

M = [hashlib.md5(bytes([n])).hexdigest() for n in range(9)]
V12 = ("odata.metadata", "http://github.com/ICMEC/ProjectVic/DataModels/1.2.xml#Media")
V13 = ("odata.metadata", "http://github.com/ICMEC/ProjectVic/DataModels/1.3.xml#Media")
V20 = ("@odata.context", "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/UK/$metadata#Media")


def read(value, encoding="utf-8"):
    return list(read_vics(io.BytesIO(json.dumps(value).encode(encoding))))


@pytest.mark.parametrize("header", [V12, V13, V20])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_hash_list_of_each_version(header, encoding):
    media = {
        "MediaID": 5, "Category": 2, "MD5": M[0].upper(), "SHA1": hashlib.sha1(b"a").hexdigest(), "MediaSize": "12",
        "VictimIdentified": "true", "IsDistributed": False, "DateUpdated": "/Date(1700000000000)/", "Series": "",
        "AlternativeHashes": [{"HashName": "PhotoDNA", "HashValue": base64.b64encode(bytes(144)).decode()}],
        "MediaFiles": [{"MD5": M[1], "FilePath": "C:\\x"}], "Tags": "a, b",
    }  # fmt: skip
    [one] = read({header[0]: header[1], "value": [media]}, encoding)
    assert [kind for kind, _ in one.hashes] == ["md5", "sha1", "photodna"]
    assert (one.id, one.category, one.scheme, one.updated) == ("5", "2", header[1], 1_700_000_000)
    assert one.extra == {"MediaSize": "12", "VictimIdentified": "true", "IsDistributed": False, "Tags": "a, b"}


def test_all_media_of_all_cases():
    cases = [{"CaseID": "a", "CaseMetadata": [{"PropertyName": "x"}], "Media": [{"MD5": M[0]}, {"MD5": M[1]}]},
             {"Media": [{"MD5": M[2]}], "CaseNumber": "late"}]  # fmt: skip
    rows = read({V13[0]: V13[1].replace("#Media", "#Cases"), "value": cases})
    assert [one.hashes[0][1].hex() for one in rows] == M[:3]


def test_property_names_in_other_letter_case_and_categories_of_all_sorts():
    rows = read({"ODATA.METADATA": V13[1], "Value": [{"md5": M[0], "CATEGORY": "3"}, {"Md5": M[1], "Category": None}]})
    assert [one.category for one in rows] == ["3", ""]


def test_cases_are_found_without_a_header_too():
    assert len(read({"value": [{"CaseID": "x", "Media": [{"MD5": M[0]}]}]})) == 1


def test_one_bad_hash_leaves_the_others_and_none_leaves_the_media_out():
    rows = read({V13[0]: V13[1], "value": [{"MD5": M[0], "PhotoDNA": "???"}, {"MD5": "short"}, 7, {"MediaID": 1}]})
    assert rows[0].problem.startswith("photodna")
    assert [one.reason for one in rows[1:]] == [
        "md5: 5 digits where 32 are needed", "not an object with properties", "no hash in this media",
    ]  # fmt: skip


def test_a_file_that_is_cut_gives_what_came_before_and_says_so():
    data = json.dumps({V13[0]: V13[1], "value": [{"MD5": m} for m in M]}).encode()
    rows = list(read_vics(io.BytesIO(data[:-60])))
    assert len(rows) > 3
    assert rows[-1].fatal
    assert "breaks off" in rows[-1].reason


@pytest.mark.parametrize("start", ["", '{"value":[', '{"value":[{"MD5":"' + M[0] + '"},{"MD5":"' + M[1] + '","Tags":'])
def test_json_that_is_nested_without_end_is_refused_at_once(start):
    *before, last = read_vics(io.BytesIO((start + '[{"a":' * 2_000_000).encode()))
    assert isinstance(last, Rejected)
    assert last.fatal
    assert "more than 64 deep" in last.reason
    assert all(isinstance(one, Entry) for one in before)


def test_a_date_that_cannot_be_read_costs_no_hash():
    [one] = read(dict([V13, ("value", [{"MD5": M[0], "DateUpdated": "24.10.2017"}])]))
    assert (one.updated, one.problem) == (0, "the date '24.10.2017' cannot be read")
    assert [kind for kind, _ in one.hashes] == ["md5"]


def test_json_of_something_else_is_refused():
    [one] = read({"name": "x"})
    assert one.fatal


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda one: (
            st.lists(one, max_size=3)
            | st.dictionaries(
                st.sampled_from(["value", "Media", "MD5", "AlternativeHashes", "HashName"]), one, max_size=3
            )
        ),
    )
)
@settings(max_examples=150, deadline=None)
def test_any_json_gives_entries_or_reasons(value):
    for one in read(value):
        assert isinstance(one, Entry | Rejected)


@given(st.binary(max_size=100))
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_entries_or_reasons(data):
    for one in read_vics(io.BytesIO(b'{"value":[' + data)):
        assert isinstance(one, Entry | Rejected)
