import hashlib
import io
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.matching.lists.entry import Entry, Rejected
from tocsin.matching.lists.read_jsonl import read_jsonl, read_vpdq_json

M = hashlib.md5(b"a").hexdigest()


def read(*rows):
    return list(
        read_jsonl(io.BytesIO("\n".join(one if isinstance(one, str) else json.dumps(one) for one in rows).encode()))
    )


def test_an_entry_with_everything(pdq_of):
    [one] = read(
        {"entry": "e", "md5": M, "pdq": [pdq_of("a"), pdq_of("b")], "quality": 80, "category": 3, "status": "active",
         "updated": "2024-01-01", "frames": [f"{pdq_of('c')},90,0.5"], "extra": {"note": 1}}
    )  # fmt: skip
    assert [kind for kind, _ in one.hashes] == ["md5", "pdq", "pdq"]
    assert (one.id, one.quality, one.category, len(one.frames), one.extra) == ("e", 80, "3", 1, {"note": 1})


def test_bad_lines_say_why():
    reasons = [one.reason for one in read("[1]", "{", {"entry": "e"}, {"md5": "x"}, {"md5": M, "status": "odd"})]
    assert reasons[0] == "not an object"
    assert "not JSON" in reasons[1]
    assert reasons[2] == "no hash in this line"
    assert "digits" in reasons[3]
    assert "unknown status" in reasons[4]


def test_a_date_that_cannot_be_read_costs_no_hash():
    [one] = read({"md5": M, "updated": "soon"})
    assert (one.updated, one.problem) == (0, "the date 'soon' cannot be read")


def test_the_json_form_of_vpdq(pdq_of):
    data = json.dumps([f"{pdq_of('a')},90,0.0", "nonsense"]).encode()
    bad, video = read_vpdq_json(io.BytesIO(data), "clip.json")
    assert isinstance(bad, Rejected)
    assert (video.id, len(video.frames)) == ("clip", 1)
    [broken] = read_vpdq_json(io.BytesIO(data[:30]), "clip.json")
    assert broken.fatal


names = st.sampled_from(["entry", "md5", "frames", "extra", "x"])
values = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(names, one, max_size=3),
)


@given(st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=150, deadline=None)
def test_anything_gives_entries_or_reasons(data):
    for one in [*read_jsonl(io.BytesIO(data)), *read_vpdq_json(io.BytesIO(data), "x")]:
        assert isinstance(one, Entry | Rejected)
