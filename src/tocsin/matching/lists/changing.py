"""Building a list and changing it: each import becomes one new part, and small parts are merged as they gather."""

import json
import shutil
import sys
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
from tocsin.matching.lists.collecting import MOST_LABELS, REPLACED, Collector
from tocsin.matching.lists.entry import BadRow, Entry, ListError, Rejected, Status
from tocsin.matching.lists.folder import State, Terms
from tocsin.matching.lists.hash_list import HashList
from tocsin.matching.lists.resolving import GONE, Resolved, prevails, resolve
from tocsin.matching.lists.sealed import ENDING, Key, write_file
from tocsin.matching.lists.view import View

MOST_KEPT_REJECTED = 100_000
"""Rows left out that are kept in ``rejected.jsonl``; further ones are only counted."""

MOST_REJECTED_FILES = 20
"""Imports whose left-out rows are kept: a feed that is read each hour and has a bad row each time leaves no more."""

_SAMPLED = 200
_GROWTH = 4
"""A part is merged into the one before it when that one is less than this many times as long."""

Rows = Iterable[Entry | Rejected]
Forgets = Callable[[Entry], bool]


@dataclass(slots=True)
class Report:
    """What an import did. ``rejected`` rows were left out; ``partly`` lost something that could not be read.

    ``merged`` joined another row of the import; ``held_back`` are older than what the list says already (a withdrawn
    entry stays withdrawn); ``unlike`` counts, among the first 200 that were ``replaced``, those that share no hash with
    what took their place. ``broken`` says which sources could not be read to their end: the list is incomplete.
    """

    rows: int = 0
    active: int = 0
    tombstones: int = 0
    merged: int = 0
    held_back: int = 0
    replaced: int = 0
    unlike: int = 0
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
        with folders.making(folder) as making:
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
    report.seconds = time.monotonic() - began
    return report


def add(
    folder: Path,
    sources: Sequence[tuple[str, Rows]],
    key: Key | None = None,
    progress: Progress = lambda _: None,
    stage: Stage = lambda _: None,
    ordered: bool = False,
    opened: HashList | None = None,
    forgets: Forgets = lambda _: False,
) -> Report:
    """Add sources to a list: durable on return, and seen by whoever has it open within a second. Raises ListError.

    ``ordered``: the rows come from the list's one source in the order they happened (see :func:`resolving.prevails`).
    ``opened`` is the list where the caller has it open already, which spares opening it: to be taken for a list that is
    changed often. ``forgets`` tells which tombstones are no longer needed, since nothing can bring their entries back:
    they go when their part is merged.
    """
    began = time.monotonic()
    with folders.changing(folder):
        by_hand = opened is None and not ordered  # only then is it worth to look at what replaced what
        opened = _opened(folder, key, opened)
        state, report = _imported(
            folder, opened.view.state, sources, opened, progress, stage, ordered, forgets, by_hand
        )
        if report.active or report.tombstones:
            _settle(folder, state)
        elif report.rejected or report.broken:
            raise ListError(_nothing(sources, report))
    report.seconds = time.monotonic() - began
    return report


def remove(folder: Path, wanted: Sequence[str], key: Key | None = None) -> int:
    """Withdraw every entry with one of these ids or hashes (hex) from a list; return how many. Raises ListError."""
    with folders.changing(folder):
        opened = _opened(folder, key)
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
        _settle(folder, state)
        return len(keys)


def _opened(folder: Path, key: Key | None, opened: HashList | None = None) -> HashList:
    """Open a list to change it: what an earlier change left behind, cut short, is cleared away first."""
    if opened is None:
        opened = HashList.open(folder, key)
    else:
        opened.refresh(folders.read_state(folder))
        if opened.problem:
            raise ListError(opened.problem)
    folders.sweep(folder, opened.view.state)
    return opened


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
    forgets: Forgets = lambda _: False,
    by_hand: bool = False,
) -> tuple[State, Report]:
    """Write what the sources hold as one more part, which takes in the small ones before it; return the state with it
    and what was done.
    """
    report = Report()
    name = f"part-{state.next_part:06d}"
    scratch = folder / f".{name}.gathering"
    shutil.rmtree(scratch, ignore_errors=True)
    collected = Collector(None if state.recipients else scratch)
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
        if opened and report.replaced and by_hand:
            report.unlike = _unlike(collected, table, resolved, opened.view, hides)
        del table
        report.active = int((resolved.status == Status.ACTIVE).sum())
        report.tombstones = int((resolved.status <= Status.DELETED).sum()) - report.active
        if not report.active and not report.tombstones:
            return state, report
        joined = _joined(opened.view, collected) if opened else 0
        if opened and joined:
            stage("merging parts")
            resolved, hides = _merged(opened.view, joined, collected, resolved, hides, forgets)
        record = write_part(folder, name, collected, resolved, hides, state.recipients, stage)
    finally:
        collected.close()
        shutil.rmtree(scratch, ignore_errors=True)
    kept = state.parts[: len(state.parts) - joined]
    return replace(state, version=state.version + 1, parts=(*kept, record), next_part=state.next_part + 1), report


