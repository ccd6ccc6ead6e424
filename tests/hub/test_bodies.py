"""Bodies are read with bounds: codes, numbers and times, never words."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.hub import bodies

GOOD = {
    "id": "f1",
    "detector": "phrases",
    "version": "1.2",
    "category": "grooming-signal",
    "severity": 3,
    "confidence": 0.5,
    "observed_at": "2026-11-22T17:00:00.000Z",
}

MATCH = {"list": "demo", "entry": "17", "by": "pdq", "distance": 4, "scheme": "own", "category": "harmless"}


def test_matches_are_names_and_numbers_and_nothing_else() -> None:
    sent = MATCH | {"entry": "lamp <b>\u2028", "hash": "f8" * 32, "name": "/home/x/a.jpg"}
    (match,) = bodies.finding(GOOD | {"matches": [sent]}).matches
    assert match == MATCH | {"entry": "lamp _b__"}
    (bare,) = bodies.finding(GOOD | {"matches": [{"list": "a", "entry": "b", "by": "md5", "distance": 0}]}).matches
    assert (bare["scheme"], bare["category"]) == ("", "")


def test_a_plain_finding_is_read() -> None:
    found = bodies.finding(GOOD)
    assert (found.severity, found.signals, found.evidence, found.refines, found.thread) == (3, (), None, False, "")


@pytest.mark.parametrize(
    "change",
    [
        {"id": "x" * 65},
        {"detector": "Has Words In It"},
        {"category": "unheard-of"},
        {"severity": True},
        {"severity": 0},
        {"confidence": 1.01},
        {"confidence": float("nan")},
        {"observed_at": "2026-11-22T17:00:00"},
        {"observed_at": "9" * 400},
        {"signals": [{"name": "a b", "direction": "unknown", "confidence": 1}]},
        {"signals": ["age-asked"]},
        {"signals": [{}] * 41},
        {"not_seen": ["What she said"]},
        {"verdicts": [{"clause": "3"}]},
        {"evidence": {"digest": "A" * 64, "size": 1, "kinds": []}},
        {"evidence": {"digest": "a" * 64, "size": bodies.MAX_EVIDENCE + 1, "kinds": []}},
        {"evidence": []},
        {"matches": [MATCH] * 21},
        {"matches": ["demo"]},
        {"matches": [MATCH | {"by": "looks"}]},
        {"matches": [MATCH | {"distance": -1}]},
        {"matches": [MATCH | {"distance": 1.5}]},
        {"matches": [MATCH | {"list": ""}]},
        {"matches": [MATCH | {"entry": 7}]},
        {"matches": [MATCH | {"entry": "x" * 400}]},
    ],
)
def test_what_is_out_of_bounds_is_named(change) -> None:
    with pytest.raises(bodies.BodyError, match=r"The field \w+ is missing or out of bounds"):
        bodies.finding(GOOD | change)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(
    st.dictionaries(
        st.sampled_from([*GOOD, "signals", "verdicts", "evidence", "thread", "benign", "matches"]), anything
    )
)
def test_any_finding_is_read_or_refused(change) -> None:
    with contextlib.suppress(bodies.BodyError):
        assert bodies.finding(GOOD | change).severity in range(1, 6)


def test_counts_keep_only_counts() -> None:
    assert bodies.counts({"counts": {"text": 3, "b": True, "c": -1, "A B": 2, "d": "1"}}) == {"text": 3}
    assert bodies.counts({"counts": []}) == {}
