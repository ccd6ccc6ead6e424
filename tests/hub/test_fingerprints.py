"""What a device sends is read as it was written, or refused by name; it cannot ask for unbounded work."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.hub import fingerprints
from tocsin.hub.refusals import Refused
from tocsin.model.media import Fingerprints, Frame, Print
from tocsin.model.rect import Rect

WHOLE = Fingerprints(
    media="video",
    md5="0" * 32,
    sha1="1" * 40,
    sha256="2" * 64,
    prints=(Print("a" * 64, 99, "screen", True, 3), Print("d" * 64, 90, "screen", region=Rect(1, 2, 30, 40))),
    frames=(Frame(1.5, "b" * 64, 80, 3, "luma", True),),
    windows=("c" * 64,),
)


def body(**changes) -> dict:
    return {"items": [{"id": "1", "prints": json.loads(json.dumps(WHOLE.as_dict())) | changes}]}


@pytest.mark.parametrize("sent", [WHOLE, Fingerprints(media="other", md5="0" * 32), Fingerprints(media="picture")])
def test_what_an_agent_writes_is_read_back(sent) -> None:
    raw = json.loads(json.dumps({"items": [{"id": "x-1", "prints": sent.as_dict()}]}))
    assert fingerprints.items(raw) == [("x-1", sent)]


@pytest.mark.parametrize(
    "change",
    [
        {"media": "song"},
        {"sha1": "1" * 39},
        {"md5": "G" * 32},
        {"prints": [{"hex": "a" * 63, "quality": 1}]},
        {"prints": [{"hex": "a" * 64, "quality": 101}]},
        {"prints": [{"hex": "a" * 64, "quality": True}]},
        {"prints": [{"hex": "a" * 64, "quality": 1, "turn": 8}]},
        {"prints": [{"hex": "a" * 64, "quality": 1, "path": "guess"}]},
        {"prints": [{"hex": "a" * 64, "quality": 1, "region": {"x": -1, "y": 0, "w": 9, "h": 9}}]},
        {"prints": [{"hex": "a" * 64, "quality": 1, "region": [0, 0, 9, 9]}]},
        {"prints": {"hex": "a" * 64}},
        {"frames": [{"at": -1, "hex": "b" * 64, "quality": 1}]},
        {"frames": [{"at": float("nan"), "hex": "b" * 64, "quality": 1}]},
        {"windows": [7]},
        {"picture": "…"},
    ],
)
def test_what_is_out_of_bounds_is_named(change) -> None:
    with pytest.raises(Refused, match=r"The field items\[0\]\S* is missing or out of bounds") as caught:
        fingerprints.items(body(**change))
    assert caught.value.status == 422


def test_too_much_is_refused_as_too_much() -> None:
    hash_ = {"hex": "a" * 64, "quality": 1}
    for raw in (
        {"items": body()["items"] * 257},
        body(prints=[hash_] * 513),
        body(frames=[{"at": 1, **hash_}] * 6001),
        {"items": body(frames=[{"at": 1, **hash_}] * 6000)["items"] * 10},
    ):
        with pytest.raises(Refused) as caught:
            fingerprints.items(raw)
        assert caught.value.status == 413


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(st.dictionaries(st.sampled_from(["media", "md5", "prints", "frames", "windows", "x"]), anything))
def test_anything_is_read_or_refused(change) -> None:
    with contextlib.suppress(Refused):
        assert len(fingerprints.items(body(**change))) == 1


@given(anything)
def test_any_body_is_read_or_refused(raw) -> None:
    with contextlib.suppress(Refused):
        fingerprints.items(raw)
