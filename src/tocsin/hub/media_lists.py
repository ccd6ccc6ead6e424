"""The hash lists this hub matches against: opened at start, followed while it runs, their state told to people.

A list is a folder (see ``tocsin.matching.lists``). Those in the data folder's ``lists/`` and those given by
``tocsin up --list`` are opened; a change on disk is seen within a second. A list that cannot be used is a sentence in
the log, on the console's page and in ``/healthz``; the others go on. Hashes never leave this room.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from tocsin.model.media import Fingerprints, Match

if TYPE_CHECKING:
    from tocsin.matching.answers import Missed

LOOK_S: Final = 0.4
"""Seconds between two looks at the folders."""
MOST: Final = 200
"""Lists one hub opens."""

_log = logging.getLogger(__name__)

Stamp = tuple[tuple[str, int, int, int], ...]


class Road(Protocol):
    """Opened lists that answer; ``tocsin.matching.road.Lists`` in earnest."""

    @property
    def version(self) -> str:
        """A name of what is on the lists now, the same for the same entries."""
        ...

    def match(
        self,
        batch: Sequence[Fingerprints],
        radius: int | None = None,
        dihedral: bool = False,
        limit: int = 100,
        missed: list["Missed"] | None = None,
    ) -> list[tuple[Match, ...]]:
        """Return what each of a batch matches, best first; put lists that cannot be searched into ``missed``."""
        ...

    def close(self) -> None:
        """Let go of the files."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ListState:
    """One list as people see it: never a hash. ``state``: verified, unverified or broken, with a ``sentence``."""

    name: str
    folder: Path
    source: str = ""
    scheme: str = ""
    entries: int = 0
    updated: datetime | None = None
    negative: bool = False
    encrypted: bool = False
    state: str = "unverified"
    sentence: str = ""


class Shelf(Protocol):
    """How lists are read from their folders. ``key`` opens those that are encrypted at rest."""

    def expand(self, folder: Path) -> list[Path]:
        """Return the lists that a given folder is or holds; the folder itself where it is neither."""
        ...

    def describe(self, folder: Path, key: str) -> ListState:
        """Return a list's facts. Raises ValueError or OSError, a sentence, when it cannot be used."""
        ...

    def open(self, folders: Sequence[Path], key: str) -> Road:
        """Open lists together. Raises ValueError or OSError."""
        ...

    def verify(self, folder: Path, key: str) -> None:
        """Read a list whole. Raises ValueError or OSError when anything in it is damaged."""
        ...

    def forget(self, folder: Path) -> None:
        """Open a list anew when it is next asked for: what is open of it is damaged."""
        ...


