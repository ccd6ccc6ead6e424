from dataclasses import replace
from datetime import timedelta

from tocsin.orders.document import from_json
from tocsin.orders.reading import read


def test_state_includes_the_first_moment_and_excludes_the_last(order):
    moment = timedelta(milliseconds=1)
    assert order.state(order.begins - moment) == "not-yet"
    assert order.state(order.begins) == "in-force"
    assert order.state(order.ends - moment) == "in-force"
    assert order.state(order.ends) == "ended"


def test_what_is_signed_reads_back_as_the_same_order(order):
    assert read(from_json(order.as_dict(), "order")) == order
    varied = replace(
        order, replaces="T-0", example=True, title="EXAMPLE", evidence=("text", "picture"), ledger="content"
    )
    assert read(from_json(varied.as_dict(), "order")) == varied


def test_a_clause_keeps_its_own_times(order):
    clause = replace(order.clauses[0], begins=order.begins, ends=order.begins + timedelta(days=1))
    assert clause.active(order.begins)
    assert not clause.active(order.begins + timedelta(days=1))
    assert replace(order, clauses=(clause,)).as_dict()["clauses"][0]["until"] == "2026-01-02T00:00:00.000Z"
