import hashlib
from datetime import UTC, datetime

import numpy as np

from tocsin.agent.sensors.patience import WAIT, Patience
from tocsin.agent.sensors.reading import Batch
from tocsin.agent.sensors.visible import Sight
from tocsin.model import Rect

SCREEN = (720, 1280)
VIDEO = Rect(0, 0, 640, 360)


def sight(n: int, y: int = 10, w: int = 100) -> Sight:
    return Sight(
        Rect(10, y, w, 16), hashlib.blake2b(bytes([n]), digest_size=16).digest(), (0, 0, 0), np.zeros(1, np.int32)
    )


def batch(*sights: Sight) -> tuple[Batch, dict]:
    made = Batch("app", "title", "t", None, datetime(2026, 1, 1, tzinfo=UTC), 1, list(sights))
    return made, {s.digest: np.zeros((20, 100, 3), np.uint8) for s in sights}


def restless() -> Patience:
    patience = Patience()
    for i in range(10):
        patience.changed([VIDEO], i * 0.1, SCREEN)
    return patience


def test_a_quiet_place_is_read_at_once():
    patience = restless()
    still = sight(1, y=600)
    assert patience.hold(1, *batch(still), 1.0) == [still]
    assert not patience


def test_a_line_that_stands_in_a_restless_place_is_read_after_a_moment():
    patience = restless()
    line = sight(1)
    assert patience.hold(1, *batch(line), 1.0) == []
    assert patience.due(1.0 + WAIT / 2, lambda _: {line.digest}) == []
    assert [held[3] for held in patience.due(1.0 + WAIT, lambda _: {line.digest})] == [line]
    assert not patience


def test_of_lines_gone_too_soon_a_few_are_read_the_rest_counted_and_given_a_second_chance():
    patience = restless()
    lines = [sight(n, w=20 + n) for n in range(20)]
    patience.hold(1, *batch(*lines), 1.0)
    read = patience.due(1.0 + WAIT, lambda _: set())
    assert {held[3].box.w for held in read} == {39, 38, 37}
    assert patience.fleeting == 17
    assert patience.missed(lines[0].digest)
    assert not patience.missed(lines[0].digest)


def test_a_place_comes_to_rest():
    patience = restless()
    assert patience.restless(Rect(10, 10, 5, 5))
    patience.changed([], 6.0, SCREEN)
    assert not patience.restless(Rect(10, 10, 5, 5))
