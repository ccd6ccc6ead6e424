import hashlib

import numpy as np

from tocsin.agent.sensors.visible import FORGET_AFTER, Sight, Visible
from tocsin.model import Rect

WHOLE = Rect(0, 0, 500, 1000)


def sight(text: str, y: int, x: int = 10) -> Sight:
    profile = np.array([ord(c) for c in text for _ in range(8)], np.int32)
    return Sight(
        Rect(x, y, 8 * len(text), 16), hashlib.blake2b(text.encode(), digest_size=16).digest(), (0, 0, 0), profile
    )


def page(*texts: str, top: int = 0) -> list[Sight]:
    return [sight(text, top + 30 * i) for i, text in enumerate(texts)]


def said(change, *known: str) -> list[str]:
    names = {sight(text, 0).digest: text for text in known}
    return [names[s.digest] for s in change.fresh]


def test_new_lines_are_said_once():
    window = Visible()
    assert len(window.change([WHOLE], page("one", "two"), 0).fresh) == 2
    assert window.change([WHOLE], page("one", "two"), 1).fresh == ()
    assert said(window.change([Rect(0, 60, 500, 30)], [sight("three", 60)], 2), "three") == ["three"]
    assert len(window) == 3


def test_a_scrolled_line_is_not_said_again_but_the_new_one_is():
    window = Visible()
    window.change([WHOLE], page("alpha", "beta", "gamma"), 0)
    moved = [*page("beta", "gamma"), sight("delta", 60)]
    assert said(window.change([WHOLE], moved, 1), "alpha", "beta", "gamma", "delta") == ["delta"]


def test_the_same_words_again_are_new_when_they_are_another_line():
    window = Visible()
    window.change([WHOLE], page("ok", "what now", "when", "where"), 0)
    scrolled = page("what now", "when", "where", "ok")
    assert said(window.change([WHOLE], scrolled, 1), "ok") == ["ok"]


def test_scrolling_back_says_nothing_again_until_long_after():
    window = Visible()
    window.change([WHOLE], page("a1", "b1", "c1", "d1"), 0)
    window.change([WHOLE], page("c1", "d1", "e1", "f1"), 10)
    assert window.change([WHOLE], page("a1", "b1", "c1", "d1"), 20).fresh == ()
    window.change([WHOLE], page("x", "y", "z"), 30)
    assert len(window.change([WHOLE], page("a1", "b1", "c1"), 40 + FORGET_AFTER).fresh) == 3


def test_typing_is_an_edit_and_not_a_new_line():
    window = Visible()
    window.change([WHOLE], [sight("are your par", 100)], 0)
    change = window.change([Rect(90, 100, 30, 16)], [sight("are your parents", 100)], 0.2)
    assert change.fresh == ()
    assert len(change.edits) == 1


def test_another_line_at_the_same_place_is_new():
    window = Visible()
    window.change([WHOLE], [sight("first words", 100)], 0)
    assert len(window.change([WHOLE], [sight("other thing", 100)], 1).fresh) == 1


def test_what_vanished_is_told():
    window = Visible()
    window.change([WHOLE], page("one", "two"), 0)
    assert window.change([WHOLE], [], 1).gone == (sight("one", 0).digest, sight("two", 0).digest)


def test_words_known_in_one_chat_are_new_in_another() -> None:
    window = Visible()
    window.change([WHOLE], page("one", "two", "three"), 0, "ann")
    assert len(window.change([WHOLE], page("one", "two"), 0.2, "ben").fresh) == 0
    window.change([WHOLE], [], 0.4, "ben")
    assert len(window.change([WHOLE], page("one", "two", "three"), 0.6, "cat").fresh) == 3
