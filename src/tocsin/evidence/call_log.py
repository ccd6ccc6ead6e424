"""A log of calls that grows by thousands of entries a second: chained entry by entry, one Merkle tree over all of it.

A log is a folder: ``000001.jsonl`` and so on, one entry a line; ``checkpoint``, the signed note over all entries up to
then, and earlier ones in ``checkpoints/``; ``state.json``, the tree's right edge for the next start; ``keys.txt``. An
entry is written before :meth:`CallLog.write` returns and reaches the disk within about a second; each names the SHA-256
of the one before it, so what came after the last checkpoint is bound to it too. Once a segment is full the next begins.
"""

import contextlib
import hashlib
import json
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tocsin.evidence.keys import read_bounded, write_private
from tocsin.evidence.merkle import Tree, leaf_hash
from tocsin.evidence.notes import Checkpoint, NoteError, Signer, sign_checkpoint, verify_checkpoint

SYNC_S: Final = 1.0
"""Seconds between two flushes to the disk, while entries are added."""
SIGN_S: Final = 60.0
"""Seconds between two checkpoints, while entries are added."""
SEGMENT: Final = 256 << 20
"""Bytes after which a segment is full."""
MAX_ENTRY: Final = 65_535

GENESIS: Final = "0" * 64
_SEGMENT = re.compile(r"[0-9]{6}\.jsonl")
_PREV = re.compile(rb'"prev":"([0-9a-f]{64})"\}$')
_log = logging.getLogger(__name__)


class CallLogError(RuntimeError):
    """The log cannot be written or read; the message is a sentence."""


@dataclass(slots=True)
class _State:
    tree: Tree
    prev: str = GENESIS
    segment: int = 1
    offset: int = 0


