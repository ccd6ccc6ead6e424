"""The payment indicators as they are set: packs/payments.yaml, dated and reviewed, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import yaml

from tocsin import packs


@dataclass(frozen=True, slots=True)
class Rule:
    """One indicator's settings; ``given`` are its thresholds and lists as the pack has them."""

    id: str
    name: str
    family: str
    weight: float
    source: str
    benign: tuple[str, ...]
    given: Mapping[str, Any]

    def number(self, key: str) -> float:
        """Return a threshold."""
        return float(self.given[key]["value"])

    def words(self, key: str) -> frozenset[str]:
        """Return a list of words or codes."""
        return frozenset(str(word).casefold() for word in self.given[key])


@dataclass(frozen=True, slots=True)
class Pack:
    """All indicators, the guard, and what they need."""

    dated: str
    review_by: date
    window_days: int
    rules: Mapping[str, Rule]
    rates: Mapping[str, Decimal]
    countries: frozenset[str]
    pattern: frozenset[str]
    beside: frozenset[str]
    least_families: int
    score: float
    soft: frozenset[str]
    soft_limit: float
    severity: Mapping[str, int]
    limits: Mapping[str, float]
    base_rate: str
    secondary: tuple[str, ...]
    """Thresholds that come from summaries, as ``P1.high``: to be confirmed at the source."""

    def euros(self, amount: Decimal, currency: str) -> Decimal | None:
        """Return an amount in euros, good for bands only; None for a currency that is not listed."""
        rate = self.rates.get(currency)
        return amount * rate if rate is not None else None

    def money(self, rule: str, key: str) -> Decimal:
        """Return a threshold of money in euros."""
        given = self.rules[rule].given[key]
        return Decimal(given["amount"]) * self.rates[given["currency"]]


@cache
def pack() -> Pack:
    """Return the pack that is shipped."""
    return read(packs.read_text("payments.yaml"))


def read(text: str) -> Pack:
    """Read a pack that satisfies packs/payments.schema.json. Raises KeyError, TypeError or ValueError otherwise."""
    raw: dict[str, Any] = yaml.safe_load(text)
    guard, indicators = raw["guard"], raw["indicators"]
    common = ("name", "family", "weight", "source", "benign")
    rules = {
        code: Rule(
            id=code,
            name=fields["name"],
            family=fields["family"],
            weight=float(fields["weight"]),
            source=fields["source"],
            benign=tuple(fields["benign"]),
            given={key: value for key, value in fields.items() if key not in common},
        )
        for code, fields in indicators.items()
    }
    secondary = [
        f"{code}.{key}"
        for code, rule in rules.items()
        for key, value in rule.given.items()
        if isinstance(value, dict) and value.get("status") == "secondary"
    ]
    if raw["currencies"]["status"] == "secondary":
        secondary.append("currencies")
    return Pack(
        dated=raw["dated"],
        review_by=date.fromisoformat(raw["review_by"]),
        window_days=int(raw["window_days"]),
        rules=rules,
        rates={code: Decimal(rate) for code, rate in raw["currencies"]["rates"].items()},
        countries=frozenset(one["code"] for one in raw["countries"]),
        pattern=frozenset(guard["pattern"]),
        beside=frozenset(guard["beside"]),
        least_families=int(guard["least_families"]),
        score=float(guard["score"]["value"]),
        soft=frozenset(guard["soft"]),
        soft_limit=float(guard["soft_limit"]["value"]),
        severity=dict(raw["severity"]),
        limits=dict(raw["release_limits"]),
        base_rate=" ".join(raw["base_rate"].split()),
        secondary=tuple(secondary),
    )
