"""Nothing on the device's disk is lost on its way to the hub: the measurement of tests/bench/loss.py, shortened."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))

import faults
import loss
from ground import Ground, Outcome

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="counts on Linux's signals and sockets"),
]


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with Ground() as made:
        yield made


def nothing_lost(outcome: Outcome, at_least: int = 1) -> None:
    assert outcome.made >= at_least
    assert outcome.evidence_made >= at_least
    assert (outcome.lost, outcome.twice, outcome.evidence_lost) == (0, 0, 0), outcome
    assert outcome.whole
    assert outcome.trouble == ()


def test_an_outage_of_the_hub_loses_nothing(ground: Ground) -> None:
    nothing_lost(loss.outage(ground, 2.0), at_least=60)


def test_a_hub_killed_while_it_writes_loses_nothing(ground: Ground) -> None:
    nothing_lost(loss.hub_kills(ground, 2), at_least=10)


def test_a_killed_agent_loses_nothing_that_was_on_its_disk(ground: Ground) -> None:
    nothing_lost(loss.agent_kills(ground, 3), at_least=30)


def test_every_status_from_400_to_599_loses_nothing(ground: Ground) -> None:
    nothing_lost(loss.statuses(ground), at_least=100)


def test_refused_connections_lose_nothing(ground: Ground) -> None:
    nothing_lost(loss.refused(ground, 1, 0.5), at_least=5)


def test_bad_answers_lose_nothing(ground: Ground) -> None:
    every = list(loss.wire_faults(0.5).values())
    plans = {faults.JOURNAL: every, faults.EVIDENCE: every}
    nothing_lost(loss.on_the_wire(ground, "bad answers", plans), at_least=len(every))


def test_a_full_disk_refuses_nothing_silently(ground: Ground) -> None:
    outcome = loss.full_disk(ground, 100)
    nothing_lost(outcome)
    assert outcome.counted >= 100