def _take(collected: Collector, row: Entry, source: str, report: Report, left_out: list[str]) -> None:
    try:
        collected.add(row)
    except BadRow as reason:
        _note(Rejected(row.number, str(reason), row.id), source, report, left_out)
        return
    if row.problem:
        report.partly += 1
        partly = Rejected(row.number, f"{row.problem}; the rest of the row was taken", row.id)
        _note(partly, source, None, left_out)
        if len(report.first) < 20:
            report.first.append(partly)


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
        for older in sorted(folder.glob("rejected-*.jsonl*"))[:-MOST_REJECTED_FILES]:
            older.unlink(missing_ok=True)


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
        hidden = []
        for query, row in part.keys.find_many(keys):
            mine = int(new[query])
            if not view.stands(number, row):
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


def _unlike(
    collected: Collector,
    table: npt.NDArray[Any],
    resolved: Resolved,
    view: View,
    hides: Mapping[str, npt.NDArray[np.uint32]],
) -> int:
    """Return how many of the first entries that fall to new ones of the same id share no hash with them: an id that is
    the number of a row stands for another picture in every file."""
    old: dict[bytes, set[tuple[str, bytes]]] = {}
    for part in view.parts:
        rows = hides.get(part.name, np.array([], np.uint32))[: _SAMPLED - len(old)]
        if not len(rows):
            continue
        chosen = np.zeros(part.record.rows, np.bool_)
        chosen[rows] = True
        old |= {one.key: set(one.hashes) for one in part.entries(chosen) if one.status == Status.ACTIVE and one.hashes}
    asked = np.array([int.from_bytes(key[:8], sys.byteorder) for key in old], np.uint64)
    found = np.flatnonzero(np.isin(table["key"][:, 0], asked) & (resolved.status == Status.ACTIVE))
    keys = {int(row): table["key"][row].tobytes() for row in found}
    new: dict[bytes, set[tuple[str, bytes]]] = {}
    for kind in collected.kinds():
        held = collected.hashes(kind)
        stands = resolved.goes_to[held["row"]]
        for at in np.flatnonzero(np.isin(stands, found)).tolist():
            new.setdefault(keys[int(stands[at])], set()).add((kind, held["hash"][at].tobytes()))
    return sum(key in new and not hashes & new[key] for key, hashes in old.items())


def _joined(view: View, collected: Collector) -> int:
    """Return how many of the newest parts a new one takes in: those not much longer than what comes after them. So a
    list has few parts, ever."""
    count, behind, labels = 0, collected.rows, len(collected.labels())
    for part in reversed(view.parts):
        labels += len(part.labels)
        if part.record.rows >= _GROWTH * behind or labels > MOST_LABELS:
            break
        behind += part.record.rows
        count += 1
    return count


def _merged(
    view: View,
    joined: int,
    collected: Collector,
    resolved: Resolved,
    hides: Mapping[str, npt.NDArray[np.uint32]],
    forgets: Forgets,
) -> tuple[Resolved, Mapping[str, npt.NDArray[np.uint32]]]:
    """Gather what stands in the newest parts behind the new rows, which none of it shares a key with: the new rows
    that lost to it are dropped already, and what lost to them is left out here."""
    chosen = range(len(view.parts) - joined, len(view.parts))
    inside = {view.parts[number].name for number in chosen}
    united = {name: [rows] for name, rows in hides.items() if name not in inside}
    first = collected.rows
    status = bytearray()
    for number in chosen:
        part = view.parts[number]
        stands = view.standing(number)
        if part.name in hides:
            stands[hides[part.name]] = False
        for entry in part.entries(stands):
            if entry.status != Status.ACTIVE and forgets(entry):
                continue
            collected.add(entry)
            status.append(entry.status)
        for column, rows in part.columns.items():
            if column.startswith("hides.") and column[6:] not in inside:
                united.setdefault(column[6:], []).append(rows)
    goes_to = np.arange(first, first + len(status), dtype=np.uint32)
    old = np.frombuffer(status, np.uint8)
    goes_to[old != Status.ACTIVE] = GONE
    statuses, places = np.concatenate([resolved.status, old]), np.concatenate([resolved.goes_to, goes_to])
    outside = {name: np.unique(np.concatenate(rows)) for name, rows in united.items()}
    return Resolved(statuses, places, resolved.merged), outside


def _nothing(sources: Sequence[tuple[str, Rows]], report: Report) -> str:
    names = ", ".join(name for name, _ in sources)
    if not report.rejected:
        return f"There is no entry in {names}."
    first = report.first[0]
    return f"No row of {names} can be used ({report.rejected:,} left out); row {first.number}: {first.reason}."
