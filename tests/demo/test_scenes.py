"""A private window opens when it is due, once, and closes again."""

from typing import Any

from tocsin.demo.scenes import PrivateMoments


def test_a_window_opens_when_it_is_due_and_closes_again() -> None:
    done: list[str] = []

    def opened() -> Any:
        done.append("open")
        return object()

    moments = PrivateMoments(opened, lambda _: done.append("close"), first=10, every=100, stays=5)
    for elapsed, then in ((0, []), (9.9, []), (10, ["open"]), (14, ["open"]), (15, ["open", "close"])):
        moments.tick(elapsed)
        assert done == then
    moments.tick(109)
    assert done == ["open", "close"]
    moments.tick(110)
    moments.tick(200)
    assert done == ["open", "close", "open", "close"]
