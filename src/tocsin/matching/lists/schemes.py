"""What category codes mean and how bad a match is if true: packs/schemes.yaml, read by lawyers too."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import yaml

from tocsin import packs


@dataclass(frozen=True, slots=True)
class Scheme:
    """One scheme: its names (or the beginnings of its addresses), its codes as (severity, meaning).

    ``severity`` holds for all its codes that are not listed; None leaves it to the list. ``lead`` marks entries that
    nobody reviewed, ``negative`` known-good ones.
    """

    id: str
    name: str
    prefix: bool
    names: tuple[str, ...]
    codes: Mapping[str, tuple[int, str]]
    severity: int | None = None
    lead: bool = False
    negative: bool = False

    def is_named(self, scheme: str) -> bool:
        """Tell whether an entry's ``scheme`` is this one."""
        plain = scheme.lower()
        return any(plain.startswith(name) if self.prefix else plain == name for name in self.names)


@cache
def schemes() -> tuple[Scheme, ...]:
    """Return the schemes of the pack, in its order."""
    return tuple(
        Scheme(
            id=raw["id"],
            name=raw["name"],
            prefix=raw["match"] == "prefix",
            names=tuple(str(name).lower() for name in raw["names"]),
            codes={str(code): (int(row["severity"]), str(row["meaning"])) for code, row in raw["codes"].items()},
            severity=raw.get("severity"),
            lead=bool(raw.get("lead", False)),
            negative=bool(raw.get("negative", False)),
        )
        for raw in yaml.safe_load(packs.read_text("schemes.yaml"))["schemes"]
    )


@cache
def scheme_of(name: str) -> Scheme | None:
    """Return the scheme that a list or an entry names, or None when the pack does not know it."""
    found = [scheme for scheme in schemes() if name and scheme.is_named(name)]
    return min(found, key=lambda scheme: scheme.prefix, default=None)


def severity_of(scheme: str, code: str, own: Mapping[str, int], default: int) -> int:
    """Return how bad a match is if true: by the list's own table, else the pack's, else the list's default.

    0 means that the list's keeper wants entries of this code never to be matched.
    """
    if code in own:
        return own[code]
    known = scheme_of(scheme)
    if known is None:
        return default
    if code in known.codes:
        return known.codes[code][0]
    return default if known.severity is None else known.severity


def meaning_of(scheme: str, code: str) -> str:
    """Return what a code means in words, or an empty text when the pack does not say."""
    known = scheme_of(scheme)
    return known.codes[code][1] if known and code in known.codes else ""
