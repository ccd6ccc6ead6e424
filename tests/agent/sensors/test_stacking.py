"""Which window is on top where."""

from tocsin.agent.sensors.stacking import Window, covered, owners
from tocsin.model import Rect


def window(number, x, y, w, h):
    return Window(number, number, Rect(x, y, w, h), f"app{number}", "", 0)


TOP, BELOW = window(1, 50, 50, 100, 100), window(2, 0, 0, 120, 120)


def test_every_pixel_has_one_owner():
    area = Rect(0, 0, 200, 200)
    parts = [(owner, part) for owner, rects in owners([TOP, BELOW], area) for part in rects]
    assert sum(part.w * part.h for _, part in parts) == 200 * 200
    sizes = {owner.id if owner else 0: 0 for owner, _ in parts}
    for owner, part in parts:
        sizes[owner.id if owner else 0] += part.w * part.h
    assert sizes == {1: 10000, 2: 120 * 120 - 70 * 70, 0: 40000 - 10000 - (14400 - 4900)}


def test_what_lies_on_top_is_told():
    assert covered([TOP, BELOW], BELOW, Rect(0, 0, 100, 100)) == [Rect(50, 50, 50, 50)]
    assert covered([TOP, BELOW], TOP, Rect(0, 0, 100, 100)) == []
    assert len(covered([TOP, BELOW], None, Rect(0, 0, 300, 300))) == 2
