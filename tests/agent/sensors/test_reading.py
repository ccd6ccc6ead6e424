import hashlib
import threading
from datetime import UTC, datetime

import numpy as np
import pytest

from tocsin.agent.sensors.crops import LineCache
from tocsin.agent.sensors.reading import Batch, Reading
from tocsin.agent.sensors.visible import Sight
from tocsin.model import Rect

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Slow:
    """Reads a picture as the number in its first pixel, once let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.order: list[int] = []
        self.fail: set[int] = set()

    def read(self, images):
        self.let.wait(10)
        number = int(images[0][0, 0, 0])
        self.order.append(number)
        if number in self.fail:
            raise RuntimeError("engine fault")
        return [(f"line {number}", 0.2 if number == 99 else 0.95)]


def sight(n: int) -> Sight:
    digest = hashlib.blake2b(bytes([n]), digest_size=16).digest()
    return Sight(Rect(0, n, 10, 10), digest, (0, 0, 0), np.zeros(4, np.int32))


def batch(*numbers: int, gone=(), place=None) -> Batch:
    return Batch("app", "title", "t", None, NOW, 1, [sight(n) for n in numbers], tuple(gone), place=place)


def pictures(*numbers: int):
    return {sight(n).digest: np.full((20, 100, 3), n, np.uint8) for n in numbers}


@pytest.fixture
def reading():
    engine, said, done = Slow(), [], threading.Event()

    def emit(_batch, lines):
        said.extend(line.text for line in lines)
        if "line 77" in said:
            done.set()

    queue = Reading(engine, emit, LineCache())
    queue.start()
    queue.engine, queue.said, queue.done = engine, said, done
    yield queue
    engine.let.set()
    queue.close()


def finish(reading):
    reading.put(batch(77), pictures(77))
    reading.engine.let.set()
    assert reading.done.wait(10)


def test_a_line_is_read_once_and_known_afterwards(reading):
    reading.engine.let.set()
    reading.put(batch(1, 2), pictures(1, 2))
    reading.put(batch(2, 1), pictures(1, 2))
    finish(reading)
    assert reading.engine.order[:2] == [1, 2]
    assert len(reading.engine.order) == 3
    assert sorted(reading.said[:4]) == ["line 1", "line 1", "line 2", "line 2"]


def test_a_page_does_not_hold_up_one_new_line(reading):
    page = list(range(10, 40))
    reading.put(batch(*page), pictures(*page))
    reading.put(batch(5), pictures(5))
    finish(reading)
    assert reading.engine.order.index(5) <= 7


def test_restyled_words_are_not_said_again(reading):
    reading.engine.let.set()
    reading.put(batch(1), pictures(1))
    finish(reading)
    again = Sight(Rect(0, 1, 10, 10), b"other pixels", (1, 1, 1), np.zeros(4, np.int32))
    reading.put(
        Batch("app", "title", "t", None, NOW, 1, [again], (sight(1).digest,)),
        {again.digest: np.full((20, 100, 3), 1, np.uint8)},
    )
    reading.done.clear()
    reading.put(batch(77), pictures())
    assert reading.done.wait(10)
    assert reading.said.count("line 1") == 1


def test_doubtful_readings_and_faults_are_counted_and_not_said(reading):
    reading.engine.fail = {3}
    reading.put(batch(99, 3, 4), pictures(99, 3, 4))
    finish(reading)
    assert "line 4" in reading.said
    assert (reading.lines_doubtful, reading.failures) == (1, 1)
    assert "engine fault" in reading.failure


def test_what_does_not_fit_is_dropped_oldest_first_and_counted():
    queue = Reading(Slow(), lambda *_: None, LineCache(), limit=20_000)
    for n in range(6):
        queue.put(batch(n), pictures(n))
    assert queue.lines_dropped == 3
    assert queue.depth() == 3
    queue.close()


def test_an_edit_replaces_the_one_waiting_at_its_place():
    queue = Reading(Slow(), lambda *_: None, LineCache())
    for n in range(5):
        queue.put(batch(n, place=("t", 1, 1)), pictures(n), edit=True)
    queue.put(batch(9, place=("t", 1, 2)), pictures(9), edit=True)
    assert queue.depth() == 2
    queue.close()
