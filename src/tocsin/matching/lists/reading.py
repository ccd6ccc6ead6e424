"""Opening a source, whatever its format: told by its content, never by its name."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tocsin.matching.lists.entry import Entry, ListError, Rejected
from tocsin.matching.lists.lines import encoding_of
from tocsin.matching.lists.read_csv import read_csv
from tocsin.matching.lists.read_jsonl import read_jsonl, read_vpdq_json
from tocsin.matching.lists.read_ncmec import read_ncmec
from tocsin.matching.lists.read_text import SUM_LINE, VPDQ_LINE, read_text, read_vpdq
from tocsin.matching.lists.read_vics import read_vics
from tocsin.media import formats

HEAD = 65_536
_BINARY = (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"%PDF", b"SQLite format 3")
_ROWS_TRIED = 20
FORMATS = ("csv", "text", "vics", "ncmec", "jsonl", "vpdq", "vpdq-json")


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read sources: column mapping for CSV, what bare hashes of 64 digits are (``pdq``, ``sha256`` or told)."""

    columns: Mapping[str, str] | None = None
    sixty_four: str = ""
    format: str = ""


def format_of(head: bytes) -> str:
    """Return the format of a file that begins with ``head``: one of :data:`FORMATS`, or ``""`` when it is none."""
    if head.startswith(_BINARY):
        return ""
    encoding, mark = encoding_of(head)
    text = head[mark:].decode(encoding, "replace").lstrip()
    if text.startswith("<"):
        return "ncmec" if "queryresult" in text[:4096].lower() else ""
    first, _, second = text.partition("\n")
    if text.startswith("{"):
        return "jsonl" if _is_entry(first) and (not second.strip() or second.lstrip().startswith("{")) else "vics"
    if text.startswith("["):
        return "vpdq-json" if text[1:].lstrip().startswith('"') else "vics"
    if "\x00" in text[:4096]:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(("#", "//"))][:5]
    if lines and sum(VPDQ_LINE.fullmatch(line) is not None for line in lines) * 2 > len(lines):
        return "vpdq"
    if sum(SUM_LINE.fullmatch(line) is not None for line in lines) * 2 > len(lines):
        return "text"
    parted = sum(any(mark in line for mark in ",;\t|") for line in lines)
    return "csv" if lines and (any(mark in lines[0] for mark in ",;\t|") or parted * 2 > len(lines)) else "text"


def holds_hashes(path: Path) -> bool:
    """Tell whether a file lies there that is a list itself: among its first rows are more entries than others.

    Any other file, text too, is False: in a folder of media such a file is an entry of its own.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
        if formats.kind_of(head) or not format_of(head):
            return False
        taken = [isinstance(row, Entry) for row in itertools.islice(read(path), _ROWS_TRIED)]
    except (OSError, ListError):
        return False
    return sum(taken) * 2 > len(taken)


def read(path: Path, how: Reading | None = None, at: Callable[[int], None] | None = None) -> Iterator[Entry | Rejected]:
    """Yield what a source holds. ``at`` is told the bytes read so far, now and then. Raises ListError."""
    how = how or Reading()
    try:
        with path.open("rb") as file:
            kind = how.format or format_of(file.read(HEAD))
            rows = _reader(kind, file, path, how)
            for number, row in enumerate(rows):
                if at and number % 4096 == 0 and not file.closed:
                    at(file.tell())
                yield row
            if at:
                at(path.stat().st_size)
    except OSError as error:
        raise ListError(f"{path} cannot be read: {error.strerror or error}.") from error


def _reader(kind: str, file: BinaryIO, path: Path, how: Reading) -> Iterator[Entry | Rejected]:
    if kind == "csv":
        return read_csv(file, path.name, how.columns, how.sixty_four)
    if kind == "text":
        return read_text(file, how.sixty_four)
    if kind == "vpdq":
        return read_vpdq(file, path.name)
    simple = {"vics": read_vics, "ncmec": read_ncmec, "jsonl": read_jsonl}
    if kind in simple:
        return simple[kind](file)
    if kind == "vpdq-json":
        return read_vpdq_json(file, path.name)
    raise ListError(f"{path} is no list known here: CSV, plain text, VICS JSON, NCMEC XML or JSON Lines.")


def _is_entry(line: str) -> bool:
    """Tell a line of JSON Lines from a whole VICS file that was written on one line."""
    try:
        held = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(held, dict) and "value" not in {str(name).lower() for name in held}
