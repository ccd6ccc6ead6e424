"""Building a list and changing it: each import becomes one new part, and small parts are merged as they gather."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.matching.lists import folder as folders
from tocsin.matching.lists.building import write_part
from tocsin.matching.lists.collecting import REPLACED, Collector
from tocsin.matching.lists.entry import BadRow, Entry, ListError, Rejected, Status
from tocsin.matching.lists.folder import PartRecord, State, Terms
from tocsin.matching.lists.hash_list import HashList
from tocsin.matching.lists.resolving import GONE, Resolved, prevails, resolve
from tocsin.matching.lists.sealed import ENDING, Key, write_file

MOST_KEPT_REJECTED = 100_000
"""Rows left out that are kept in ``rejected.jsonl``; further ones are only counted."""

_GROWTH = 4
"""A part is merged into the one before it when that one is less than this many times as long."""

Rows = Iterable[Entry | Rejected]


@dataclass(slots=True)
class Report:
    """What an import did. ``rejected`` rows were left out; ``partly`` lost a hash that could not be read.

    ``merged`` joined another row of the import; ``held_back`` are older than what the list says already (a withdrawn
    entry stays withdrawn). ``broken`` says which sources could not be read to their end: the list is incomplete.
    """

    rows: int = 0
    active: int = 0
    tombstones: int = 0
    merged: int = 0
    held_back: int = 0
    replaced: int = 0
    rejected: int = 0
    partly: int = 0
    first: list[Rejected] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0


Progress = Callable[[int], None]
Stage = Callable[[str], None]


def build(
    folder: Path,
    terms: Terms,
    sources: Sequence[tuple[str, Rows]],
    key: Key | None = None,
    progress: Progress = lambda _: None,
    stage: Stage = lambda _: None,
) -> Report:
    """Build a new list in ``folder`` from (name, rows) of each source. It appears whole or not at all.

    ``progress`` is told the rows so far, ``stage`` what is done after reading. Raises ListError.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        is_list = (folder / folders.MANIFEST).is_file()
        held = "already holds a list; use `tocsin lists add`" if is_list else "is not empty"
        raise ListError(f"{folder} {held}. Nothing was changed.")
    began = time.monotonic()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=f".{folder.name}.building-", dir=folder.parent))
    except OSError as error:
        raise ListError(f"{folder} cannot be made: {error.strerror or error}.") from error
    try:
        recipients = key.recipients(making) if key else ()
        state = State(version=0, recipients=recipients)
        created = terms.created or datetime.now(UTC).isoformat(timespec="seconds")
        folders.write_terms(making, replace(terms, created=created))
        state, report = _imported(making, state, sources, None, progress, stage)
        if not report.active and not report.tombstones:
            raise ListError(_nothing(sources, report))
        folders.write_state(making, state)
        if folder.is_dir():
            folder.rmdir()
        making.rename(folder)
    except OSError as error:
        raise ListError(f"{folder} cannot be written: {error.strerror or error}.") from error
    finally:
        if making.exists():
            shutil.rmtree(making, ignore_errors=True)
    report.seconds = time.monotonic() - began
    return report


def add(
    folder: Path,
    sources: Sequence[tuple[str, Rows]],
    key: Key | None = None,
    progress: Progress = lambda _: None,
    stage: Stage = lambda _: None,
    ordered: bool = False,
) -> Report:
    """Add sources to a list: durable on return, and seen by whoever has it open within a second. Raises ListError.

    ``ordered``: the rows come from the list's one source in the order they happened (see :func:`resolving.prevails`).
    """
    began = time.monotonic()
    with folders.changing(folder):
        opened, key = _opened(folder, key)
        state, report = _imported(folder, opened.view.state, sources, opened, progress, stage, ordered)
        if report.active or report.tombstones:
            _settle(folder, _tiered(folder, state, key, stage))
        elif report.rejected or report.broken:
            raise ListError(_nothing(sources, report))
    report.seconds = time.monotonic() - began
    return report


