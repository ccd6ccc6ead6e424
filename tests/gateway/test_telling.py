import re
from datetime import UTC, datetime

from tocsin.gateway.telling import told
from tocsin.model import Category, Direction, Finding, Signal

FORBIDDEN = re.compile(r"offender|groomer|victim|guilty|predator", re.IGNORECASE)


def test_a_finding_says_what_fired_what_did_not_and_what_else_it_may_be():
    found = told(
        Finding(
            id="f", at=datetime(2026, 11, 22, tzinfo=UTC), detector="conversation", version="1",
            category=Category.GROOMING, severity=4, confidence=0.66666, why="Because.", observation="o",
            signals=(Signal("secrecy", Direction.TO_SUBJECT, 0.9),), not_seen=("threat",), benign=("age-peer",),
        )
    )  # fmt: skip
    assert found["signals"][0] == {
        "name": "secrecy",
        "words": "secrecy",
        "direction": "to-participant",
        "confidence": 0.9,
    }
    assert found["not_seen"] == [{"name": "threat", "words": "threat to share or tell"}]
    assert found["benign"][0]["words"] == "people of the same age talking"
    assert (found["severity"], found["confidence"]) == (4, 0.6667)
    assert "no concern" in found["base_rate"]
    assert not FORBIDDEN.search(str(found))
