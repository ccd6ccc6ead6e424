"""Helpers that detectors share."""

from tocsin.detectors import Concealment, making
from tocsin.model import Category, Speaker


def test_a_finding_carries_where_it_was_seen() -> None:
    seen = making.said("t", (Speaker.SUBJECT, "hello"))[0]
    rest = {"category": Category.CONDITION, "severity": 3, "confidence": 0.5, "why": "x"}
    made = making.finding(Concealment(), seen, **rest)
    assert (made.thread, made.observation, made.detector, made.version) == ("t", seen.id, "concealment", "1.0")
    assert made.id != making.finding(Concealment(), seen, **rest).id


def test_lists_read_as_a_person_writes_them() -> None:
    assert making.listed(["a"]) == "a"
    assert making.listed(["a", "b", "c"]) == "a, b and c"
