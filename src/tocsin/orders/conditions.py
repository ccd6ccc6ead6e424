"""Conditions C1 to C17: which detectors, signals and kinds of concern a clause may call for (packs/conditions.yaml)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import yaml

from tocsin import packs
from tocsin.orders.order import CUSTOM, Clause

EVIDENCE_KINDS = ("text", "picture")


@dataclass(frozen=True, slots=True)
class Condition:
    """What may be looked for under a condition. Empty ``signals`` or ``categories`` with detectors: no narrowing."""

    code: str
    title: str
    detectors: frozenset[str]
    categories: frozenset[str]
    signals: frozenset[str]
    evidence: frozenset[str]
    do_not_over_read: str = ""
    benign: tuple[str, ...] = ()


@cache
def conditions() -> Mapping[str, Condition]:
    """Return C1 to C17 and ``custom`` by code."""
    pack: dict[str, Any] = yaml.safe_load(packs.read_text("conditions.yaml"))
    found = {code: _condition(code, fields) for code, fields in pack["conditions"].items()}
    found[CUSTOM] = _condition(CUSTOM, {"title": "A clause of its own kind", **pack["custom"]})
    return MappingProxyType(found)


def condition_of(clause: Clause) -> Condition:
    """Return what may be looked for under a clause: its condition's entry, narrowed by what a custom clause names."""
    entry = conditions()[clause.condition]
    if clause.condition != CUSTOM:
        return entry
    return Condition(
        code=CUSTOM,
        title=entry.title,
        detectors=entry.detectors & frozenset(clause.detectors),
        categories=frozenset(),
        signals=frozenset(clause.signals),
        evidence=entry.evidence,
    )


def _condition(code: str, fields: Mapping[str, Any]) -> Condition:
    return Condition(
        code=code,
        title=fields["title"],
        detectors=frozenset(fields["detectors"]),
        categories=frozenset(fields.get("categories", ())),
        signals=frozenset(fields.get("signals", ())),
        evidence=frozenset(fields["evidence"]),
        do_not_over_read=fields.get("do_not_over_read", ""),
        benign=tuple(fields.get("benign", ())),
    )
