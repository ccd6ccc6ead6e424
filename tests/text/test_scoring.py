"""Signals add up by combination, fade with time, and ordinary reasons weigh against."""

from datetime import UTC, datetime, timedelta

from tocsin.model import Category, Quote, Speaker
from tocsin.text.scoring import Sighting, assess

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ME, THEY = Speaker.SUBJECT, Speaker.OTHER


def saw(signal: str, who: Speaker, weight: float = 1.0, ago: timedelta = timedelta(0), message: int = 0) -> Sighting:
    return Sighting(signal, signal, weight, False, who, NOW - ago, message, Quote("words", who, NOW - ago, ((0, 5),)))


def test_combination_raises_the_score_whatever_the_order() -> None:
    one = assess([saw("age-under-18", THEY)], NOW)
    both = [saw("age-under-18", THEY), saw("adults-near", ME)]
    assert not one.warns
    assert assess(both, NOW).warns
    assert assess(both[::-1], NOW).score == assess(both, NOW).score
    assert assess(both, NOW).severity == 5


def test_signals_fade() -> None:
    fresh = [saw("age-under-18", THEY), saw("secrecy", ME)]
    old = [saw("age-under-18", THEY, ago=timedelta(days=40)), saw("secrecy", ME, ago=timedelta(days=20))]
    assert assess(old, NOW).score < assess(fresh, NOW).score / 2
    assert not assess(old, NOW).warns


def test_peers_stay_quiet() -> None:
    peers = [saw("age-under-18", THEY), saw("age-under-18", ME), saw("picture-request", ME), saw("private-app", ME)]
    found = assess(peers, NOW)
    assert not found.warns
    assert "age-peer" in found.benign


def test_who_says_it_matters() -> None:
    same = [saw("age-under-18", THEY), saw("meeting-travel", THEY)]
    across = [saw("age-under-18", THEY), saw("meeting-travel", ME)]
    assert assess(across, NOW).score > assess(same, NOW).score


def test_what_adults_say_to_each_other_is_capped() -> None:
    romance = [
        saw(name, ME) for name in ("picture-request", "private-app", "meeting-travel", "exclusivity", "gift-or-money")
    ]
    assert not assess(romance, NOW).warns


def test_ordinary_reasons_weigh_against() -> None:
    plain = [saw("age-under-18", THEY), saw("meeting-travel", ME)]
    family = [*plain, saw("benign-family", THEY)]
    assert assess(family, NOW).score < assess(plain, NOW).score
    assert "relative" in assess(family, NOW).benign


def test_paid_video_needs_a_child_spoken_of() -> None:
    paid = [saw("live-video-for-pay", ME), saw("pay", ME), saw("live-video", ME)]
    assert not assess(paid, NOW).warns
    found = assess([*paid, saw("child-spoken-of", THEY)], NOW)
    assert found.warns
    assert found.category is Category.LIVE_STREAM
    assert found.severity == 5


def test_two_adults_arranging() -> None:
    found = assess([saw("arranging", ME), saw("arranging", THEY, message=1), saw("child-spoken-of", THEY)], NOW)
    assert found.warns
    assert found.severity >= 4


def test_pressure_is_its_own_category() -> None:
    found = assess([saw("threat", THEY), saw("threat", THEY, message=1), saw("age-under-18", ME)], NOW)
    assert found.warns
    assert found.category is Category.SEXTORTION
    assert found.severity == 5


def test_confidence_rises_with_the_score_and_stays_below_one() -> None:
    weak = assess([saw("age-under-18", THEY), saw("secrecy", ME, 0.6)], NOW)
    strong = assess(
        [saw("age-under-18", THEY), *(saw(s, ME) for s in ("secrecy", "adults-near", "threat", "isolation"))], NOW
    )
    assert 0 < weak.confidence < strong.confidence < 1
