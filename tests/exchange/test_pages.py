import pytest

from tocsin.exchange.pages import Page, Unreachable, counted


@pytest.mark.parametrize("value", [True, -1, 2**50, "5", None, 1.5])
def test_what_is_no_count_or_time_is_none(value):
    assert counted(value) is None


def test_a_count_stays_as_it_is():
    assert counted(0) == 0
    assert counted(1_700_000_000) == 1_700_000_000


def test_a_page_without_checkpoint_does_not_end_a_range():
    assert Page(()).checkpoint is None
    assert Unreachable("busy", 5).after == 5


def test_a_refusal_tells_whether_it_is_about_the_credentials():
    from tocsin.exchange.pages import Refused

    assert [Refused("x", code).about_us for code in (0, 401, 403, 400, 422)] == [True, True, True, False, False]
