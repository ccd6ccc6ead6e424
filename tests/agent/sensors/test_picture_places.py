"""Places are looked at once they settle, and once a second where they never do."""

from itertools import pairwise

from tocsin.agent.sensors.picture_places import AT_ONCE, EVERY, TILE, Places
from tocsin.model import Rect

SCREEN = (640, 480)


def covers(areas, rect):
    boxes = [due.rect for due in areas]
    return any(a.x <= rect.x and a.y <= rect.y and a.right >= rect.right and a.bottom >= rect.bottom for a in boxes)


def test_a_place_is_due_once_it_has_settled_and_then_no_more():
    places, rect = Places(0.1), Rect(100, 100, 200, 150)
    assert places.next(100.0) is None
    places.changed([rect], SCREEN, 100.0)
    assert places.due(100.05) == []
    assert 0 < places.next(100.05) <= 0.06
    areas = places.due(100.11)
    assert covers(areas, rect)
    assert [due.moved for due in areas] == [None]
    assert places.due(100.2) == []
    assert places.next(100.2) is None


def test_a_film_is_looked_at_once_a_second():
    places, rect, looks = Places(0.1), Rect(11, 7, 301, 203), []
    for step in range(1, 251):
        now = 50.0 + step * 0.04
        places.changed([rect], SCREEN, now)
        looks += [(now, due.moved) for due in places.due(now)]
    assert 9 <= len(looks) <= 11
    assert all(moved == rect for _, moved in looks)
    assert all(b - a >= EVERY - 1e-6 for (a, _), (b, _) in pairwise(looks))


def test_leafing_through_pictures_is_followed_at_once_for_a_while():
    places, rect, looks = Places(0.1), Rect(64, 64, 320, 240), 0
    for step in range(10):
        places.changed([rect], SCREEN, 10.0 + step * 0.3)
        looks += len(places.due(10.15 + step * 0.3))
    assert AT_ONCE <= looks <= AT_ONCE + 10 * 0.3 / EVERY + 1


def test_two_far_places_are_two_and_what_lies_off_the_screen_is_ignored():
    places = Places(0.1)
    places.changed([Rect(0, 0, 40, 40), Rect(500, 400, 40, 40), Rect(-90, -90, 20, 20)], SCREEN, 5.0)
    assert len(places.due(6.0)) == 2
    assert all(due.rect.x % TILE == 0 for due in places.due(6.0))


def test_another_size_of_the_screen_begins_afresh():
    places = Places(0.1)
    places.changed([Rect(0, 0, 640, 480)], SCREEN, 5.0)
    places.changed([Rect(700, 500, 20, 20)], (1280, 720), 5.01)
    (due,) = places.due(6.0)
    assert due.rect.x >= 672
    places.changed([Rect(0, 0, 9, 9)], (1280, 720), 7.0)
    places.clear()
    assert places.due(9.0) == []


def test_what_is_looked_at_often_says_so_and_is_looked_at_again_when_it_rests():
    places, rect, often, now = Places(0.1), Rect(0, 0, 320, 240), [], 70.0
    for _ in range(125):
        now += 0.04
        places.changed([rect], SCREEN, now)
        often += [due.often for due in places.due(now)]
    assert not often[0]
    assert often[-1]
    places.due(now + 0.2)
    places.again(rect, now + 0.2)
    assert places.due(now + 1.0) == []
    (due,) = places.due(now + 4.0)
    assert not due.often
    places.again(rect, now + 4.0)
    places.changed([rect], SCREEN, now + 4.1)
    assert len(places.due(now + 4.25)) == 1


def test_pages_that_follow_each_other_are_each_looked_at_in_full():
    places, rect, often, now = Places(0.1), Rect(0, 0, 640, 480), [], 20.0
    for _ in range(12):
        for later in (0.0, 0.15, 0.3, 0.5):
            places.changed([rect], SCREEN, now + later)
            often += [due.often for due in places.due(now + later + 0.11)]
        now += 3.0
    assert len(often) >= 36
    assert not any(often)
