import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tocsin.media.rectangles import clip, components, grow, join, subtract, touch, union
from tocsin.model import Rect

rects = st.builds(Rect, st.integers(-9, 20), st.integers(-9, 20), st.integers(1, 15), st.integers(1, 15))


def cells(*of: Rect) -> set[tuple[int, int]]:
    return {(x, y) for r in of for x in range(r.x, r.right) for y in range(r.y, r.bottom)}


@given(rects, rects)
def test_what_is_left_and_what_is_shared_make_the_whole(a, b):
    shared, left = clip(a, b), subtract(a, b)
    assert cells(*left) == cells(a) - cells(b)
    assert (cells(shared) if shared else set()) == cells(a) & cells(b)
    assert sum(r.w * r.h for r in left) == len(cells(*left))
    assert touch(a, b) == bool(cells(a) & cells(b))


@given(st.lists(rects, max_size=40), st.integers(0, 3))
def test_joining_loses_nothing_and_leaves_nothing_near(given_rects, gap):
    out = join(given_rects, gap)
    assert cells(*given_rects) <= cells(*out)
    assert len(out) <= 24
    assert not any(touch(a, b, gap) for i, a in enumerate(out) for b in out[i + 1 :])


def test_growing_and_union():
    assert grow(Rect(10, 10, 5, 5), 2, 3) == Rect(8, 7, 9, 11)
    assert union(Rect(0, 0, 2, 2), Rect(5, 6, 1, 1)) == Rect(0, 0, 6, 7)


def test_marks_that_touch_by_a_side_are_in_one_box():
    marks = np.zeros((6, 9), np.bool_)
    marks[1, 1:4] = marks[2, 3] = True  # one piece
    marks[3, 4] = True  # touches it by a corner only
    marks[0:6, 7] = True
    assert sorted(components(marks), key=lambda r: r.x) == [Rect(1, 1, 3, 2), Rect(4, 3, 1, 1), Rect(7, 0, 1, 6)]
    assert components(np.zeros((4, 4), np.bool_)) == []
