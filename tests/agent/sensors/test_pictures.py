"""Pictures on the screen are asked of once, with where they stood; never the agent's own, never while shed."""

import threading
import time

import numpy as np
import pytest

from tocsin.agent.sensors.pictures import PictureSensor
from tocsin.agent.sensors.screen import ScreenSensor
from tocsin.agent.sensors.stacking import Window
from tocsin.agent.sensors.visible import thread_of
from tocsin.agent.sensors.x11 import X11Display
from tocsin.media import pdq
from tocsin.model import Kind, MediaSeen, NotScanned, Rect, SystemClock

CHAT = Window(7, 7, Rect(100, 50, 700, 500), "Demo", "(3) Chat with Mia", 1)
NOTICE = Window(9, 9, Rect(0, 0, 900, 300), "Tocsin", "", 2)


class DrawnScreen:
    """A screen in memory."""

    def __init__(self) -> None:
        self.pixels = np.full((640, 900, 4), 240, np.uint8)

    def size(self):
        return self.pixels.shape[1], self.pixels.shape[0]

    def copy(self, rect):
        return self.pixels[rect.y : rect.bottom, rect.x : rect.right].copy()

    def show(self, x, y, bgr):
        self.pixels[y : y + bgr.shape[0], x : x + bgr.shape[1], :3] = bgr


class Asked:
    """What was asked of."""

    def __init__(self) -> None:
        self.all, self._changed = [], threading.Condition()

    def __call__(self, fingerprints, seen):
        with self._changed:
            self.all.append((fingerprints, seen))
            self._changed.notify_all()

    def wait(self, condition, seconds=60.0):
        with self._changed:
            assert self._changed.wait_for(condition, seconds), self.all


