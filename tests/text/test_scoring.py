"""Signals add up by combination, fade with time, and ordinary reasons weigh against."""

from datetime import UTC, datetime, timedelta

from tocsin.model import Category, Quote, Speaker
from tocsin.text.scoring import CERTAIN, WARN_AT, Sighting, assess, worth

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


def test_wording_raises_and_damps() -> None:
    weak, plain = [saw("private-app", ME)], [saw("age-under-18", THEY), saw("secrecy", ME, 0.6)]
    assert not assess(weak, NOW).warns
    assert assess(weak, NOW, worth(1.0, 5)).warns
    assert assess(plain, NOW).warns
    assert not assess(plain, NOW, worth(-1.0, 5)).warns


def test_wording_of_a_few_messages_only_damps() -> None:
    assert worth(2.0, 2) == 0
    assert worth(-1.0, 2) == worth(-1.0, 9) < 0
    assert worth(2.0, 9) > 0
    assert worth(50, 9) < 5
    assert worth(-50, 9) > -5


def test_clear_signs_are_warned_of_whatever_the_wording() -> None:
    clear = [saw("age-under-18", THEY), *(saw(s, ME) for s in ("secrecy", "adults-near"))]
    assert assess(clear, NOW).score >= CERTAIN
    assert assess(clear, NOW, worth(-9, 9)).score >= WARN_AT
    assert assess(clear, NOW, worth(-9, 9)).warns


def test_wording_alone_names_no_sign_that_was_not_seen() -> None:
    found = assess([], NOW, worth(9, 9))
    assert [name for name, _, _ in found.signals] == ["phrase"]
    assert found.severity == 3
    assert not assess([], NOW, worth(0.5, 9)).warns
    assert assess([], NOW).signals == ()


def test_ordinary_talk_hides_no_stated_age_with_asking_for_adults() -> None:
    found = assess([saw("age-under-18", THEY, 0.9), saw("adults-near", ME, 0.9)], NOW, worth(-9, 9))
    assert found.warns
    assert found.severity == 5
