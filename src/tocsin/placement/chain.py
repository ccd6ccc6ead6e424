"""Chain: the segments of the spool in order, opened after any crash, rebuilt where they are damaged.

A *generation* is one set of segments that form one chain. A new one is written whole beside the old before the file
``current`` names it, so that re-chaining (after damage, or where the hub's head differs) is all or nothing.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tocsin.placement.disk import Disk
from tocsin.placement.segments import MAX_PAYLOAD, PART, START, Point, Segment, SpoolDamagedError, frames_in

_CURRENT = "current"


class NoRoomError(OSError):
    """The spool has reached its bound."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much the spool may take, in bytes: one segment, all of them, the tail kept for gap entries; how many
    acknowledged segments are kept so that a hub restored from a backup can be sent them again."""

    segment: int = 1 << 20
    total: int = 256 << 20
    reserve: int = 32 << 10
    history: int = 8


@dataclass(frozen=True, slots=True)
class Damage:
    """What opening found: entries that could still be read, how many surely could not, and where the rest was put."""

    payloads: tuple[bytes, ...]
    lost: int
    sentence: str


class Chain:
    """The open spool. Not thread-safe: the journal holds the lock."""

    def __init__(self, folder: Path, disk: Disk, bounds: Bounds) -> None:
        self.folder, self.disk, self.bounds = folder, disk, bounds
        self.generation = 0
        self.segments: list[Segment] = []
        self.torn = False
        self._hint: tuple[int, Segment, int] | None = None

    @classmethod
    def open(cls, folder: Path, disk: Disk, bounds: Bounds) -> tuple["Chain", Damage | None]:
        """Open the spool in ``folder``, or begin one. Raises OSError where even an empty one cannot be written."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        chain = cls(folder, disk, bounds)
        for part in folder.glob(f"*{PART}"):
            part.unlink()
        files = sorted(folder.glob("*.seg"))
        try:
            chain.generation = int((folder / _CURRENT).read_text("ascii"))
        except (OSError, ValueError):
            if files:
                return chain, chain._damage("The spool's index is missing or unreadable.")
            chain.rebuild(START, ())
            return chain, None
        mine = [path for path in files if path.name.startswith(f"{chain.generation:06d}-")]
        for path in files:
            if path not in mine:
                path.unlink()
        try:
            chain._connect(mine)
        except (SpoolDamagedError, OSError) as problem:
            chain.close()
            return chain, chain._damage(str(problem))
        return chain, None

    @property
    def head(self) -> Point:
        """The last entry's place."""
        return self.segments[-1].last

    @property
    def oldest(self) -> Point:
        """The place before the oldest entry still held."""
        return self.segments[0].base

    def used(self) -> int:
        """Return the bytes that cannot be given back: everything but what is free in the last segment."""
        return (len(self.segments) - 1) * self.bounds.segment + self.segments[-1].end

    def append(self, payload: bytes, acked: int, *, reserve: bool = False) -> None:
        """Add one entry; durable on return. ``reserve`` lets it use the tail kept for gap entries.

        Raises NoRoomError at the bound and OSError as the disk does; the chain stands as before either way.
        """
        if len(payload) > MAX_PAYLOAD or len(payload) > self.bounds.segment - self.bounds.reserve - 256:
            raise NoRoomError("The entry is too large for the journal.")
        segment = self.segments[-1]
        if segment.torn:
            segment.wipe(self.disk)
        if segment.torn or segment.room(self.bounds.reserve) < len(payload):
            try:
                segment = self._grow(acked)
            except OSError:
                if not reserve or segment.torn or segment.room(0) < len(payload):
                    raise
        segment.append(self.disk, payload)

    def after(self, seq: int) -> Iterator[tuple[int, bytes]]:
        """Yield (seq, payload) of every entry past ``seq``, in order."""
        for segment in list(self.segments):
            if segment.base.seq + segment.count <= seq:
                continue
            number, offset = segment.base.seq, segment.first
            if self._hint and self._hint[1] is segment and self._hint[0] <= seq:
                number, _, offset = self._hint
            for payload, after in segment.entries(offset):
                number += 1
                if number <= seq:
                    self._hint = (number, segment, after)
                    continue
                yield number, payload

    def find(self, seq: int) -> Point | None:
        """Return the place ``seq`` if the chain still holds it."""
        if seq == self.head.seq:
            return self.head
        for segment in self.segments:
            if segment.base.seq == seq:
                return segment.base
        for number, payload in self.after(seq - 1) if self.oldest.seq < seq < self.head.seq else ():
            return Point.of(number, payload)
        return None

    def drop(self, acked: int, keep: int | None = None) -> None:
        """Delete acknowledged segments but for the newest ``keep`` of them; the last segment always stays."""
        done = [s for s in self.segments[:-1] if s.base.seq + s.count <= acked]
        for segment in done[: max(0, len(done) - (self.bounds.history if keep is None else keep))]:
            segment.close()
            segment.path.unlink(missing_ok=True)
            self.segments.remove(segment)

    def rebuild(self, base: Point, payloads: Iterable[bytes], aside: Path | None = None) -> None:
        """Write a new generation that continues after ``base`` and holds ``payloads``; then forget the old one.

        With ``aside`` the old files are moved there instead. Raises OSError and leaves the old one as it was.
        """
        old_files = list(self.folder.glob("*.seg"))
        generation = max([self.generation, *(_generation(p) for p in old_files)]) + 1
        new: list[Segment] = []
        try:
            new.append(Segment.create(self.disk, self._name(generation, 0), base, self.bounds.segment))
            for payload in payloads:
                if new[-1].room(self.bounds.reserve) < len(payload):
                    name = self._name(generation, len(new))
                    new.append(Segment.create(self.disk, name, new[-1].last, self.bounds.segment))
                new[-1].append(self.disk, payload)
            self.disk.replace(self.folder / _CURRENT, str(generation).encode())
        except OSError:
            for segment in new:
                segment.close()
                segment.path.unlink(missing_ok=True)
            raise
        self.close()
        self.generation, self.segments, self.torn = generation, new, False
        if aside is not None:
            aside.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in old_files:
            with contextlib.suppress(OSError):
                path.unlink() if aside is None else path.rename(aside / path.name)

    def close(self) -> None:
        """Close the files."""
        for segment in self.segments:
            segment.close()
        self.segments, self._hint = [], None

    def _name(self, generation: int, index: int) -> Path:
        return self.folder / f"{generation:06d}-{index:08d}.seg"

    def _grow(self, acked: int) -> Segment:
        limit = max(2, self.bounds.total // self.bounds.segment)
        if len(self.segments) >= limit:
            self.drop(acked, keep=0)
        if len(self.segments) >= limit:
            raise NoRoomError("The journal has reached its bound.")
        last = self.segments[-1]
        name = self._name(self.generation, int(last.path.stem.split("-")[1]) + 1)
        try:
            new = Segment.create(self.disk, name, last.last, self.bounds.segment)
        except OSError:
            self.drop(acked, keep=0)
            new = Segment.create(self.disk, name, last.last, self.bounds.segment)
        self.segments.append(new)
        return new

    def _connect(self, files: list[Path]) -> None:
        """Open the segments and check that they form one chain."""
        if not files:
            raise SpoolDamagedError("The spool's files are missing.")
        for path in files:
            segment = Segment.open(path)
            self.segments.append(segment)
            if segment.salvage:
                raise SpoolDamagedError(f"The spool file {path.name} is damaged in the middle.")
            if len(self.segments) == 1:
                continue
            before = self.segments[-2]
            before.cut(segment.base.seq)
            if before.last != segment.base:
                raise SpoolDamagedError(f"Entries are missing before the spool file {path.name}.")
        last = self.segments[-1]
        if last.torn:
            self.torn = True
            last.wipe(self.disk)

    def _damage(self, sentence: str) -> Damage:
        found: dict[int, bytes] = {}
        for path in sorted(self.folder.glob("*.seg")):
            with contextlib.suppress(OSError):
                for payload in frames_in(path.read_bytes()):
                    with contextlib.suppress(ValueError, KeyError, TypeError):
                        found[int(json.loads(payload)["seq"])] = payload
        numbers = sorted(found)
        lost = numbers[-1] - numbers[0] + 1 - len(numbers) if numbers else 0
        return Damage(tuple(found[n] for n in numbers), lost, sentence)


def _generation(path: Path) -> int:
    try:
        return int(path.name.split("-")[0])
    except ValueError:
        return 0
