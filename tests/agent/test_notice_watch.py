import pytest

from tocsin.agent.notice_watch import NoticeWatch


@pytest.fixture
def watch():
    said = []
    return NoticeWatch(said.append), said


def test_five_seconds_off_the_screen_and_no_less(watch):
    notice, said = watch
    notice.look(0, viewable=True)
    notice.look(1, viewable=False)
    notice.look(5.9, viewable=False)
    assert said == ["shown"]
    notice.look(6.0, viewable=False)
    assert said == ["shown", "unmapped"]
    notice.look(7, viewable=True)
    assert said == ["shown", "unmapped", "restored"]
    assert notice.seen


def test_never_shown_is_unmapped_then_lost(watch):
    notice, said = watch
    for second in range(70):
        notice.look(second, viewable=False)
    assert said == ["unmapped", "lost"]
    assert not notice.seen


def test_covered_it_raises_at_most_once_a_second_and_tires(watch):
    notice, said = watch
    raises = [t for t in range(1000) if notice.look(t / 10, viewable=True, covered=True)]
    assert raises[:3] == [5, 15, 25]
    assert len(raises) < 12
    assert said[:3] == ["shown", "covered", "raised"]
    assert said.count("raised") <= 4


def test_a_passing_menu_is_left_alone(watch):
    notice, said = watch
    assert not notice.look(0, viewable=True, covered=True)
    assert not notice.look(0.4, viewable=True, covered=False)
    assert said == ["shown"]


def test_a_bar_that_somebody_keeps_taking_away_is_told(watch):
    notice, said = watch
    notice.look(0, viewable=True)
    for second in range(1, 50):
        notice.flapped(second)
    assert said == ["shown", "restored", "restored"]
