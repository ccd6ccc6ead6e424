"""The table that turns signals seen together into a severity: packs/severity.yaml, read by lawyers too."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from tocsin.model import Category


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: fits when all of ``all_of``, one of ``any_of`` and ``families`` different signals were seen."""

    severity: int
    category: Category
    all_of: frozenset[str]
    any_of: frozenset[str]
    families: int
    because: str

    def fits(self, seen: Collection[str]) -> bool:
        """Tell whether the rule fits these signal names."""
        names = set(seen)
        return self.all_of <= names and (not self.any_of or bool(self.any_of & names)) and len(names) >= self.families


@cache
def rules(table: str) -> tuple[Rule, ...]:
    """Return the rows of ``table`` (``conversation`` or ``phrases``) in the order they are tried."""
    text = resources.files("tocsin.packs").joinpath("severity.yaml").read_text(encoding="utf-8")
    return tuple(
        Rule(
            severity=int(row["severity"]),
            category=Category(row["category"]),
            all_of=frozenset(row.get("all", ())),
            any_of=frozenset(row.get("any", ())),
            families=int(row.get("families", 0)),
            because=str(row["because"]),
        )
        for row in yaml.safe_load(text)[table]
    )


def judge(table: str, seen: Collection[str]) -> Rule | None:
    """Return the first row of ``table`` that fits, or None."""
    return next((rule for rule in rules(table) if rule.fits(seen)), None)
