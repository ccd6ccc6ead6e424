import threading

from tocsin.placement.crew import Crew


def test_a_thread_that_dies_is_told_and_started_again(until):
    deaths, runs = [], []

    def work(stop):
        runs.append(1)
        if len(runs) < 3:
            raise RuntimeError("boom")
        stop.wait()

    crew = Crew(lambda name, reason: deaths.append((name, reason)), lambda *_: None)
    crew.start("one", work)
    until(lambda: len(runs) == 3)
    assert deaths == [("one", "RuntimeError")] * 2
    assert crew.alive == ["one"]
    assert crew.stop(seconds=60) == []
    assert crew.alive == []


def test_one_that_will_not_stay_alive_is_lost_loudly(until):
    lost = []
    crew = Crew(lambda *_: None, lambda name, reason: lost.append((name, reason)))
    crew.start("one", lambda stop: None)
    until(lambda: lost == [("one", "it ended by itself")])
    crew.stop()


def test_one_that_does_not_end_is_named():
    release = threading.Event()
    crew = Crew(lambda *_: None, lambda *_: None)
    crew.start("stuck", lambda stop: release.wait())
    assert crew.stop(seconds=0.05) == ["stuck"]
    release.set()
