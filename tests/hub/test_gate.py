"""Nonces are good once, the pace is bounded, and the same match is written down once in a while."""

from types import SimpleNamespace

import pytest

from tocsin.hub import gate
from tocsin.hub.gate import Gate
from tocsin.model.media import Match

MATCH = Match(list="demo", entry="17", by="pdq", distance=4)


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    """The gate's clock, which stands still until a test moves it."""
    made = SimpleNamespace(at=1000.0)
    monkeypatch.setattr(gate, "time", SimpleNamespace(monotonic=lambda: made.at))
    return made


def test_a_nonce_is_good_once_for_each_device() -> None:
    made = Gate()
    assert made.use("d1", "n")
    assert not made.use("d1", "n")
    assert made.use("d2", "n")


def test_a_nonce_is_forgotten_after_a_while(clock) -> None:
    made = Gate()
    assert made.use("d1", "n")
    clock.at += gate.NONCE_S + 1
    assert made.use("d1", "n")


def test_a_burst_is_taken_and_then_the_pace_holds(clock) -> None:
    made = Gate()
    assert [made.pace("d1") for _ in range(gate.BURST)] == [0.0] * gate.BURST
    assert 0 < made.pace("d1") <= 1 / gate.A_SECOND
    assert made.pace("d2") == 0.0
    clock.at += 1.001
    assert sum(made.pace("d1") == 0.0 for _ in range(100)) == gate.A_SECOND


def test_a_match_is_written_down_once_in_a_while(clock) -> None:
    made = Gate()
    assert made.fresh("d1", MATCH)
    assert not made.fresh("d1", MATCH)
    assert made.fresh("d2", MATCH)
    clock.at += gate.AGAIN_S + 5
    assert made.fresh("d1", MATCH)
