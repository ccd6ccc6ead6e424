import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.console.views.quality import wilson


def test_precision_is_shown_per_detector_with_its_interval(site, words_of):
    said = words_of(site.get("ines", "/quality"))
    assert "conversation 1.2.0" in said
    assert "0.60 0.23 to 0.88" in said
    assert "too few" in said


def test_another_unit_has_nothing_decided(site, words_of):
    assert "Nothing is decided yet" in words_of(site.get("tom", "/quality"))


def test_auditors_see_the_figures_too(site, words_of):
    assert "conversation 1.2.0" in words_of(site.get("ada", "/quality"))


def test_wilson_against_a_worked_value():
    assert wilson(3, 5) == pytest.approx((0.2307, 0.8824), abs=1e-3)
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(0, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share(counts):
    hits, total = counts
    low, high = wilson(hits, total)
    assert 0 <= low <= high <= 1
    if total:
        assert low - 1e-9 <= hits / total <= high + 1e-9
