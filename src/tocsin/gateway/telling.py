"""How a finding is told to the service that asked: what fired, what did not, benign explanations, and a base rate.

Nothing here names a person: participants and accounts are the service's own opaque ids, and a finding is a pattern for
a person to review.
"""

from typing import Any, Final

from tocsin.model import BENIGN, CATEGORIES, SIGNALS, Direction, Finding, utc_text

BASE_RATE: Final = (
    "Most findings of any detector are no concern once a person has looked. A signal orders attention; it proves "
    "nothing, and no single one suffices."
)
_DIRECTIONS: Final = {
    Direction.FROM_SUBJECT: "from-participant",
    Direction.TO_SUBJECT: "to-participant",
    Direction.UNKNOWN: "unknown",
}


def told(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON for the service: category, severity and confidence apart, and why."""
    return {
        "id": finding.id,
        "at": utc_text(finding.at),
        "detector": finding.detector,
        "version": finding.version,
        "category": str(finding.category),
        "category_words": CATEGORIES[finding.category],
        "severity": finding.severity,
        "confidence": round(finding.confidence, 4),
        "why": finding.why,
        "signals": [
            {
                "name": signal.name,
                "words": SIGNALS.get(signal.name, signal.name),
                "direction": _DIRECTIONS[signal.direction],
                "confidence": round(signal.confidence, 4),
            }
            for signal in finding.signals
        ],
        "not_seen": [{"name": name, "words": SIGNALS.get(name, name)} for name in finding.not_seen],
        "benign": [{"code": code, "words": BENIGN.get(code, code)} for code in finding.benign],
        "base_rate": BASE_RATE,
        "for": "review by a person",
    }
