"""A rectangle knows its far edges."""

from tocsin.model import Rect


def test_the_far_edges_are_the_first_pixel_past_it() -> None:
    assert (Rect(3, 4, 10, 20).right, Rect(3, 4, 10, 20).bottom) == (13, 24)


def test_what_two_have_in_common_is_a_share_of_both() -> None:
    one = Rect(0, 0, 10, 10)
    assert one.overlap(one) == 1.0
    assert one.overlap(Rect(5, 0, 10, 10)) == 1 / 3
    assert one.overlap(Rect(10, 0, 10, 10)) == one.overlap(Rect(50, 50, 1, 1)) == 0.0
    assert Rect(0, 0, 0, 0).overlap(Rect(0, 0, 0, 0)) == 0.0
