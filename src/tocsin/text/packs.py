"""Reading the packs of phrases: YAML that a linguist or a lawyer reviews, checked against a schema."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

_PHRASES = "phrases"


class PackError(ValueError):
    """A pack that cannot be used; the message says which file and what to change."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One indicator: its phrases, the signal they are a sign of, how strong it is, and examples beside it.

    ``weight`` 0 to 1 says how much one sighting counts; ``alone`` that it matters without any other signal.
    ``about`` names a third person or a situation: words of context rather than a signal of their own.
    """

    id: str
    pack: str
    language: str
    signal: str
    weight: float
    phrases: tuple[str, ...]
    must: tuple[str, ...]
    must_not: tuple[str, ...]
    alone: bool = False
    note: str = ""


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema of a pack of phrases."""
    loaded: dict[str, Any] = json.loads(_read("phrases/phrases.schema.json"))
    return loaded


@cache
def classes() -> Mapping[str, Sequence[str]]:
    """Return the shared classes of words, name → members."""
    loaded = _load(_read("phrases/classes.yaml"))
    return {name: tuple(str(member) for member in members) for name, members in loaded["classes"].items()}


@cache
def entries() -> tuple[Entry, ...]:
    """Return every entry of every pack, in the order of the files' names."""
    found: list[Entry] = []
    for name in pack_names():
        found.extend(read_pack(name, _read(f"{_PHRASES}/{name}")))
    seen: set[str] = set()
    for entry in found:
        if entry.id in seen:
            raise PackError(f"Two entries of the phrase packs are named {entry.id!r}; rename one.")
        seen.add(entry.id)
    return tuple(found)


def pack_names() -> tuple[str, ...]:
    """Return the file names of the packs of phrases."""
    folder = resources.files("tocsin.packs").joinpath(_PHRASES)
    return tuple(sorted(p.name for p in folder.iterdir() if p.name.endswith(".yaml") and p.name != "classes.yaml"))


def read_pack(name: str, text: str) -> tuple[Entry, ...]:
    """Read one pack. Raises PackError with a sentence where an entry lacks something."""
    loaded = _load(text)
    try:
        return tuple(
            Entry(
                id=raw["id"],
                pack=name,
                language=loaded["language"],
                signal=raw["signal"],
                weight=float(raw["weight"]),
                phrases=tuple(str(p) for p in raw["phrases"]),
                must=tuple(str(p) for p in raw["must"]),
                must_not=tuple(str(p) for p in raw["must_not"]),
                alone=bool(raw.get("alone", False)),
                note=str(raw.get("note", "")),
            )
            for raw in loaded["entries"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise PackError(f"The pack {name} cannot be read: {error!r}. Compare it with phrases.schema.json.") from error


def _read(name: str) -> str:
    return resources.files("tocsin.packs").joinpath(name).read_text(encoding="utf-8")


def _load(text: str) -> Any:
    """Read YAML with libyaml where it is there: safe either way, ten times as fast."""
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
