"""A stream's budget: scenes go before keyframes, hashing never goes, and what went is counted."""

import time
from types import SimpleNamespace

import pytest

from tocsin.gateway.streams import budget
from tocsin.gateway.streams.budget import BUSY, CALM, FOR_SCENES, LEVELS, Budget, Load, Pace


def test_within_its_share_nothing_is_left_out() -> None:
    budget = Budget(share=0.05)
    for second in range(100):
        budget.note(float(second), 0.01, 0.1)
        assert budget.classifier()
        assert budget.scenes(1)
        assert budget.keyframe()
    assert not budget.shed


def test_a_stream_that_costs_too_much_loses_scenes_first_and_then_keyframes() -> None:
    budget = Budget(share=0.01)
    order = []
    for second in range(12):
        budget.note(float(second), 0.5, 0.0)
        order.append(budget.level)
        budget.scenes(2)
        budget.keyframe()
    assert order == sorted(order)
    assert order[-1] == len(LEVELS) - 1
    assert budget.shed["scenes"] > 0
    assert 0 < budget.shed["keyframes"] < 12, "one keyframe of eight is looked at whatever happens"


def test_falling_behind_sheds_too_and_calm_brings_it_back() -> None:
    budget = Budget(share=1.0)
    budget.note(0.0, 0.0, 5.0)
    assert budget.level == 0, "opening takes a while"
    budget.note(6.0, 0.0, 5.0)
    budget.note(7.0, 0.0, 5.0)
    level = budget.level
    assert level > 0
    for second in range(8, 8 + int(CALM * (level + 2))):
        budget.note(float(second), 0.0, 0.0)
    assert budget.level == 0


def test_one_costly_scene_does_not_cost_keyframes() -> None:
    budget = Budget(share=0.05)
    budget.note(0.0, 0.5, 0.0)
    for second in range(1, 12):
        budget.note(float(second), 0.009, 0.0)
        assert budget.keyframe()


def test_a_busy_core_has_no_time_for_scenes_but_for_keyframes() -> None:
    budget = Budget()
    assert not budget.scenes(3, BUSY)
    assert budget.keyframe()
    assert budget.shed["scenes"] == 3


def test_a_process_counts_as_busy_until_it_was_measured_and_when_scenes_had_their_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = SimpleNamespace(monotonic=lambda: 1000.0, process_time=time.process_time)  # no time passes meanwhile
    monkeypatch.setattr(budget, "time", clock)
    load = Load()
    assert load.share() >= BUSY
    load._share, load._left = 0.0, FOR_SCENES
    assert load.share() < BUSY
    load.spend(10.0)
    assert load.share() >= BUSY


def test_a_stream_that_costs_little_never_waits() -> None:
    pace = Pace(0.05)
    assert [pace.wait(float(second), 0.04 * second) for second in range(600)] == [0.0] * 600


def test_a_stream_that_would_take_all_of_a_core_gets_its_share() -> None:
    """The processor is used whenever there is no waiting; over five minutes it is used for the share, and the burst."""
    pace, now, used = Pace(0.05), 0.0, 0.0
    while now < 300:
        now, used = now + 0.01, used + 0.01
        now += pace.wait(now, used)
    assert 0.05 * 300 < used < 0.05 * 300 + 1.5
    assert all(wait <= 1.0 for wait in [pace.wait(now, used + 60)])
