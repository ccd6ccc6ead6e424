"""Lists on the device: only those an authority made itself, only where somebody chose so, by name, on this computer.

Everybody else's lists are secret and stay on the hub. A list says of itself where it comes from (``origin: own`` in its
manifest); any other is refused here, whatever the agent's config says.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tocsin.evidence.keys import read_bounded
from tocsin.model import Fingerprints, Match
from tocsin.placement.config import PlacementError

_MANIFEST = "list.yaml"
_MAX_MANIFEST = 1 << 20


class OwnLists:
    """Opened lists of the authority's own, asked on this computer. Raises PlacementError when one may not be opened."""

    def __init__(self, folders: Sequence[Path]) -> None:
        from tocsin.matching.road import Lists

        for folder in folders:
            check(folder)
        try:
            self._lists: Any = Lists.open(list(folders))
        except (ValueError, OSError, RuntimeError) as problem:
            raise PlacementError(f"A list of your own cannot be opened: {problem}") from problem

    @property
    def version(self) -> str:
        """A name of what is on the lists now."""
        return str(getattr(self._lists, "version", ""))

    def match(self, batch: Sequence[Fingerprints], missed: list[Any] | None = None) -> list[tuple[Match, ...]]:
        """Return what each of a batch matches; a list that cannot be searched is put into ``missed``."""
        found: list[tuple[Match, ...]] = self._lists.match(batch, missed=missed)
        return found

    def close(self) -> None:
        """Let go of the files."""
        close = getattr(self._lists, "close", None)
        if callable(close):
            close()


def check(folder: Path) -> None:
    """Refuse a list that is not the authority's own. Raises PlacementError."""
    path = folder / _MANIFEST
    try:
        raw = yaml.safe_load(read_bounded(path, _MAX_MANIFEST))
    except (OSError, ValueError, yaml.YAMLError) as problem:
        raise PlacementError(f"{folder} is not a hash list: {path} cannot be read ({problem}).") from problem
    if not isinstance(raw, dict) or raw.get("origin") != "own":
        raise PlacementError(
            f"The list in {folder} may not lie on a supervised device: its manifest does not say “origin: own”. "
            "Lists of others stay on the hub."
        )
