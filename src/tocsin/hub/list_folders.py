"""The folders of hash lists as the hub reads them: facts, opening and verifying, by way of the matching room."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.hub.media_lists import ListState, Road

if TYPE_CHECKING:
    from tocsin.matching.lists import HashList


class Folders:
    """Reads hash lists from disk. The matching room is loaded only once there is a list.

    A list stays open for its facts and follows its folder by itself, so that a sealed one is opened once.
    """

    def __init__(self) -> None:
        self._open: dict[Path, HashList] = {}

    def expand(self, folder: Path) -> list[Path]:
        """Return the lists that a given folder is or holds; the folder itself where it is neither."""
        from tocsin.matching.road import folders_of

        return folders_of(folder) or [folder]

    def describe(self, folder: Path, key: str) -> ListState:
        """Return a list's facts. Raises ListError, a sentence, when it cannot be used."""
        from tocsin.matching.lists import ListError

        held = self._held(folder, key)
        held.refresh()
        if held.problem:
            self._open.pop(folder, None)
            raise ListError(held.problem)
        facts = held.info()
        return ListState(
            name=facts["name"],
            folder=folder,
            source=facts["source"],
            scheme=facts["scheme"],
            entries=facts["entries"],
            updated=changed(folder),
            negative=facts["negative"],
            encrypted=facts["encrypted"],
        )

    def open(self, folders: Sequence[Path], key: str) -> Road:
        """Open lists together. Raises ListError."""
        from tocsin.matching.road import Lists

        return Lists.of([self._held(folder, key) for folder in folders])

    def verify(self, folder: Path, key: str) -> None:
        """Read a list whole. Raises ListError when anything in it is damaged."""
        try:
            self._held(folder, key).verify()
        except ValueError:
            self.forget(folder)
            raise

    def forget(self, folder: Path) -> None:
        """Open a list anew when it is next asked for."""
        self._open.pop(folder, None)

    def _held(self, folder: Path, key: str) -> "HashList":
        """Return a list that is open, opening it if need be. Raises ListError."""
        from tocsin.matching.lists import HashList

        held = self._open.get(folder)
        if held is None:
            held = self._open[folder] = HashList.open(folder, key or None)
        return held


def changed(folder: Path) -> datetime | None:
    """Return when a list last changed, by its state file; None where that cannot be told."""
    try:
        return datetime.fromtimestamp((folder / "state.json").stat().st_mtime, UTC)
    except OSError:
        return None
