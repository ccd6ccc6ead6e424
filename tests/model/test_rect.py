"""A rectangle knows its far edges."""

from tocsin.model import Rect


def test_the_far_edges_are_the_first_pixel_past_it() -> None:
    assert (Rect(3, 4, 10, 20).right, Rect(3, 4, 10, 20).bottom) == (13, 24)
