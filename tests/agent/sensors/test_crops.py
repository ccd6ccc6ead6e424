from tocsin.agent.sensors.crops import LineCache, cut, cut_off
from tocsin.agent.sensors.lines import TextLine, find_lines
from tocsin.model import Rect


def first(pixels):
    return cut(pixels, find_lines(pixels).lines[0], (100, 200))


def test_a_line_keeps_its_name_when_it_moves(draw):
    one, picture = first(draw((20, 20, "hello there", "black")))
    two, _ = first(draw((70, 90, "hello there", "black")))
    other, _ = first(draw((20, 20, "hello then", "black")))
    assert one.digest == two.digest != other.digest
    assert (two.box.x - one.box.x, two.box.y - one.box.y) == (50, 70)
    assert one.box.x > 100
    assert one.box.y > 200
    assert picture.shape[0] > one.box.h


def test_the_picture_is_rgb_on_its_fill(draw):
    sight, picture = first(draw((20, 20, "hello", "white"), ground="#0b5cff"))
    assert sight.fill == (11, 92, 255)
    assert tuple(picture[0, 0]) == (11, 92, 255)


def test_the_cache_forgets_the_least_recently_used():
    cache = LineCache(2)
    cache.put(b"a", "A", 1.0)
    cache.put(b"b", "B", 1.0)
    assert cache.get(b"a") == ("A", 1.0)
    cache.put(b"c", "C", 1.0)
    assert cache.get(b"b") is None
    assert cache.get(b"a") is not None
    cache.clear()
    assert cache.get(b"a") is None


def test_a_line_that_reaches_past_what_was_looked_at_is_noticed():
    region, bounds = Rect(100, 100, 200, 50), Rect(0, 0, 1000, 800)

    def at(x, y, w, h):
        return [TextLine(Rect(x, y, w, h), (255, 255, 255))]

    assert cut_off(at(50, 15, 60, 16), region, bounds) == (False, False)
    assert cut_off(at(0, 15, 60, 16), region, bounds) == (True, False)
    assert cut_off(at(50, 36, 60, 14), region, bounds) == (False, True)
    assert cut_off(at(0, 0, 200, 50), region, region) == (False, False)
