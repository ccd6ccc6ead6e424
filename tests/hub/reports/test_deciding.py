"""What a person decides on a held report: each way leads where it says, with a reason that says something."""

import pytest

from tocsin.hub.refusals import Refused
from tocsin.hub.reports import deciding


def held(desk, **told) -> str:
    report = desk.approved()
    desk.take(report)
    desk.tell(report, 1, "held", reason="ambiguous-submit", **told)
    return report


def decide(desk, report, decision, reason="Asked them by telephone", remote_id=None) -> None:
    desk.act(report, lambda s, r: deciding.decide(s, desk.who, r, decision, reason, desk.now, remote_id))


@pytest.mark.parametrize(
    ("decision", "remote", "state", "undo"),
    [
        ("again", None, "approved", None),
        ("again", 9, "approved", 9),
        ("edit", 9, "draft", 9),
        ("filed", 9, "filed", None),
        ("withdraw", None, "discarded", None),
        ("withdraw", 9, "withdrawing", 9),
    ],
)
def test_each_decision_leads_where_it_says(desk, decision, remote, state, undo) -> None:
    report = held(desk)
    decide(desk, report, decision, remote_id=remote)
    row = desk.read(report)
    assert (row.state, row.undo_id, row.held_for) == (state, undo, "")
    assert (row.preserve_until is not None) is (decision == "filed")


def test_what_is_open_there_is_retracted_first_without_being_told(desk) -> None:
    report = held(desk, remote_id=7)
    decide(desk, report, "again")
    assert desk.take(report)["undo"] == 7


def test_bad_decisions_are_sentences(desk) -> None:
    report = held(desk)
    for arguments, words in (
        (("maybe",), "one of"),
        (("again", "x"), "reason"),
        (("filed",), "number"),
        (("filed", "Asked them by telephone", -3), "whole number"),
    ):
        with pytest.raises(Refused, match=words):
            decide(desk, report, *arguments)
    decide(desk, report, "again")
    with pytest.raises(Refused, match="nothing to decide"):
        decide(desk, report, "again")