class MediaLists:
    """The hub's hash lists. ``own`` is the hub's folder of lists; ``given`` are folders named at start."""

    def __init__(self, shelf: Shelf, own: Path, given: Sequence[Path] = (), key: str = "") -> None:
        self._own, self._given, self._key, self._shelf = own, tuple(given), key, shelf
        self._road: Road | None = None
        self._states: tuple[ListState, ...] = ()
        self._stamps: dict[Path, Stamp] = {}
        self._checked: dict[Path, tuple[Stamp, str]] = {}
        self._ending = threading.Event()
        self._changing = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.look()

    @property
    def states(self) -> tuple[ListState, ...]:
        """Every list, by name, those that are broken too."""
        return self._states

    @property
    def entries(self) -> int:
        """Entries on all lists that answer."""
        return sum(state.entries for state in self._states if state.state != "broken")

    @property
    def count(self) -> int:
        """Lists that answer."""
        return sum(state.state != "broken" for state in self._states)

    @property
    def broken(self) -> int:
        """Lists that cannot be used."""
        return sum(state.state == "broken" for state in self._states)

    @property
    def version(self) -> str:
        """A short name of what is on the lists now; empty without lists."""
        road = self._road
        return road.version if road is not None else ""

    def match(self, batch: Sequence[Fingerprints], missed: set[Path] | None = None) -> list[tuple[Match, ...]]:
        """Return what each of a batch matches, turned pictures too. Pure computing: call it in a thread.

        A list that cannot be searched stops no other: its folder is put into ``missed``, as are those of lists that
        were broken before, and it is not used again until it was mended.
        """
        road = self._road
        failed: list[Missed] = []
        found: list[tuple[Match, ...]] = (
            road.match(batch, dihedral=True, missed=failed) if road is not None else [() for _ in batch]
        )
        for one in failed:
            self._fail(one)
        if missed is not None:
            missed |= {state.folder for state in self._states if state.state == "broken"}
            missed |= {one.folder for one in failed}
        return found

    def follow(self) -> None:
        """Begin to look for changes and to verify lists in the background."""
        if not self._threads:
            self._threads = [
                threading.Thread(target=self._repeat, args=(job,), name=f"hub-lists-{job.__name__}", daemon=True)
                for job in (self.look, self.check)
            ]
            for thread in self._threads:
                thread.start()

    def close(self) -> None:
        """Stop following and let go of the lists. Harmless to repeat."""
        self._ending.set()
        for thread in self._threads:
            thread.join(5)
        road, self._road = self._road, None
        if road is not None:
            road.close()

    def look(self) -> bool:
        """Open the lists anew if anything on disk changed since the last look; say whether it had."""
        stamps = {folder: _stamp(folder) for folder in self._folders()}
        if stamps == self._stamps:
            return False
        with self._changing:
            self._read(stamps)
        return True

    def _read(self, stamps: dict[Path, Stamp]) -> None:
        before = {state.folder: state for state in self._states}
        same = {folder for folder, stamp in stamps.items() if self._stamps.get(folder) == stamp and folder in before}
        states = [before[folder] if folder in same else self._describe(folder, stamps[folder]) for folder in stamps]
        self._swap(sorted(states, key=lambda state: (state.name, str(state.folder))))
        self._stamps = stamps

    def check(self) -> None:
        """Verify whole, one at a time, the lists that have not been verified since they last changed."""
        for state in self._states:
            stamp = self._stamps.get(state.folder)
            if stamp is None or state.state != "unverified" or self._ending.is_set():
                continue
            trouble = ""
            try:
                self._shelf.verify(state.folder, self._key)
            except (ValueError, OSError, RuntimeError) as error:
                trouble = str(error)
            if _stamp(state.folder) != stamp:
                continue  # it changed meanwhile: look() reads it anew, and the next check is of that
            self._checked[state.folder] = (stamp, trouble)
            with self._changing:
                self._settle(state.folder, trouble)

    def _folders(self) -> list[Path]:
        """Return the folders that should hold a list, without repeats."""
        own = sorted(path for path in self._own.iterdir() if path.is_dir()) if self._own.is_dir() else []
        found = [path for path in own if not path.name.startswith((".", "_"))]
        found += [path for given in self._given for path in self._shelf.expand(given)]
        return list(dict.fromkeys(found))[:MOST]

    def _describe(self, folder: Path, stamp: Stamp) -> ListState:
        try:
            state = self._shelf.describe(folder, self._key)
        except (ValueError, OSError, RuntimeError) as error:
            return _broken(ListState(name=folder.name, folder=folder), str(error))
        checked, trouble = self._checked.get(folder, (None, ""))
        if checked != stamp:
            return state
        return _broken(state, trouble) if trouble else replace(state, state="verified")

    def _swap(self, states: list[ListState]) -> None:
        """Open the lists that can be used, together, and answer from them from now on."""
        usable = [state.folder for state in states if state.state != "broken"]
        road: Road | None = None
        try:
            road = self._shelf.open(usable, self._key) if usable else None
        except (ValueError, OSError, RuntimeError):
            states, road = self._sort_out(states)
        # the road before is let go of by the last batch that still asks it
        self._road, self._states = road, tuple(states)

    def _sort_out(self, states: list[ListState]) -> tuple[list[ListState], Road | None]:
        """Find the list that spoils the opening of all, one by one, and open the rest."""
        kept: list[ListState] = []
        for state in states:
            if state.state != "broken":
                try:
                    self._shelf.open([state.folder], self._key).close()
                except (ValueError, OSError, RuntimeError) as error:
                    state = _broken(state, str(error))
            kept.append(state)
        usable = [state.folder for state in kept if state.state != "broken"]
        try:
            return kept, self._shelf.open(usable, self._key) if usable else None
        except (ValueError, OSError, RuntimeError) as error:
            return [_broken(state, str(error)) if state.folder in usable else state for state in kept], None

    def _settle(self, folder: Path, trouble: str) -> None:
        """Write down what verifying a list showed; a damaged one stops answering."""
        states = [
            (_broken(state, trouble) if trouble else replace(state, state="verified"))
            if state.folder == folder and state.state == "unverified"
            else state
            for state in self._states
        ]
        if trouble:
            self._swap(states)
        else:
            self._states = tuple(states)

    def _fail(self, missed: "Missed") -> None:
        """Stop using a list that said it is damaged; one that failed otherwise is verified again."""
        with self._changing:
            stamp = self._stamps.get(missed.folder)
            if missed.damaged and stamp is not None:
                self._checked[missed.folder] = (stamp, missed.sentence)
            states = []
            for state in self._states:
                if state.folder == missed.folder and state.state != "broken":
                    failed = replace(state, state="unverified")
                    state = _broken(failed, missed.sentence) if missed.damaged else failed
                states.append(state)
            if missed.damaged:
                self._shelf.forget(missed.folder)
                self._swap(states)
            else:
                _log.error("The hash list in %s could not be searched: %s", missed.folder, missed.sentence)
                self._states = tuple(states)

    def _repeat(self, job: object) -> None:
        assert callable(job)
        while not self._ending.wait(LOOK_S):
            try:
                job()
            except Exception:
                _log.exception("The hash lists could not be looked at; the hub tries again")
                time.sleep(1)


def _broken(state: ListState, sentence: str) -> ListState:
    sentence = f"{sentence.strip().rstrip('.')[:400]}."
    _log.error("The hash list in %s is not used: %s", state.folder, sentence)
    return replace(state, state="broken", sentence=sentence)


def _stamp(folder: Path) -> Stamp:
    """Return what tells that a list changed on disk: its files with their sizes and times."""
    found = []
    try:
        for path in sorted(folder.iterdir()):
            about = path.stat()
            found.append((path.name, about.st_size, about.st_mtime_ns, about.st_ino))
    except OSError:
        return (*found, ("", 0, 0, 0))
    return tuple(found)
