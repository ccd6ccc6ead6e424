from dataclasses import replace
from datetime import timedelta

import pytest

from tocsin import orders
from tocsin.model import Category, Status


def test_a_finding_carries_its_clause_and_the_exceptions_verbatim(order, now, finding):
    (verdict,) = orders.judge(finding(), order, now)
    assert verdict.clause == "3"
    assert verdict.condition == "C10"
    assert verdict.rule == "T-1/3"
    assert verdict.status is Status.BREACH_INDICATED
    assert verdict.exceptions == ("Inadvertent contact.",)
    assert verdict.method == "conversation 1"
    assert verdict.coverage == 1.0


def test_no_clause_no_verdict(order, now, finding):
    assert orders.judge(finding("concealment", Category.CONDITION, ("vpn",)), order, now) == ()
    assert orders.judge(finding(category=Category.PAYMENT), order, now) == ()
    assert orders.judge(finding(signals=()), order, now) == ()
    assert orders.judge(finding(), order, order.ends) == ()
    assert orders.judge(finding(), order, order.begins - timedelta(seconds=1)) == ()


def test_help_for_a_person_goes_only_under_a_clause_that_names_its_signal(order, now, finding):
    open_to_all = orders.Clause("8", "custom", "words", detectors=("payments",))
    named = orders.Clause("9", "custom", "words", detectors=("payments",), signals=("payer-pressed",))
    found = finding("payments", Category.SUPPORT, ("payer-pressed",))
    assert orders.judge(found, replace(order, clauses=(open_to_all,)), now) == ()
    [verdict] = orders.judge(found, replace(order, clauses=(open_to_all, named)), now)
    assert verdict.clause == "9"
    suspect = finding("payments", Category.PAYMENT, ("small-remittances", "rising-faster"))
    assert [v.clause for v in orders.judge(suspect, replace(order, clauses=(open_to_all, named)), now)] == ["8"]


def test_an_expired_clause_gives_no_verdict(order, now, finding):
    expired = replace(order, clauses=(replace(order.clauses[1], ends=now),))
    assert orders.judge(finding(), expired, now) == ()


def test_every_clause_that_calls_for_it_is_cited_in_order(order, now, finding):
    clauses = (*order.clauses, orders.Clause("9", "C11", "words"))
    found = orders.judge(finding(signals=("picture-request",)), replace(order, clauses=clauses), now)
    assert [verdict.clause for verdict in found] == ["3", "9"]


@pytest.mark.parametrize("coverage", [0.0, 0.49, float("nan"), -1.0])
def test_low_coverage_forces_not_observed(order, now, finding, coverage):
    (verdict,) = orders.judge(finding(), order, now, coverage)
    assert verdict.status is Status.NOT_OBSERVED
    assert 0.0 <= verdict.coverage <= 1.0


def test_coverage_at_the_threshold_is_enough(order, now, finding):
    (verdict,) = orders.judge(finding(), order, now, orders.LEAST_COVERAGE)
    assert verdict.status is Status.BREACH_INDICATED


def test_an_unlikely_finding_is_compatible(order, now, finding):
    (verdict,) = orders.judge(finding(confidence=0.1), order, now)
    assert verdict.status is Status.COMPATIBLE


@pytest.mark.parametrize("signal", sorted(orders.ABSENCE))
def test_absence_of_data_is_not_observed_and_never_more(order, now, finding, signal):
    whole = replace(order, clauses=(*order.clauses, orders.Clause("12", "C12", "words")))
    found = orders.judge(finding("watch", Category.CONDITION, (signal,)), whole, now)
    assert {verdict.status for verdict in found} <= {Status.NOT_OBSERVED}
    assert found == orders.absence(whole, [signal], now, "watch 1")


def test_a_silent_device_bears_on_the_clause_that_demands_monitoring(order, now):
    (verdict,) = orders.absence(order, ["device-silent"], now, "watch 1")
    assert (verdict.clause, verdict.status, verdict.coverage) == ("1", Status.NOT_OBSERVED, 0.0)


def test_a_custom_clause_is_held_against_any_category(order, now, finding):
    clause = orders.Clause("1", "custom", "words", detectors=("phrases",), signals=("secrecy",))
    custom = replace(order, clauses=(clause,))
    assert orders.judge(finding("phrases"), custom, now)
    assert not orders.judge(finding("phrases", signals=("threat",)), custom, now)
    assert not orders.judge(finding("conversation"), custom, now)
