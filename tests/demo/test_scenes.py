"""The mouse moves and a private window opens when they are due."""

from typing import Any

from tocsin.demo.scenes import Hand, PrivateMoments


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


def test_the_mouse_moves_now_and_then() -> None:
    places: list[tuple[int, int]] = []
    hand = Hand(lambda x, y: places.append((x, y)), every=20)
    for elapsed in (0, 19, 20, 21, 41):
        hand.tick(elapsed)
    assert len(set(places)) == 2
