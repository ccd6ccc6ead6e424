"""The sweep: what lay there before, unhurried. A round goes once through all folders and then waits a day, or until the
lists change or a drive is attached. It takes a tenth of one core, keeps its place over restarts, and waits while the
computer is busy, on battery, or the hub cannot be asked."""

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator

from tocsin.agent.sensors.comparing import Comparing
from tocsin.agent.sensors.folders import Places
from tocsin.agent.sensors.pacing import Pace, ProcessorTime, hindrance, idle_disk
from tocsin.agent.sensors.seen_files import SeenFiles
from tocsin.model import Clock, Kind, NotScanned, Observation

ROUND_S = 24 * 3600.0
_BACKLOG = 200
_LOOK_S = 1.0


class SweepSensor:
    """Goes through the folders. ``count`` gets codes for the heartbeat."""

    def __init__(
        self,
        places: Places,
        comparing: Comparing,
        seen: SeenFiles,
        clock: Clock,
        *,
        count: Callable[[str], None] = lambda _: None,
        hinders: Callable[[], str] = hindrance,
        share: float | None = None,
    ) -> None:
        self._places, self._comparing, self._seen, self._clock, self._count = places, comparing, seen, clock, count
        self._stop = threading.Event()
        self._hinders, self._share = hinders, share
        self._drives: list[str] = []
        self._shed = 0
        self.rounds = 0

    def observations(self) -> Iterator[Observation]:
        """Yield what could not be examined, until closed."""
        idle_disk()
        more = {"share": self._share} if self._share else {}
        pace = Pace(self._stop, ProcessorTime(), self._hindered, **more)
        while not self._stop.is_set():
            version = self._comparing.asking.version or self._seen.get("lists")
            yield from self._round(pace)
            if self._stop.is_set():
                return
            self._finish()
            self.rounds += 1
            if not self._rest(version):
                return

    def _rest(self, version: str) -> bool:
        """Wait until the next round is due; False when told to stop. ``version`` is of the lists of the round's begin:
        that of an earlier run, where nothing had been answered yet, so that lists that changed meanwhile are noticed.
        """
        ends, noted = time.monotonic() + ROUND_S, ""
        while time.monotonic() < ends and not self._drives:
            now = self._comparing.asking.version
            version = version or now
            if now not in ("", version):
                return True
            if version != noted:
                self._seen.set("lists", version)
                noted = version
            if self._stop.wait(_LOOK_S):
                return False
        return True

    def close(self) -> None:
        """Stop."""
        self._stop.set()

    def shed(self, level: int) -> None:
        """Wait while the agent has to do with less (a step of the ladder above 0)."""
        self._shed = level

    def arrived(self, root: str) -> None:
        """Look through a drive that was attached, before anything else."""
        self._drives.append(root)

    def _round(self, pace: Pace) -> Iterator[Observation]:
        number = int(self._seen.get("round") or 1)
        for root in self._places.roots():
            while self._drives and not self._stop.is_set():
                yield from self._tree(self._drives.pop(0), number, pace)
            yield from self._tree(root, number, pace)

    def _finish(self) -> None:
        number = int(self._seen.get("round") or 1) + 1
        self._seen.set("round", str(number))
        self._seen.prune(number - 1)

    def _tree(self, root: str, number: int, pace: Pace) -> Iterator[Observation]:
        """Go through a tree; a folder done in this round and unchanged since is only passed through."""
        try:
            devices = {os.stat(root, follow_symlinks=False).st_dev}  # noqa: PTH116
        except OSError:
            return
        waiting = [root]
        while waiting and not self._stop.is_set():
            folder = waiting.pop()
            try:
                about = os.stat(folder, follow_symlinks=False)  # noqa: PTH116
                if about.st_dev not in devices:
                    if self._places.is_mounted(folder):
                        continue
                    devices.add(about.st_dev)
                if self._places.skip(folder, about.st_uid):
                    continue
                files, inside = _listed(folder)
            except OSError:
                self._count("not-scanned-folder")
                continue
            waiting += inside
            if not self._seen.is_folder_done(folder, about.st_mtime_ns, number):
                yield from self._folder(folder, files, about.st_mtime_ns, number, pace)
            if not pace.rest():
                return

    def _folder(self, folder: str, files: list[str], mtime: int, number: int, pace: Pace) -> Iterator[Observation]:
        """Examine a folder's files; it is done when the last answer is in."""
        left, lock = [len(files) + 1], threading.Lock()

        def one() -> None:
            with lock:
                left[0] -= 1
                last = left[0] == 0
            if last:
                self._seen.folder_done(folder, mtime, number)

        for path in files:
            if self._places.private(path):
                self._count("privileged")
                one()
                continue
            if self._places.is_foreign(path):
                one()
                continue
            try:
                looked = self._comparing.compare(path, "sweep", urgent=False, done=one)
            except Exception as problem:
                yield self._missed(NotScanned("failed-file", f"A file was not examined ({type(problem).__name__})."))
                one()
                continue
            if looked.media and not looked.known:
                self._count("swept")
            for missed in looked.missed:
                if missed.reason != "vanished":
                    yield self._missed(missed)
            if not pace.rest() or not self._may_ask():
                return
        one()

    def _may_ask(self) -> bool:
        """Wait while the hub cannot be asked, or has enough to do; False when told to stop."""
        asking = self._comparing.asking
        while asking.backlog > _BACKLOG or not asking.reachable:
            if self._stop.wait(0.05 if asking.reachable else _LOOK_S):
                return False
        return not self._stop.is_set()

    def _hindered(self) -> str:
        why = "shed" if self._shed else self._hinders()
        if why:
            self._count(f"sweep-waits-{why}")
        return why

    def _missed(self, body: NotScanned) -> Observation:
        return Observation(id=uuid.uuid4().hex, kind=Kind.FILE, at=self._clock.now(), sensor="sweep", body=body)


def _listed(folder: str) -> tuple[list[str], list[str]]:
    """Return a folder's files and folders, by name; links are left out. Raises OSError."""
    files, inside = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                inside.append(entry.path)
            elif entry.is_file(follow_symlinks=False):
                files.append(entry.path)
    return sorted(files), sorted(inside, reverse=True)
