"""Rectangles know their far edges; typed absence is a value of its own."""

from tocsin.model import NotScanned, Rect


def test_a_rectangle_knows_its_far_edges() -> None:
    box = Rect(10, 20, 30, 40)
    assert (box.right, box.bottom) == (40, 60)


def test_not_scanned_is_not_an_empty_text() -> None:
    assert NotScanned("unsupported", "no display") != NotScanned("unreadable")
    assert NotScanned("unsupported")