class CallLog:
    """One process's log. Thread-safe. ``close`` signs its last state."""

    def __init__(
        self,
        folder: Path,
        signer: Signer,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        segment_bytes: int = SEGMENT,
    ) -> None:
        """Open the log in ``folder``, or begin one. Raises CallLogError when what is there was altered."""
        self.folder, self._signer, self._now, self._full = folder, signer, now, segment_bytes
        self._lock = threading.Lock()
        self._dirty = False
        self._signed = -1
        self.broken = ""
        try:
            (folder / "checkpoints").mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)
            self._state = self._taken_up()
            self._handle = self._opened()
            write_private(folder / "keys.txt", f"{signer.verifier.vkey}\n".encode())
        except OSError as error:
            raise CallLogError(f"The log in {folder} cannot be written: {error.strerror or error}.") from error
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="call-log", daemon=True)
        self._thread.start()

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self._state.tree.size

    def write(self, actor: str, action: str, object_: str, detail: dict[str, Any] | None = None) -> int:
        """Append an entry and return its number, from 0. Raises CallLogError: then what it tells of must not happen.

        ``object_`` is what it was done to; ``detail`` holds plain values.
        """
        told = json.dumps([actor, action, object_], ensure_ascii=True, separators=(",", ":"))
        rest = json.dumps(detail or {}, ensure_ascii=True, separators=(",", ":"))
        at = self._now().isoformat(timespec="milliseconds").removesuffix("+00:00")
        with self._lock:
            if self.broken:
                raise CallLogError(self.broken)
            state = self._state
            seq = state.tree.size
            text = f'{{"seq":{seq},"at":"{at}Z","call":{told},"detail":{rest},"prev":"{state.prev}"}}'
            line = text.encode("ascii")
            if len(line) > MAX_ENTRY:
                raise CallLogError("What is to be logged is too long for one entry.")
            try:
                _write_all(self._handle, line + b"\n")
            except OSError as error:
                self.broken = f"The log of calls cannot be written ({error.strerror}), so nothing is answered."
                raise CallLogError(self.broken) from error
            state.prev = hashlib.sha256(line).hexdigest()
            state.tree.append(leaf_hash(line))
            state.offset += len(line) + 1
            self._dirty = True
            if state.offset >= self._full:
                self._next_segment()
        return seq

    def sync(self) -> None:
        """Bring everything to the disk."""
        with self._lock:
            self._dirty = False
            handle = os.dup(self._handle)
        try:
            os.fdatasync(handle)
        finally:
            os.close(handle)

    def checkpoint(self) -> str:
        """Sign the log as it is now, durably, and return the note."""
        self.sync()
        with self._lock:
            return self._checkpoint()

    def close(self) -> None:
        """Sign the last state and let go. Harmless to repeat."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._thread.join(10)
        with contextlib.suppress(OSError):
            self.checkpoint()
        os.close(self._handle)

    def _checkpoint(self) -> str:
        state = self._state
        note = sign_checkpoint(Checkpoint(self._signer.name, state.tree.size, state.tree.root()), self._signer)
        held = {"size": state.tree.size, "edge": [one.hex() for one in state.tree.edge], "prev": state.prev}
        held |= {"segment": state.segment, "offset": state.offset}
        write_private(self.folder / "checkpoint", note.encode())
        write_private(self.folder / "state.json", json.dumps(held).encode())
        self._signed = state.tree.size
        return note

    def _next_segment(self) -> None:
        """Begin another file; the tree and the chain go on."""
        os.fdatasync(self._handle)
        note = self._checkpoint()
        write_private(self.folder / "checkpoints" / f"{self._state.tree.size:012d}", note.encode())
        os.close(self._handle)
        self._state.segment += 1
        self._state.offset = 0
        held = {"size": self._state.tree.size, "edge": [one.hex() for one in self._state.tree.edge]}
        held |= {"prev": self._state.prev}
        write_private(self.folder / f"{self._state.segment:06d}.begin", json.dumps(held).encode())
        self._handle = self._opened()

    def _opened(self) -> int:
        path = self.folder / f"{self._state.segment:06d}.jsonl"
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _keep(self) -> None:
        signed = time.monotonic() - SIGN_S  # the first entries are signed at once: a young log can be verified too
        while not self._stop.wait(SYNC_S):
            try:
                if self._dirty:
                    self.sync()
                now = time.monotonic()
                if now - signed >= SIGN_S and self.size != self._signed:
                    signed = now
                    self.checkpoint()
            except OSError as error:
                self.broken = f"The log of calls cannot be kept ({error.strerror}), so nothing is answered."
                _log.error("%s", self.broken)

    def _taken_up(self) -> _State:
        """Return where the log stands: the state at the last checkpoint, and the entries written since."""
        names = segments(self.folder)
        if not names:
            return _State(Tree())
        state = _State(*_begun(self.folder, names[0]), segment=int(names[0].stem))
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            raw = json.loads(read_bounded(self.folder / "state.json", 1 << 16))
            tree = Tree.restore(int(raw["size"]), [bytes.fromhex(one) for one in raw["edge"]])
            note = read_bounded(self.folder / "checkpoint", 1 << 16).decode()
            held, _ = verify_checkpoint(note, self._signer.verifier)
            if (held.size, held.root) == (tree.size, tree.root()):
                state = _State(tree, str(raw["prev"]), int(raw["segment"]), int(raw["offset"]))
        for path in names:
            number = int(path.stem)
            if number < state.segment:
                continue
            if number > state.segment:
                state.segment, state.offset = number, 0
            self._replay(path, state)
        return state

    def _replay(self, path: Path, state: _State) -> None:
        with path.open("rb+") as file:
            file.seek(state.offset)
            for line in file:
                if not line.endswith(b"\n"):  # cut off by a power loss, and never answered
                    file.truncate(state.offset)
                    return
                _follow(line[:-1], state, path)
                state.offset += len(line)


def segments(folder: Path) -> list[Path]:
    """Return a log's files in order."""
    return sorted(path for path in folder.iterdir() if _SEGMENT.fullmatch(path.name))


def is_log(folder: Path) -> bool:
    """Tell whether a folder is such a log."""
    return (folder / "keys.txt").is_file() and any(_SEGMENT.fullmatch(path.name) for path in folder.iterdir())