def remove(folder: Path, wanted: Sequence[str], key: Key | None = None) -> int:
    """Withdraw every entry with one of these ids or hashes (hex) from a list; return how many. Raises ListError."""
    with folders.changing(folder):
        opened, key = _opened(folder, key)
        view = opened.view
        keys = {}
        for place in {place for text in wanted for place in view.named(text)}:
            part = view.parts[place.part]
            keys[part.key(place.row)] = max(int(part.columns["updated"][place.row]) + 1, int(time.time()))
        if not keys:
            return 0
        rows: list[Entry | Rejected] = [
            Entry(0, key=one, status=Status.WITHDRAWN, updated=when) for one, when in keys.items()
        ]
        state, _ = _imported(folder, view.state, [("removed", rows)], opened)
        _settle(folder, _tiered(folder, state, key))
        return len(keys)


def _opened(folder: Path, key: Key | None) -> tuple[HashList, Key | None]:
    """Open a list to change it: what an earlier change left behind, cut short, is cleared away first."""
    folders.sweep(folder, folders.read_state(folder))
    opened = HashList.open(folder, key)
    return opened, Key(opened.identities) if opened.identities else key


def _settle(folder: Path, state: State) -> None:
    folders.write_state(folder, state)
    folders.sweep(folder, state)


def _imported(
    folder: Path,
    state: State,
    sources: Sequence[tuple[str, Rows]],
    opened: HashList | None,
    progress: Progress = lambda _: None,
    stage: Stage = lambda _: None,
    ordered: bool = False,
) -> tuple[State, Report]:
    """Write what the sources hold as one more part; return the state with it and what was done."""
    report = Report()
    name = f"part-{state.next_part:06d}"
    collected = Collector(None if state.recipients else _scratch(folder, name))
    left_out: list[str] = []
    try:
        for source, rows in sources:
            for number, row in enumerate(_followed(rows, opened) if opened else rows, 1):
                if isinstance(row, Rejected):
                    _note(row, source, report, left_out)
                else:
                    _take(collected, row, source, report, left_out)
                if number % 8192 == 0:
                    progress(collected.rows)
        progress(collected.rows)
        _keep_rejected(folder, name, left_out, state.recipients)
        table = collected.table()
        resolved = resolve(table, ordered)
        report.rows, report.merged = collected.rows, resolved.merged
        hides = _against(table, resolved, opened, report, ordered) if opened else {}
        del table
        if not (resolved.status <= Status.DELETED).any():
            return state, report
        record = write_part(folder, name, collected, resolved, hides, state.recipients, stage)
    finally:
        collected.close()
        shutil.rmtree(folder / f".{name}.gathering", ignore_errors=True)
    report.active, report.tombstones = record.active, record.tombstones
    return _with(state, (*state.parts, record)), report


def _with(state: State, parts: Sequence[PartRecord]) -> State:
    return replace(state, version=state.version + 1, parts=tuple(parts), next_part=state.next_part + 1)


def _scratch(folder: Path, name: str) -> Path:
    path = folder / f".{name}.gathering"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    return path


def _take(collected: Collector, row: Entry, source: str, report: Report, left_out: list[str]) -> None:
    try:
        collected.add(row)
    except BadRow as reason:
        _note(Rejected(row.number, str(reason), row.id), source, report, left_out)
        return
    if row.problem:
        report.partly += 1
        _note(Rejected(row.number, f"{row.problem}; its other hashes were taken", row.id), source, None, left_out)
        if len(report.first) < 20:
            report.first.append(Rejected(row.number, f"{row.problem}; its other hashes were taken", row.id))


def _note(row: Rejected, source: str, report: Report | None, left_out: list[str]) -> None:
    if report is not None:
        report.rejected += 1
        if row.fatal:
            report.broken.append(f"{source}: {row.reason}")
        if len(report.first) < 20:
            report.first.append(row)
    if len(left_out) < MOST_KEPT_REJECTED:
        held = {"source": source, "row": row.number, "reason": row.reason, "raw": row.raw}
        left_out.append(json.dumps(held, ensure_ascii=False))


