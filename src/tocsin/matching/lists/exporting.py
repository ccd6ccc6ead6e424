"""Writing a list's entries for somebody else: CSV, plain text or JSON Lines, readable by their writer only."""

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from tocsin.matching.lists.entry import LENGTHS, Entry, ListError, Status

FORMATS = ("csv", "text", "jsonl")
_COLUMNS = ("entry", *(kind for kind in LENGTHS if kind != "window"))
_MORE = ("quality", "category", "classification", "scheme", "source", "status", "updated")


def export(path: Path, entries: Iterable[Entry], form: str, progress: Callable[[int], None] = lambda _: None) -> int:
    """Write entries to a new file (mode 0600) and return how many. Raises ListError."""
    lines = {"csv": _csv, "text": _text, "jsonl": _jsonl}[form]
    count = 0

    def counted() -> Iterator[Entry]:
        nonlocal count
        for entry in entries:
            count += 1
            if count % 8192 == 0:
                progress(count)
            yield entry

    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ListError(f"{path} cannot be written: {error.strerror or error}.") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="") as file:
            for line in lines(counted()):
                file.write(line)
    except BaseException as error:
        path.unlink(missing_ok=True)  # half a list looks like a whole one
        if isinstance(error, OSError):
            raise ListError(f"{path} cannot be written: {error.strerror or error}.") from error
        raise
    return count


def _csv(entries: Iterator[Entry]) -> Iterator[str]:
    """One line an entry; of several hashes of one kind further ones follow on lines of the same entry."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow((*_COLUMNS, *_MORE))
    for entry in entries:
        held = {kind: [value.hex() for one, value in entry.hashes if one == kind] for kind in _COLUMNS[1:]}
        more = (
            "" if entry.quality < 0 else entry.quality, entry.category, entry.classification, entry.scheme,
            entry.source, Status(entry.status).name.lower(), _moment(entry.updated),
        )  # fmt: skip
        for at in range(max(1, *map(len, held.values()))):
            hashes = [values[at] if at < len(values) else "" for values in held.values()]
            writer.writerow([_safe(str(cell)) for cell in (name_of(entry), *hashes, *more)])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _safe(cell: str) -> str:
    """Keep a spreadsheet from taking a source's words for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _text(entries: Iterator[Entry]) -> Iterator[str]:
    for entry in entries:
        for kind, value in entry.hashes:
            if kind != "window":
                yield f"{kind} {value.hex()}\n"


def _jsonl(entries: Iterator[Entry]) -> Iterator[str]:
    for entry in entries:
        held: dict[str, object] = {"entry": name_of(entry)}
        for kind in LENGTHS:
            if values := [value.hex() for one, value in entry.hashes if one == kind]:
                held[kind] = values if len(values) > 1 else values[0]
        if entry.frames:
            held["frames"] = [f"{frame.pdq.hex()},{frame.quality},{frame.at:.3f}" for frame in entry.frames]
        if entry.quality >= 0:
            held["quality"] = entry.quality
        for name in ("category", "classification", "scheme", "source", "extra"):
            if value := getattr(entry, name):
                held[name] = value
        if entry.status:
            held["status"] = Status(entry.status).name.lower()
        if entry.updated:
            held["updated"] = _moment(entry.updated)
        yield json.dumps(held, ensure_ascii=False) + "\n"


def name_of(entry: Entry) -> str:
    """Return what matches call an entry: its source's id, else a name made from its key."""
    return entry.id or entry.key[:8].hex()


def _moment(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds else ""
    except (OverflowError, OSError, ValueError):
        return ""