@dataclass(frozen=True, slots=True)
class Verified:
    """What verifying found: entries read, entries that the last checkpoint covers, and each problem as a sentence."""

    entries: int
    signed: int
    origin: str
    problems: tuple[str, ...]
    trusted: bool

    @property
    def ok(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.problems


def verify_log(folder: Path, vkey: str | None = None, earlier: str | None = None) -> Verified:
    """Verify a log, while it is written to or afterwards: chain, tree, every checkpoint, and an ``earlier`` one kept
    elsewhere. Without ``vkey`` the log's own key is taken, which shows only that it agrees with itself.

    Raises CallLogError when it cannot be read at all.
    """
    from tocsin.evidence.notes import Verifier, parse_checkpoint

    try:
        log = Verifier.parse(vkey or read_bounded(folder / "keys.txt", 1 << 16).decode().strip())
        last, _ = verify_checkpoint(read_bounded(folder / "checkpoint", 1 << 16).decode(), log)
        wanted = {last.size: last}
        for path in sorted((folder / "checkpoints").glob("*")):
            one, _ = verify_checkpoint(read_bounded(path, 1 << 16).decode(), log)
            wanted[one.size] = one
        if earlier is not None:
            signed = "\n\n" in earlier.strip("\n")
            one = verify_checkpoint(earlier, log)[0] if signed else parse_checkpoint(earlier.strip() + "\n")
            if one.size in wanted and wanted[one.size].root != one.root:
                return Verified(0, last.size, log.name, ("The log was forked: the earlier checkpoint differs.",), True)
            wanted[one.size] = one
        problems, entries = _read_through(folder, wanted)
    except FileNotFoundError as error:
        raise CallLogError(f"{folder} is not a whole log: {Path(error.filename).name} is missing.") from error
    except (OSError, UnicodeDecodeError, NoteError, KeyError, TypeError) as error:
        raise CallLogError(f"The log in {folder} cannot be verified: {error}") from error
    return Verified(entries, last.size, log.name, tuple(problems), vkey is not None)


def _read_through(folder: Path, wanted: dict[int, Checkpoint]) -> tuple[list[str], int]:
    names = segments(folder)
    state = _State(*_begun(folder, names[0])) if names else _State(Tree())
    first = state.tree.size
    problems: list[str] = []
    met = {first}
    try:
        for line, path in _lines(names):
            _follow(line, state, path)
            held = wanted.get(state.tree.size)
            met.add(state.tree.size)
            if held is not None and held.root != state.tree.root():
                problems.append(f"The first {held.size} entries are not those that were signed.")
    except CallLogError as error:
        problems.append(str(error))
    beyond = [size for size in wanted if size > state.tree.size]
    if beyond and not problems:
        problems.append(f"{max(beyond)} entries were signed and {state.tree.size} are there: the log was cut.")
    return problems, state.tree.size - first


def _lines(names: list[Path]) -> Iterator[tuple[bytes, Path]]:
    for number, path in enumerate(names):
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    if number + 1 < len(names):
                        raise CallLogError(f"The last entry of {path.name} is cut off.")
                    return  # being written at this moment
                yield line[:-1], path


def _follow(line: bytes, state: _State, path: Path) -> None:
    """Take one more entry into the state. Raises CallLogError for one that does not follow."""
    found = _PREV.search(line)
    start = f'{{"seq":{state.tree.size},'.encode()
    if found is None or found[1].decode() != state.prev or not line.startswith(start):
        raise CallLogError(f"Where entry {state.tree.size} should stand, in {path.name}, another one does.")
    state.prev = hashlib.sha256(line).hexdigest()
    state.tree.append(leaf_hash(line))


def _begun(folder: Path, first: Path) -> tuple[Tree, str]:
    """Return the state before the first file that is there: an older one may have been taken away on purpose."""
    path = folder / f"{first.stem}.begin"
    if first.stem == "000001":
        return Tree(), GENESIS
    raw = json.loads(read_bounded(path, 1 << 16))
    return Tree.restore(int(raw["size"]), [bytes.fromhex(one) for one in raw["edge"]]), str(raw["prev"])


def _write_all(handle: int, data: bytes) -> None:
    done = os.write(handle, data)
    while done < len(data):
        done += os.write(handle, data[done:])
