"""A finding keeps severity and confidence apart and refuses values that would read wrongly."""

from datetime import UTC, datetime

import pytest

from tocsin.model import BENIGN, CATEGORIES, SIGNALS, Category, Direction, Finding, Speaker


def finding(**changes: object) -> Finding:
    values: dict[str, object] = {
        "id": "f1",
        "at": datetime(2026, 11, 22, tzinfo=UTC),
        "detector": "phrases",
        "version": "1",
        "category": Category.GROOMING,
        "severity": 3,
        "confidence": 0.5,
        "why": "because",
        "observation": "o1",
    }
    return Finding(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("severity", [0, 6, -1])
def test_severity_is_one_to_five(severity: int) -> None:
    with pytest.raises(ValueError, match="severity"):
        finding(severity=severity)


@pytest.mark.parametrize("confidence", [-0.1, 1.1])
def test_confidence_is_a_share(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        finding(confidence=confidence)


def test_every_category_has_words_for_a_person() -> None:
    assert set(CATEGORIES) == set(Category)


def test_no_word_a_person_reads_accuses() -> None:
    words = " ".join([*CATEGORIES.values(), *SIGNALS.values(), *BENIGN.values()]).lower()
    for forbidden in ("breach", "violation", "offence", "offender", "groomer", "victim", "guilty"):
        assert forbidden not in words


def test_direction_follows_the_speaker() -> None:
    assert Direction.of(Speaker.SUBJECT) is Direction.FROM_SUBJECT
    assert Direction.of(Speaker.OTHER) is Direction.TO_SUBJECT
    assert Direction.of(Speaker.UNKNOWN) is Direction.UNKNOWN
