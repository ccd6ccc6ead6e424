"""Payments: how often honest payers are put before a reviewer, and which typologies are found. All payers are invented.

The peers are what a rule-writer begins with, on the same payers: P1 alone, P1 or P2 alone, and any two indicators. The
seed differs from the one that the thresholds were chosen on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from payers import HONEST, TYPOLOGIES, make

from tocsin.detectors.payment_indicators import FIRED
from tocsin.detectors.payment_pack import pack
from tocsin.detectors.payments import REVIEW, SUPPORT, Assessment, assess

SEED = 2


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Measure; ``options`` may hold ``quick`` (fewer payers)."""
    each = 200 if options.get("quick") else 2_000
    began, honest = time.perf_counter(), {name: _assessed(HONEST, name, each) for name in HONEST}
    seconds = time.perf_counter() - began
    risky = {name: _assessed(TYPOLOGIES, name, each // 2) for name in TYPOLOGIES}
    adults = [one for name, found in honest.items() if name != "teenager" for one in found]
    at_risk = [
        one for name, found in risky.items() if name not in ("little to see", "young payer, pressed") for one in found
    ]
    rows = [[name, len(found), *_of(found, 1000)] for name, found in honest.items()]
    rows.append(["all adults", len(adults), *_of(adults, 1000)])
    limits = pack().limits
    return {
        "title": "Payments: false reviews among honest payers, and what is found of the typologies",
        "tables": [
            {"name": "Honest payers, per 1,000", "columns": ["profile", "payers", "reviews", "support"], "rows": rows},
            {
                "name": "Typologies, %",
                "columns": ["typology", "payers", "review", "support"],
                "rows": [[name, len(found), *_of(found, 100)] for name, found in risky.items()],
            },
            {
                "name": "Beside simpler rules",
                "columns": ["rule", "false reviews per 1,000 adults", "typologies found, %"],
                "rows": [
                    [name, _share(adults, rule, 1000), _share(at_risk, rule, 100)] for name, rule in RULES.items()
                ],
            },
            {
                "name": "Small figures",
                "columns": ["what", "value"],
                "rows": [
                    ["limit: false reviews per 1,000 adults", limits["false_reviews_per_1000"]],
                    ["limit: the same, in any profile", limits["false_reviews_per_1000_in_any_profile"]],
                    ["limit: false support per 1,000 teenagers", limits["false_support_per_1000_minors"]],
                    ["making and weighing one payer, ms", 1000 * seconds / (each * len(HONEST))],
                ],
            },
        ],
    }


def _fired(*codes: str) -> Callable[[Assessment], bool]:
    return lambda one: bool({found.id for found in one.fired} & set(codes))


RULES: dict[str, Callable[[Assessment], bool]] = {
    "Tocsin: the guard and the score": lambda one: one.outcome == REVIEW,
    "P1 alone": _fired("P1"),
    "P1 or P2 alone": _fired("P1", "P2"),
    "any two indicators": lambda one: len([found for found in one.fired if found.id != "P9"]) >= 2,
    "P1 or P2, and any other": lambda one: (
        bool({found.id for found in one.fired} & {"P1", "P2"})
        and any(found.id not in ("P1", "P2", "P9") and found.state == FIRED for found in one.fired)
    ),
}


def _assessed(kinds: Any, name: str, number: int) -> list[Assessment]:
    return [assess(make(kinds, name, each, SEED)) for each in range(number)]


def _of(found: list[Assessment], per: int) -> list[float]:
    return [per * sum(one.outcome == outcome for one in found) / len(found) for outcome in (REVIEW, SUPPORT)]


def _share(found: list[Assessment], rule: Callable[[Assessment], bool], per: int) -> float:
    return per * sum(rule(one) for one in found) / len(found)
