"""The folders of hash lists as the hub reads them: facts, opening and verifying, by way of the matching room."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tocsin.hub.media_lists import ListState, Road


class Folders:
    """Reads hash lists from disk. The matching room is loaded only once there is a list."""

    def describe(self, folder: Path, key: str) -> ListState:
        """Return a list's facts. Raises ValueError or OSError, a sentence, when it cannot be used."""
        from tocsin.matching.lists import HashList

        opened = HashList.open(folder, key or None)
        try:
            facts: Mapping[str, Any] = opened.info()
        finally:
            opened.close()
        return ListState(
            name=str(facts.get("name") or folder.name)[:80],
            folder=folder,
            source=str(facts.get("source") or "")[:200],
            scheme=str(facts.get("scheme") or "")[:200],
            entries=int(facts.get("entries") or 0),
            updated=_moment(facts.get("updated") or facts.get("created")),
            negative=facts.get("negative") is True,
            encrypted=facts.get("encrypted") is True,
        )

    def open(self, folders: Sequence[Path], key: str) -> Road:
        """Open lists together. Raises ValueError or OSError."""
        from tocsin.matching.road import Lists

        return Lists.open(list(folders), key or None)

    def verify(self, folder: Path, key: str) -> None:
        """Read a list whole. Raises ValueError or OSError when anything in it is damaged."""
        from tocsin.matching.lists import HashList

        opened = HashList.open(folder, key or None)
        try:
            opened.verify()
        finally:
            opened.close()


def _moment(raw: Any) -> datetime | None:
    """Return a manifest's time, or None where there is none that can be read."""
    if isinstance(raw, str):
        try:
            raw = datetime.fromisoformat(raw)
        except ValueError:
            return None
    if not isinstance(raw, datetime):
        return None
    return raw.astimezone(UTC) if raw.tzinfo else raw.replace(tzinfo=UTC)
