import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.matching.lists.collecting import REPLACED, ROW
from tocsin.matching.lists.resolving import GONE, prevails, resolve


def table(rows):
    held = np.zeros(len(rows), ROW)
    for at, (key, status, updated) in enumerate(rows):
        held[at]["key"], held[at]["status"], held[at]["updated"] = (key % 2, key), status, updated
    return held


def test_dates_decide_where_both_have_one_and_otherwise_the_later_row():
    assert prevails(0, 5, 0, 4)
    assert prevails(0, 4, 0, 4)
    assert not prevails(0, 3, 0, 4)
    assert prevails(0, 0, 0, 4)
    assert prevails(2, 5, 0, 4)
    assert not prevails(2, 3, 0, 4)


def test_a_tombstone_yields_only_to_what_says_it_is_newer():
    assert not prevails(0, 0, 1, 4)
    assert not prevails(0, 4, 1, 4)
    assert prevails(0, 5, 1, 4)


def test_what_a_source_tells_in_order_is_withdrawn_at_once_and_returns_when_it_says_so():
    assert prevails(1, 3, 0, 4, ordered=True)
    assert prevails(0, 4, 1, 4, ordered=True)
    assert prevails(0, 0, 1, 4, ordered=True)
    assert not prevails(0, 3, 1, 4, ordered=True)
    found = resolve(table([(1, 0, 5), (1, 1, 5), (1, 0, 5), (2, 0, 9), (2, 1, 3)]), ordered=True)
    assert found.status.tolist() == [REPLACED, REPLACED, 0, REPLACED, 1]
    assert found.goes_to.tolist() == [GONE, GONE, 2, GONE, GONE]


def test_what_a_source_tells_in_order_replaces_what_it_said_before():
    found = resolve(table([(1, 0, 5), (1, 0, 6)]), ordered=True)
    assert found.goes_to.tolist() == [GONE, 1]


def test_rows_of_one_thing_unite_under_the_last():
    found = resolve(table([(1, 0, 0), (2, 0, 0), (1, 0, 0)]))
    assert found.status.tolist() == [REPLACED, 0, 0]
    assert found.goes_to.tolist() == [2, 1, 2]
    assert found.merged == 1


def test_a_withdrawal_takes_the_hashes_away():
    found = resolve(table([(1, 0, 5), (1, 1, 6), (1, 0, 6)]))
    assert found.status.tolist() == [REPLACED, 1, REPLACED]
    assert found.goes_to.tolist() == [GONE, GONE, GONE]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 3)), max_size=30))
@settings(max_examples=200, deadline=None)
def test_it_settles_as_one_row_after_another_would(rows):
    found = resolve(table(rows))
    stands = {}
    for at, (key, status, updated) in enumerate(rows):
        if key not in stands or prevails(status, updated, *rows[stands[key]][1:]):
            stands[key] = at
    assert {at for at, status in enumerate(found.status) if status != REPLACED} == set(stands.values())
    for at, (key, _, _) in enumerate(rows):
        assert found.goes_to[at] in (stands[key], GONE)
        if rows[stands[key]][1]:
            assert found.goes_to[at] == GONE
    assert found.merged == len(rows) - len(stands)
