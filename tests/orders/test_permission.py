from dataclasses import replace
from datetime import timedelta

from tocsin import orders


def permit(order, now, *clauses, **changes):
    return orders.permit(replace(order, clauses=clauses or order.clauses, **changes), now)


def test_a_detector_runs_only_if_a_clause_calls_for_it(order, now):
    contact, history = orders.Clause("1", "C10", "words"), orders.Clause("2", "C3", "words")
    assert permit(order, now, contact).detectors == {"conversation", "phrases"}
    assert permit(order, now, history).detectors == {"concealment"}
    assert permit(order, now, history).signals == {"wiper"}
    assert permit(order, now, orders.Clause("1", "C16", "words")).detectors == frozenset()


def test_before_and_after_the_order_nothing_runs_and_a_sentence_says_why(order):
    early = orders.permit(order, order.begins - timedelta(seconds=1))
    late = orders.permit(order, order.ends)
    for permission in (early, late):
        assert not permission.active
        assert not permission.detectors
        assert not permission.evidence
        assert permission.signals == frozenset()
    assert "begins on 2026-01-01T00:00:00.000Z" in early.reason
    assert early.until == order.begins
    assert "ended on 2027-01-01T00:00:00.000Z" in late.reason


def test_a_clause_runs_within_its_own_times_and_the_next_change_is_announced(order, now):
    later = now + timedelta(days=3)
    limited = orders.Clause("1", "C10", "words", begins=now + timedelta(days=1), ends=later)
    before = permit(order, now, limited)
    assert not before.active
    assert before.until == limited.begins
    during = permit(order, limited.begins, limited)
    assert during.detectors == {"conversation", "phrases"}
    assert during.until == later
    assert not permit(order, later, limited).active


def test_a_custom_clause_without_signals_does_not_narrow(order, now):
    free = orders.Clause("1", "custom", "words", detectors=("phrases",))
    assert permit(order, now, free).signals is None
    assert permit(order, now, free, orders.Clause("2", "C3", "words")).signals is None
    assert permit(order, now, orders.Clause("2", "C3", "words"), orders.Clause("3", "C16", "words")).signals == {
        "wiper"
    }


def test_pictures_need_the_order_and_a_clause_that_allows_them(order, now):
    contact, history = orders.Clause("1", "C10", "words"), orders.Clause("2", "C3", "words")
    assert permit(order, now, contact).evidence == {"text"}
    both = ("text", "picture")
    assert permit(order, now, contact, evidence=both).evidence == {"text", "picture"}
    assert permit(order, now, history, evidence=both).evidence == {"text"}
    assert permit(order, now, replace(history, evidence=both), evidence=both).evidence == {"text", "picture"}
    assert permit(order, now, replace(contact, evidence=("text",)), evidence=both).evidence == {"text"}


def test_a_finding_may_keep_only_what_its_own_clauses_allow(order, now, finding):
    clauses = (orders.Clause("1", "C10", "words"), orders.Clause("2", "C3", "words"))
    both = replace(order, clauses=clauses, evidence=("text", "picture"))
    contact = orders.judge(finding(), both, now)
    hiding = orders.judge(finding("concealment", "condition-observation", ("wiper",)), both, now)
    assert orders.evidence_kinds(both, contact) == {"text", "picture"}
    assert orders.evidence_kinds(both, hiding) == {"text"}
    assert orders.evidence_kinds(both, ()) == frozenset()


def test_an_example_order_runs_and_is_flagged(order, now):
    permission = permit(order, now, title="EXAMPLE order", example=True)
    assert permission.active
    assert permission.example
    assert permission.reason.startswith("EXAMPLE")
