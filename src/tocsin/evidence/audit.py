"""Offline verification of an exported audit log: nothing is asked of the hub that wrote it.

An export is a folder: ``entries.jsonl`` (one entry a line, the very bytes that were logged), ``checkpoint`` (the
signed note over all of them), ``checkpoints/`` (earlier ones, named by their number of entries) and ``keys.txt``
(verifier keys, for convenience: trust comes from a key or an earlier checkpoint that was kept elsewhere).
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tocsin.evidence.keys import read_bounded
from tocsin.evidence.merkle import Tree, leaf_hash
from tocsin.evidence.notes import COSIGNATURE, MAX_NOTE, Checkpoint, NoteError, Verifier, parse_checkpoint
from tocsin.evidence.notes import verify_checkpoint as verify_note

MAX_ENTRY = 65_535
"""Largest entry in bytes: what a tile of c2sp.org/tlog-tiles can hold."""
MAX_KEYS_FILE = 65_536
MOST_NAMED = 20
"""So many misplaced entries are named one by one; the root tells the rest."""


class AuditError(ValueError):
    """An export that cannot be read at all; the message is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What verification found. ``ok`` means: no problem; each problem is a sentence.

    ``trusted`` is false when the key came from the export itself: then only its agreement with itself is shown.
    ``earlier_checked`` counts the checkpoints in ``checkpoints/`` that agree with the entries.
    """

    entries: int
    checkpoint: Checkpoint | None
    problems: tuple[str, ...]
    trusted: bool
    key: str = ""
    witnesses: tuple[tuple[str, int], ...] = ()
    earlier_checked: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.problems


@dataclass(slots=True)
class _Findings:
    problems: list[str] = field(default_factory=list)
    roots: dict[int, bytes] = field(default_factory=dict)
    entries: int = 0


def write_export(
    folder: Path, entries: Iterable[str], checkpoint: str, checkpoints: Iterable[str] = (), keys: Iterable[str] = ()
) -> None:
    """Write an export into ``folder``, which must be new or empty. Raises AuditError or OSError.

    ``entries`` are the logged texts in order, ``checkpoint`` the signed note over all of them, ``checkpoints``
    earlier notes, ``keys`` verifier keys.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise AuditError(f"The folder {folder} is not empty; an export is written into a new one.")
    with (folder / "entries.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        for entry in entries:
            if "\n" in entry:
                raise AuditError("An audit entry has a line break in it; it cannot be exported.")
            file.write(entry + "\n")
    earlier = folder / "checkpoints"
    earlier.mkdir()
    for note in checkpoints:
        size = parse_checkpoint(note.partition("\n\n")[0] + "\n").size
        (earlier / f"{size:012d}").write_text(note, encoding="utf-8", newline="\n")
    (folder / "keys.txt").write_text("".join(f"{key}\n" for key in keys), encoding="utf-8", newline="\n")
    (folder / "checkpoint").write_text(checkpoint, encoding="utf-8", newline="\n")


def verify_export(path: Path, vkey: str | None, earlier: str | None = None, witnesses: Sequence[str] = ()) -> Report:
    """Verify an export against the log's key and, if given, an earlier checkpoint.

    ``vkey`` None takes the key from the export, which shows only that it agrees with itself. ``earlier`` is a
    signed checkpoint, or its three lines as printed on paper. A flipped byte, a dropped, reordered or inserted
    entry is a problem in the report; with ``earlier`` so are a fork and a rollback. Raises AuditError when the
    export or a key cannot be read.
    """
    log, known = _keys(path, vkey, witnesses)
    found = _Findings()
    checkpoint, cosigned = _final(path, log, known, found)
    kept = _read_earlier(earlier, log) if earlier is not None else None
    others = list(_others(path, log, known, found))
    wanted = {one.size for one in (checkpoint, kept, *others) if one is not None}
    _read_entries(path / "entries.jsonl", wanted, found)
    agreeing = [one for one in others if found.roots.get(one.size) == one.root]
    if kept is not None:
        _compare_kept(kept, checkpoint, log, found)
    if checkpoint is not None:
        _compare_final(checkpoint, [*agreeing, *([kept] if kept else [])], found)
        disagreeing = [one for one in others if one not in agreeing and one.size <= checkpoint.size]
        found.problems.extend(
            f"The checkpoint of {one.size} entries in checkpoints/ does not fit the entries." for one in disagreeing
        )
        found.problems.extend(
            f"The export holds a checkpoint of {one.size} entries but ends at {checkpoint.size}: it was rolled back."
            for one in others
            if one.size > checkpoint.size
        )
    return Report(
        entries=found.entries,
        checkpoint=checkpoint,
        problems=tuple(dict.fromkeys(found.problems)),
        trusted=vkey is not None,
        key=log.vkey,
        witnesses=cosigned,
        earlier_checked=len(agreeing),
    )


def _keys(path: Path, vkey: str | None, witnesses: Sequence[str]) -> tuple[Verifier, list[Verifier]]:
    """Return the log's key and the witnesses' keys."""
    texts = [vkey, *witnesses] if vkey is not None else [*_lines(path / "keys.txt"), *witnesses]
    try:
        keys = [Verifier.parse(text) for text in texts]
    except NoteError as error:
        raise AuditError(str(error)) from error
    logs = [key for key in keys if key.kind != COSIGNATURE]
    if len(logs) != 1:
        raise AuditError(f"Verifying needs the key of one log; {len(logs)} were given.")
    return logs[0], [key for key in keys if key.kind == COSIGNATURE]


def _lines(path: Path) -> list[str]:
    lines = (line.strip() for line in _text(path, MAX_KEYS_FILE).splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _text(path: Path, limit: int) -> str:
    try:
        return read_bounded(path, limit).decode("utf-8")
    except OSError as error:
        raise AuditError(f"The file {path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise AuditError(f"The file {path} is not UTF-8 text.") from error


def _final(
    path: Path, log: Verifier, known: list[Verifier], found: _Findings
) -> tuple[Checkpoint | None, tuple[tuple[str, int], ...]]:
    """Check the export's own checkpoint."""
    try:
        checkpoint, note = verify_note(_text(path / "checkpoint", MAX_NOTE), log, known)
    except NoteError as error:
        found.problems.append(f"The export's checkpoint is refused: {error}")
        return None, ()
    return checkpoint, note.witnesses


def _others(path: Path, log: Verifier, known: list[Verifier], found: _Findings) -> Iterator[Checkpoint]:
    """Yield the earlier checkpoints in the export whose signatures hold."""
    folder = path / "checkpoints"
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            yield verify_note(_text(file, MAX_NOTE), log, known)[0]
        except (NoteError, AuditError) as error:
            found.problems.append(f"The checkpoint checkpoints/{file.name} is refused: {error}")


def _read_earlier(text: str, log: Verifier) -> Checkpoint:
    """Read the checkpoint that was kept: signed, or the bare three lines, which its keeper vouches for."""
    try:
        if "\n\n" in text.strip("\n"):
            return verify_note(text, log)[0]
        return parse_checkpoint(text.strip() + "\n")
    except NoteError as error:
        raise AuditError(f"The earlier checkpoint is refused: {error}") from error


def _read_entries(path: Path, wanted: set[int], found: _Findings) -> None:
    """Hash the entries in order, noting the root at each number of entries in ``wanted``."""
    tree = Tree()
    found.roots[0] = tree.root()
    expected: int | None = None
    try:
        with path.open("rb") as file:
            while line := file.readline(MAX_ENTRY + 2):
                if len(line) > MAX_ENTRY + 1 or not line.endswith(b"\n"):
                    found.problems.append(f"Entry {tree.size} is cut off or larger than {MAX_ENTRY:,} bytes.")
                    break
                number = _number(line)
                out_of_place = number is None or (expected is not None and number != expected)
                if out_of_place and len(found.problems) < MOST_NAMED:
                    is_now = "cannot be read" if number is None else f"has number {number}"
                    found.problems.append(
                        f"Where entry {tree.size if expected is None else expected} should stand, an entry {is_now}."
                    )
                expected = None if number is None else number + 1
                tree.append(leaf_hash(line[:-1]))
                if tree.size in wanted:
                    found.roots[tree.size] = tree.root()
    except OSError as error:
        raise AuditError(f"The file {path} cannot be read: {error.strerror or error}.") from error
    found.entries = tree.size


def _number(line: bytes) -> int | None:
    """Return an entry's own number."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    number = entry.get("seq") if isinstance(entry, dict) else None
    return number if type(number) is int else None


def _compare_kept(kept: Checkpoint, checkpoint: Checkpoint | None, log: Verifier, found: _Findings) -> None:
    """Hold the entries against the checkpoint that was kept elsewhere."""
    if kept.origin != log.name:
        found.problems.append(f"The earlier checkpoint is of the log {kept.origin}, not of {log.name}.")
    elif kept.size > found.entries or (checkpoint is not None and kept.size > checkpoint.size):
        ends = found.entries if checkpoint is None else min(found.entries, checkpoint.size)
        found.problems.append(f"The log was rolled back: it had {kept.size} entries before and has {ends} now.")
    elif found.roots.get(kept.size) != kept.root:
        found.problems.append(
            f"The log was forked: its first {kept.size} entries are not those that the earlier checkpoint states."
        )


def _compare_final(checkpoint: Checkpoint, good: Sequence[Checkpoint], found: _Findings) -> None:
    """Hold the entries against the export's own checkpoint."""
    if found.entries < checkpoint.size:
        found.problems.append(
            f"{_count(checkpoint.size - found.entries)} of the {checkpoint.size} signed cannot be found."
        )
        return
    if found.entries > checkpoint.size:
        found.problems.append(f"{_count(found.entries - checkpoint.size)} at the end, not covered by the checkpoint.")
    if found.roots.get(checkpoint.size) == checkpoint.root:
        return
    sound = max((one.size for one in good if found.roots.get(one.size) == one.root), default=0)
    where = (
        f"the first {sound} are sound, so it happened after them" if sound else "no earlier checkpoint narrows it down"
    )
    found.problems.append(f"The {checkpoint.size} entries are not those that were signed ({where}).")


def _count(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"
