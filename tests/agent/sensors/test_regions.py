from hypothesis import given
from hypothesis import strategies as st

from tocsin.agent.sensors.regions import clip, grow, join, subtract, touch, union
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
