"""The ladder of a live stream: note, ring a person, ask to hold. Its rules are data (packs/ladder.yaml)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from tocsin import packs

NOTE, RING, HOLD = 1, 2, 3
NAMES = {NOTE: "note", RING: "ring", HOLD: "hold"}
"""The rungs by their height; 0 is the ground."""


class LadderError(ValueError):
    """A ladder that cannot be used; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Rule:
    """From what a stream stands on a rung: see the words at the head of packs/ladder.yaml."""

    rung: int
    of: str
    because: str
    frames: int = 0
    within: int = 0
    severity: int = 1
    beside: str = ""

    @property
    def with_chat(self) -> bool:
        """Whether it counts only where the chat warned too."""
        return self.beside == "chat"


@dataclass(frozen=True, slots=True)
class Ladder:
    """All rules, those of the highest rung first. ``within`` is the longest memory, in frames, that any asks for."""

    rules: tuple[Rule, ...]

    @property
    def within(self) -> int:
        """How many frames back any rule looks."""
        return max((rule.within for rule in self.rules), default=1)

    @classmethod
    def read(cls, path: Path | None = None) -> "Ladder":
        """Read a ladder from a file, or the one in the packs. Raises LadderError."""
        if path is None:
            return _usual()
        try:
            return cls.of(yaml.safe_load(path.read_text("utf-8")))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise LadderError(f"The ladder {path} cannot be read: {error}.") from error

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Ladder":
        """Check a ladder and take it. Raises LadderError."""
        problem = next(iter(_schema().iter_errors(raw)), None)
        if problem is not None:
            where = ".".join(str(part) for part in problem.absolute_path) or "the whole"
            raise LadderError(f"The ladder is not of the form asked for at {where}: {problem.message[:200]}.")
        heights = {name: height for height, name in NAMES.items()}
        rules = [
            Rule(
                rung=heights[rung["name"]],
                of=rule["of"],
                because=rule["because"],
                frames=rule.get("frames", 0),
                within=rule.get("within", 0),
                severity=rule.get("severity", 1),
                beside=rule.get("with", ""),
            )
            for rung in raw["rungs"]
            for rule in rung["rules"]
        ]
        return cls(tuple(sorted(rules, key=lambda rule: -rule.rung)))


@cache
def _usual() -> Ladder:
    return Ladder.of(yaml.safe_load(packs.read_text("ladder.yaml")))


@cache
def _schema() -> Draft202012Validator:
    return Draft202012Validator(json.loads(packs.read_text("ladder.schema.json")))