def wait_for(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def distance(a, b):
    return (int(a, 16) ^ int(b, 16)).bit_count()


@pytest.fixture
def asked():
    return Asked()


@pytest.fixture
def drawn():
    return DrawnScreen()


@pytest.fixture
def sensor(drawn, asked):
    made = PictureSensor(drawn, SystemClock(), asked, lambda: {NOTICE.id}, settle=0.01, keep_pixels=True)
    made.start()
    yield made
    made.close()


def looked(sensor):
    """Wait until the present change has been looked at."""
    before = sensor.stats().looks
    return lambda: wait_for(lambda: sensor.stats().looks > before)


def test_a_picture_is_asked_of_with_its_place_its_window_and_its_thread(sensor, drawn, asked, photo):
    picture = photo(320, 240)
    drawn.show(200, 150, picture)
    sensor.changed([Rect(200, 150, 320, 240)], [CHAT], 42)
    asked.wait(lambda: asked.all)
    fingerprints, seen = asked.all[0]
    assert (seen.kind, seen.app, seen.title, seen.seen_ns) == (Kind.PICTURE, "Demo", "(3) Chat with Mia", 42)
    assert seen.thread == thread_of(7, "Demo", "Chat with Mia")
    assert isinstance(seen.body, MediaSeen)
    assert seen.body.box == Rect(200, 150, 320, 240)
    assert seen.body.pixels == picture[:, :, ::-1].tobytes()
    original = pdq.hash_array(np.ascontiguousarray(picture[:, :, ::-1]))
    assert distance(fingerprints.prints[0].hex, original.hex) <= 20
    assert all(made.path == "screen" for made in fingerprints.prints)


def test_a_picture_that_stands_or_scrolls_is_not_asked_of_again(sensor, drawn, asked, photo):
    picture = photo(300, 200)
    drawn.show(200, 300, picture)
    wait = looked(sensor)
    sensor.changed([Rect(200, 300, 300, 200)], [CHAT], 0)
    wait()
    assert len(asked.all) == 1
    wait = looked(sensor)
    sensor.changed([Rect(200, 300, 20, 20)], [CHAT], 0)
    wait()
    drawn.pixels[:] = 240
    drawn.show(200, 170, picture)
    wait = looked(sensor)
    sensor.changed([Rect(100, 50, 700, 500)], [CHAT], 0)
    wait()
    assert len(asked.all) == 1
    assert sensor.stats().known == 2
    other = Window(8, 8, CHAT.rect, "Demo", "Chat with Ben", 1)
    sensor.changed([Rect(100, 50, 700, 500)], [other], 0)
    asked.wait(lambda: len(asked.all) == 2)


def test_the_agent_s_own_windows_are_never_looked_at(sensor, drawn, asked, photo):
    drawn.show(20, 20, photo(320, 240))
    wait = looked(sensor)
    sensor.changed([Rect(20, 20, 320, 240)], [NOTICE], 0)
    wait()
    assert asked.all == []


def test_what_another_window_covers_is_not_taken_for_the_picture(sensor, drawn, asked, photo):
    drawn.show(200, 100, photo(320, 240))
    drawn.pixels[:, 360:660] = 30
    over = Window(11, 11, Rect(360, 0, 300, 640), "Other", "", 3)
    sensor.changed([Rect(200, 100, 160, 240)], [over, CHAT], 0)
    asked.wait(lambda: asked.all)
    assert asked.all[0][1].body.box == Rect(200, 100, 160, 240)
    assert asked.all[0][1].app == "Demo"


def test_pictures_are_shed_first_and_caught_up_with_afterwards(sensor, drawn, asked, photo):
    sensor.pace(1)
    assert sensor.stats().off
    drawn.show(200, 150, photo(320, 240))
    sensor.changed([Rect(200, 150, 320, 240)], [CHAT], 0)
    assert asked.all == []
    sensor.pace(0)
    asked.wait(lambda: asked.all)


def test_a_hash_that_says_too_little_is_counted_and_not_asked_of(sensor, drawn, asked):
    dull = np.random.default_rng(2).integers(118, 123, (200, 260, 3), dtype=np.uint8)
    drawn.show(200, 150, dull)
    sensor.changed([Rect(200, 150, 260, 200)], [CHAT], 0)
    wait_for(lambda: sensor.stats().poor == 1)
    assert asked.all == []


def test_a_failure_is_told_and_never_looks_like_nothing_seen(drawn, photo):
    def broken(*_):
        raise RuntimeError("no room")

    sensor = PictureSensor(drawn, SystemClock(), broken, settle=0.01)
    told = sensor.observations()
    drawn.show(200, 150, photo(320, 240))
    sensor.start()
    sensor.changed([Rect(200, 150, 320, 240)], [CHAT], 0)
    seen = next(told)
    assert isinstance(seen.body, NotScanned)
    assert seen.body.reason == "failed"
    assert "no room" in seen.body.detail
    sensor.close()
    assert list(told) == []


def test_a_screen_that_shrank_meanwhile_does_no_harm(sensor, drawn, asked, photo):
    drawn.pixels = drawn.pixels[:200, :300]
    wait = looked(sensor)
    sensor.changed([Rect(0, 0, 900, 640)], [CHAT], 0)
    wait()
    drawn.pixels = np.full((640, 900, 4), 9, np.uint8)
    drawn.show(200, 150, photo(320, 240))
    sensor.changed([Rect(200, 150, 320, 240)], [CHAT], 0)
    asked.wait(lambda: asked.all)


def test_on_a_real_display_a_picture_is_found_where_it_was_painted(x_server, painter, fake_reader, asked, photo):
    screen = ScreenSensor(X11Display(x_server), fake_reader, SystemClock())
    sensor = PictureSensor(screen, SystemClock(), asked)
    screen.painted = sensor.changed
    try:
        sensor.start()
        screen.start()
        window = painter.window(120, 80, 640, 480, "Viewer", kind="Viewer", colour=0x202124)
        wait_for(lambda: screen.stats().looks > 0)
        original = photo(400, 300, 5)
        painter.paint(window, original, 90, 70)
        asked.wait(lambda: asked.all)
        fingerprints, seen = asked.all[0]
        assert seen.body.box == Rect(210, 150, 400, 300)
        assert (seen.app, seen.title) == ("Viewer", "Viewer")
        known = pdq.hash_array(np.ascontiguousarray(original[:, :, ::-1]))
        assert distance(fingerprints.prints[0].hex, known.hex) <= 8
    finally:
        screen.close()
        sensor.close()
