"""The severity table: which signals together call for what."""

import pytest

from tocsin.model import SIGNALS
from tocsin.text.severity import judge, rules


@pytest.mark.parametrize(
    ("seen", "severity"),
    [
        ({"age-under-18", "secrecy"}, 5),
        ({"age-under-18", "adults-near"}, 5),
        ({"live-video-for-pay", "age-under-18"}, 5),
        ({"threat"}, 4),
        ({"secrecy", "adults-near"}, 4),
        ({"gift-or-money", "private-app"}, 3),
    ],
)
def test_rows(seen: set[str], severity: int) -> None:
    rule = judge("conversation", seen)
    assert rule is not None
    assert rule.severity == severity


def test_rows_name_known_signals_and_say_why() -> None:
    for table in ("conversation", "phrases"):
        for rule in rules(table):
            assert rule.all_of | rule.any_of <= set(SIGNALS)
            assert rule.because


def test_a_weak_phrase_alone_fits_no_row_of_phrases() -> None:
    assert judge("phrases", {"picture-request"}) is None