def _keep_rejected(folder: Path, name: str, left_out: list[str], recipients: tuple[str, ...]) -> None:
    """Keep rows that were left out apart, sealed as the list is."""
    if left_out:
        path = folder / f"rejected-{name[5:]}.jsonl{ENDING if recipients else ''}"
        path.unlink(missing_ok=True)
        write_file(path, ((line + "\n").encode("utf-8", "replace") for line in left_out), recipients)


def _followed(rows: Rows, opened: HashList) -> Iterator[Entry | Rejected]:
    """Let a withdrawal that its source does not name also reach entries that hold its hash under another name."""
    view = opened.view
    for row in rows:
        yield row
        if isinstance(row, Rejected) or row.status == Status.ACTIVE or row.id or not row.hashes:
            continue
        for kind, value in row.hashes:
            hits = [place for _, place in view.find(kind, [value])]
            if kind == "pdq":
                hits = view.near("pdq", np.frombuffer(value, np.uint8).reshape(1, 32), 0).places
            for place in hits:
                part = view.parts[place.part]
                if not part.text(place.row)[0]:
                    yield Entry(row.number, key=part.key(place.row), status=row.status, updated=row.updated)


def _against(
    table: npt.NDArray[Any], resolved: Resolved, opened: HashList, report: Report, ordered: bool
) -> Mapping[str, npt.NDArray[np.uint32]]:
    """Settle new rows against what the list holds: those that lose are dropped, those that win hide the older row."""
    hides: dict[str, npt.NDArray[np.uint32]] = {}
    losers: list[int] = []
    view = opened.view
    new = np.flatnonzero(resolved.status <= Status.DELETED)
    keys = np.ascontiguousarray(table["key"][new]).view(np.uint8).reshape(-1, 16)
    for number, part in enumerate(view.parts):
        standing = view.standing(number)
        hidden = []
        for query, row in part.keys.find_many(keys):
            mine = int(new[query])
            if not standing[row]:
                continue
            now, held = table[mine], (int(part.status[row]), int(part.columns["updated"][row]))
            if prevails(int(resolved.status[mine]), int(now["updated"]), *held, ordered):
                hidden.append(row)
                report.replaced += 1
            else:
                losers.append(mine)
        hides[part.name] = np.array(hidden, np.uint32)
    if losers:
        report.held_back = len(losers)
        resolved.status[losers] = REPLACED
        resolved.goes_to[np.isin(resolved.goes_to, np.array(losers, np.uint32))] = GONE
    return hides


def _tiered(folder: Path, state: State, key: Key | None, stage: Stage = lambda _: None) -> State:
    """Merge the newest parts while they are not much shorter than those before: a list has few parts, ever."""
    count = 1
    rows = [part.rows for part in state.parts]
    while count < len(rows) and rows[-count - 1] < _GROWTH * sum(rows[-count:]):
        count += 1
    if count == 1:
        return state
    stage("merging parts")
    folders.write_state(folder, state)
    view = HashList.open(folder, key).view
    chosen = range(len(state.parts) - count, len(state.parts))
    inside = {view.parts[number].name for number in chosen}
    hides: dict[str, list[npt.NDArray[np.uint32]]] = {}
    for number in chosen:
        for column, hidden in view.parts[number].columns.items():
            if column.startswith("hides.") and column[6:] not in inside:
                hides.setdefault(column[6:], []).append(hidden)
    name = f"part-{state.next_part:06d}"
    collected = Collector(None if state.recipients else _scratch(folder, name))
    try:
        for number in chosen:
            for entry in view.parts[number].entries(view.standing(number)):
                collected.add(entry)
        united = {part: np.unique(np.concatenate(rows)) for part, rows in hides.items()}
        record = write_part(folder, name, collected, resolve(collected.table()), united, state.recipients, stage)
    finally:
        collected.close()
        shutil.rmtree(folder / f".{name}.gathering", ignore_errors=True)
    return _with(state, (*state.parts[:-count], record))


def _nothing(sources: Sequence[tuple[str, Rows]], report: Report) -> str:
    names = ", ".join(name for name, _ in sources)
    if not report.rejected:
        return f"There is no entry in {names}."
    first = report.first[0]
    return f"No row of {names} can be used ({report.rejected:,} left out); row {first.number}: {first.reason}."
