"""The media desk: makes what pictures and files are asked with, anew each time collecting begins."""

from collections.abc import Callable
from pathlib import Path

from tocsin.agent.asking import Answered, Asking
from tocsin.agent.health import HealthMeter
from tocsin.agent.ledger import Ledger
from tocsin.agent.media import Media
from tocsin.agent.own_lists import OwnLists
from tocsin.agent.unasked import Unasked
from tocsin.evidence.keys import DeviceKey
from tocsin.model import EntryKind, MediaSeen, Observation, SystemClock
from tocsin.orders import is_privileged
from tocsin.placement.config import Config, Folders, PlacementError
from tocsin.placement.journal import Journal
from tocsin.placement.standing import Standing


class MediaDesk:
    """One agent's. ``warn`` records a warning."""

    def __init__(
        self,
        folders: Folders,
        config: Config,
        key: DeviceKey,
        standing: Standing,
        journal: Journal,
        health: HealthMeter,
        ledger: Ledger,
        warn: Callable[[str], None],
    ) -> None:
        self._folders, self._config, self._key, self._standing = folders, config, key, standing
        self._journal, self._health, self._ledger, self._warn = journal, health, ledger, warn
        self._waiting: Unasked | None = None
        self._answered = Answered()
        self._told: set[str] = set()

    def open(self) -> Media:
        """Return what the sensors of pictures and files need."""
        if self._waiting is None:
            self._waiting = Unasked(self._folders.unasked, self._config.salt)
        now = SystemClock().now()
        asking = Asking(
            self._config,
            self._key,
            self._waiting,
            self._answered,
            own=self._own_lists(),
            private=self._is_private,
            count=self._health.count,
            lost=lambda many, size: self._journal.refuse("overflow", {"media": many}, size),
            sent=self._ledger.asked,
            keep_pixels="picture" in self._standing.permission(now).evidence,
        )
        return Media(asking, self._names_private, self._health.count, (self._folders.data,), self._folders.files)

    def close(self) -> None:
        """Close what is kept on disk."""
        if self._waiting is not None:
            self._waiting.close()

    def _own_lists(self) -> OwnLists | None:
        """Open the lists that somebody chose to have on this computer; one that may not be here is told, not used."""
        if not self._config.lists:
            return None
        try:
            return OwnLists([Path(folder) for folder in self._config.lists])
        except (PlacementError, ImportError) as problem:
            self._warn("own-lists-refused")
            if str(problem) not in self._told:
                self._told.add(str(problem))
                body = {"what": "own-lists", "sentence": str(problem)[:300]}
                self._journal.append(EntryKind.UNSUPPORTED, body)
            return None

    def _is_private(self, seen: Observation) -> bool:
        media = seen.body
        texts = [media.name, media.held] if isinstance(media, MediaSeen) else []
        return is_privileged(self._standing.signed.order, seen.app, seen.title, texts)

    def _names_private(self, app: str, text: str) -> bool:
        return is_privileged(self._standing.signed.order, app, text, ())
