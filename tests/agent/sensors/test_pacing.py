import threading

from tocsin.agent.sensors import pacing
from tocsin.agent.sensors.pacing import Pace, ProcessorTime


class Stop:
    """An event that notes how long it was asked to wait, and waits no time."""

    def __init__(self):
        self.waited = []
        self.set = False

    def wait(self, seconds):
        self.waited.append(seconds)

    def is_set(self):
        return self.set


def test_the_share_decides_how_long_it_rests(monkeypatch):
    stop, spent = Stop(), [0.0]
    now = [100.0]
    monkeypatch.setattr(pacing.time, "monotonic", lambda: now[0])
    stop.wait = lambda seconds: (stop.waited.append(seconds), now.__setitem__(0, now[0] + seconds))
    pace = Pace(stop, lambda: spent[0], share=0.1)
    for _ in range(50):
        spent[0] += 0.05
        assert pace.rest()
    assert abs(sum(stop.waited) - 2.5 * 9) < 1


def test_what_hinders_is_waited_for_and_stopping_ends_it():
    stop, why = Stop(), ["battery", "busy", ""]
    pace = Pace(stop, lambda: 0.0, lambda: why.pop(0))
    assert pace.rest()
    assert len(stop.waited) == 2
    stop.set = True
    assert not pace.rest()


def test_small_work_is_not_interrupted_by_rests():
    stop = Stop()
    pace = Pace(stop, lambda: 0.0)
    for _ in range(1000):
        pace.rest()
    assert stop.waited == []


def test_processor_time_never_goes_back():
    measure = ProcessorTime()
    first = measure()
    sum(range(200_000))
    assert measure() >= first


def test_children_that_ended_stay_counted(monkeypatch):
    measure = ProcessorTime()
    measure._children = {1: 5.0}
    monkeypatch.setattr(pacing.psutil.Process, "children", lambda *_, **__: [])
    measure._looked = 0.0
    assert measure() >= 5.0


def test_a_busy_computer_hinders(monkeypatch):
    monkeypatch.setattr(pacing.psutil, "sensors_battery", lambda: None, raising=False)
    monkeypatch.setattr(pacing.os, "getloadavg", lambda: (500.0, 1, 1))
    assert pacing.hindrance() == "busy"
    monkeypatch.setattr(pacing.os, "getloadavg", lambda: (0.0, 1, 1))
    assert pacing.hindrance() == ""
    battery = type("Battery", (), {"power_plugged": False})()
    monkeypatch.setattr(pacing.psutil, "sensors_battery", lambda: battery, raising=False)
    assert pacing.hindrance() == "battery"


def test_the_disk_can_be_left_to_others():
    done = []
    thread = threading.Thread(target=lambda: done.append(pacing.idle_disk()))
    thread.start()
    thread.join(60)
    assert done[0] in (True, False)
