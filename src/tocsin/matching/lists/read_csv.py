"""CSV of any common dialect: columns are recognised by their names, or by what they hold.

Knows the ICSE export (``;``) and the LED form of hash sets; other files by the usual names of columns, or by the
mapping the person gives (``--column pdq=Hash``; ``--column extra=ID`` gives a column no meaning). Every column that is
not understood is kept as ``extra``; one of those that seems to hold hashes is told. Lines above the titles are no rows.
"""

import collections
import csv
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from tocsin.matching.lists.entry import (
    LENGTHS,
    BadRow,
    Entry,
    ListError,
    Rejected,
    Status,
    keep_date,
    keep_hash,
    keep_quality,
    kind_by_length,
    read_flag,
    read_hash,
    read_status,
    shortened,
    told_by_bits,
)
from tocsin.matching.lists.lines import lines_of

_MOST_JOINED = 20
_NAMES: dict[str, tuple[str, ...]] = {
    "md5": ("md5", "md5hash", "hashmd5", "md5digest"),
    "sha1": ("sha1", "sha1hash", "hashsha1", "sha1digest"),
    "sha256": ("sha256", "sha256hash", "hashsha256", "sha256digest"),
    "pdq": ("pdq", "pdqhash", "hashpdq", "pdqhex"),
    "photodna": ("photodna", "photodnahash", "pdna", "pdnahash"),
    "hash": ("hash", "hashvalue", "hashdigest", "value", "indicator", "digest", "signal"),
    "kind": ("type", "hashtype", "signaltype", "algorithm", "hashname", "kind"),
    "quality": ("quality", "pdqquality"),
    "id": ("id", "entryid", "entry", "imageid", "mediaid", "hashid", "recordid", "uuid", "guid"),
    "category": ("category", "cat", "categorycode", "ledcategory"),
    "classification": ("classification", "class", "industryclassification"),
    "status": ("status", "hashstatus", "state"),
    "deleted": ("deleted", "shoulddelete", "isdeleted", "withdrawn"),
    "updated": (
        "updated", "updatedon", "updatedat", "dateupdated", "lastmodified", "lastupdated", "lastmodtimestamp",
        "modified", "timestamp", "date",
    ),
    "source": ("source", "provider", "origin"),
    "scheme": ("scheme", "categoryscheme", "context"),
}  # fmt: skip
_EXTRA = "extra"
FIELDS = (*_NAMES, _EXTRA)
"""What a column may be mapped to."""
JOINED = "\0"
"""Between the titles of several columns that are mapped to one field."""

_KINDS = {
    "md5": "md5", "hashmd5": "md5", "md5hash": "md5", "videomd5": "md5", "hashvideomd5": "md5", "sha1": "sha1",
    "hashsha1": "sha1", "sha1hash": "sha1", "sha256": "sha256", "hashsha256": "sha256", "sha256hash": "sha256",
    "pdq": "pdq", "hashpdq": "pdq", "pdqhash": "pdq", "imagepdq": "pdq", "photodna": "photodna", "pdna": "photodna",
}  # fmt: skip
_QUOTED_DELIMITERS = ",;\t|"
_SAMPLE = 50
_LOOK_FOR_MARK = 20
_SEPARATOR = re.compile(r"\W*sep=(.)\W*", re.IGNORECASE)
"""What a spreadsheet writes above the titles to say how cells are parted."""


@dataclass(slots=True)
class _Columns:
    """Which column (by number) is what."""

    hashes: list[tuple[str, int]] = field(default_factory=list)
    single: dict[str, int] = field(default_factory=dict)
    extra: list[tuple[str, int]] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    count: int = 0


def read_csv(
    file: BinaryIO, name: str = "", mapping: Mapping[str, str] | None = None, sixty_four: str = ""
) -> Iterator[Entry | Rejected]:
    """Yield the entries of a CSV file; bad rows come as Rejected. Raises ListError when no column holds hashes.

    ``mapping`` is field → column title (or number, without a header; several joined by :data:`JOINED`).
    ``sixty_four`` says what a hash of 64 digits in a column without a telling name is, ``pdq`` or ``sha256``; left
    empty, its bits tell.
    """
    rows = _rows(lines_of(file))
    first: list[tuple[int, list[str]] | Rejected] = []
    for row in rows:
        first.append(row)
        if len(first) >= _SAMPLE:
            break
    sample = [row for row in first if not isinstance(row, Rejected)]
    if not sample:
        yield from (row for row in first if isinstance(row, Rejected))
        return
    sixty_four = sixty_four or told_by_bits(cell for _, cells in sample for cell in cells)
    titles = _titles([cells for _, cells in sample], mapping or {})
    columns, header = _recognise([cells for _, cells in sample[titles:]], mapping or {}, sixty_four, Path(name).name)
    to_entry = _maker(columns, sixty_four)
    number_of_header = sample[titles][0] if header else -1
    yield from (Rejected(number_of_header, told, "") for told in columns.unused)
    for row in itertools.chain(first, rows):
        if isinstance(row, Rejected):
            yield row
        elif row[0] > number_of_header:
            yield to_entry(row[0], row[1])


def _maker(columns: _Columns, sixty_four: str) -> Callable[[int, list[str]], Entry | Rejected]:
    """Return a function that makes an entry of a row's cells; the plain case, hashes only, is kept short."""
    hashes = [(kind, LENGTHS[kind] * 2, at) for kind, at in columns.hashes]
    plain, count = not columns.single and not columns.extra, columns.count

    def make(number: int, cells: list[str]) -> Entry | Rejected:
        try:
            if len(cells) < count:
                cells = cells + [""] * (count - len(cells))
            found = []
            for kind, digits, at in hashes:
                cell = cells[at]
                if len(cell) == digits:
                    found.append((kind, bytes.fromhex(cell)))
                elif cell:
                    raise ValueError
            entry = Entry(number, found)
        except ValueError:
            entry = Entry(number)
            for kind, _, at in hashes:
                if cells[at].strip():
                    keep_hash(entry, kind, cells[at])
        try:
            if not plain:
                _fill(entry, cells, columns, sixty_four)
            if not entry.hashes and (entry.status == Status.ACTIVE or not entry.id):
                raise BadRow(entry.problem or "no hash in this row")
            return entry
        except BadRow as reason:
            return Rejected(number, str(reason), shortened(";".join(cells)))

    return make


def _fill(entry: Entry, cells: list[str], columns: _Columns, sixty_four: str) -> None:
    """Read all that is not a column of one kind of hash."""
    single = columns.single
    if "hash" in single:
        text = cells[single["hash"]].strip()
        word = cells[single["kind"]] if "kind" in single else ""
        if text:
            keep_hash(entry, kind_of_word(word) if word.strip() else kind_by_length(text, sixty_four), text)
    for name in ("id", "category", "classification", "source", "scheme"):
        if name in single:
            setattr(entry, name, cells[single[name]].strip()[:500])
    if "status" in single:
        entry.status = read_status(cells[single["status"]])
    if "deleted" in single and entry.status == Status.ACTIVE and read_flag(cells[single["deleted"]]):
        entry.status = Status.DELETED
    if "quality" in single:
        keep_quality(entry, cells[single["quality"]])
    if "updated" in single:
        keep_date(entry, cells[single["updated"]])
    if columns.extra:
        entry.extra = {name: cells[at] for name, at in columns.extra if cells[at]} or None


def kind_of_word(word: str) -> str:
    """Return the kind of hash that an exchange's word stands for (``HASH_PDQ``, ``ImagePDQ``). Raises BadRow."""
    kind = _KINDS.get(_plain(word.rpartition(".")[2]))
    if kind is None:
        raise BadRow(f"unknown kind of hash {word.strip()[:40]!r}")
    return kind


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _looks_like(text: str, sixty_four: str = "sha256") -> str | None:
    text = text.strip()
    try:
        kind = kind_by_length(text, sixty_four)
        read_hash(kind, text)
    except BadRow:
        return None
    return kind


def _titles(sample: list[list[str]], mapping: Mapping[str, str]) -> int:
    """Return which row holds the columns' titles: the first, or one below lines of another kind (who exported it).

    Below lines without hashes only, and only where a title is of a hash, or is mapped: else the first row is told by
    what it holds.
    """
    wanted = {title.strip().lower() for titles in mapping.values() for title in titles.split(JOINED)}
    for number, cells in enumerate(sample):
        if any(_looks_like(cell) for cell in cells):
            break
        names = [_by_name(cell, False) for cell in cells]
        if any(name in LENGTHS or name == "hash" for name in names) or (
            wanted and wanted <= {cell.strip().lower() for cell in cells}
        ):
            return number
    return 0


def _recognise(
    sample: list[list[str]], mapping: Mapping[str, str], sixty_four: str, name: str
) -> tuple[_Columns, bool]:
    """Tell what each column is, and whether the first row is a header."""
    seen = [_seen(sample, at, sixty_four) for at in range(max(map(len, sample)))]
    known = sum(_by_name(cell, False) is not None for cell in sample[0])
    header = not any(_looks_like(cell) for cell in sample[0]) and (
        known > 0 or bool(mapping) or not _hashlike(sample[0], seen)
    )
    names = [cell.strip() for cell in sample[0]] if header else []
    names += [str(n + 1) for n in range(len(names), len(seen))]
    columns = _Columns(count=len(names))
    wanted = _mapped(mapping, names, name)
    led = {"md5512", "ledcategory"} <= {_plain(cell) for cell in names}
    what = {at: wanted.get(at) or (_by_name(title, led) if header else None) for at, title in enumerate(names)}
    if not any(one in LENGTHS or one == "hash" for one in what.values()):
        what |= {at: kind for at, kind in enumerate(seen) if kind and what[at] != _EXTRA}
    for at, title in enumerate(names):
        one = what[at]
        if one in LENGTHS:
            columns.hashes.append((str(one), at))
        elif one not in (None, _EXTRA) and one not in columns.single:
            columns.single[str(one)] = at
        else:
            columns.extra.append((title or str(at + 1), at))
            if one is None and seen[at] and not led:
                columns.unused.append(
                    f"the column {shortened(title or at + 1, 40)!r} seems to hold {seen[at]} and is not compared; "
                    f"take it with --column {seen[at]}=NAME, or say --column extra=NAME"
                )
    if not columns.hashes and "hash" not in columns.single:
        raise ListError(
            f"{name or 'This file'} has no column that holds hashes (its columns: "
            f"{shortened(', '.join(names), 200)}); name one with --column pdq=COLUMN."
        )
    return columns, header


def _seen(sample: list[list[str]], at: int, sixty_four: str) -> str | None:
    """Return the kind of hash that most cells of a column are."""
    kinds = [_looks_like(row[at], sixty_four) for row in sample if at < len(row) and row[at].strip()]
    found = collections.Counter(kind for kind in kinds if kind)
    return found.most_common(1)[0][0] if found and found.total() * 2 >= len(kinds) - 1 else None


def _hashlike(cells: list[str], seen: list[str | None]) -> bool:
    """Tell a spoilt hash in a first row from a header: it is long and of one word, where hashes follow."""
    return any(kind and len(cell) >= 24 and " " not in cell for cell, kind in zip(cells, seen, strict=False))


def _mapped(mapping: Mapping[str, str], names: list[str], file: str) -> dict[int, str]:
    """Return column number → field for what the person mapped. Raises ListError for what is not there."""
    found: dict[int, str] = {}
    given = [(what, title) for what, titles in mapping.items() for title in titles.split(JOINED)]
    for what, title in given:
        if what not in FIELDS:
            raise ListError(f"There is no field called {what!r}; choose from: {', '.join(FIELDS)}.")
        at = next((n for n, cell in enumerate(names) if cell.lower() == title.strip().lower()), None)
        if at is None:
            held = shortened(", ".join(names), 200)
            raise ListError(f"{file or 'This file'} has no column {title!r}; it has: {held}.")
        found[at] = what
    return found


def _by_name(title: str, led: bool) -> str | None:
    plain = _plain(title)
    if led and plain == "status":
        return None
    return next((what for what, names in _NAMES.items() if plain in names), None)


def _rows(lines: Iterator[tuple[int, str] | Rejected]) -> Iterator[tuple[int, list[str]] | Rejected]:
    """Yield (line number, cells). A quoted cell may span a few lines; an unclosed quote costs its own line only."""
    first = list(itertools.islice(lines, _LOOK_FOR_MARK))
    delimiter = _delimiter([line[1] for line in first if not isinstance(line, Rejected)])
    waiting: list[tuple[int, str]] = []
    for line in itertools.chain(first, lines):
        if isinstance(line, Rejected):
            yield line
            continue
        if line[0] == 1 and _SEPARATOR.fullmatch(line[1]):
            continue
        if not waiting and '"' not in line[1]:
            yield line[0], line[1].split(delimiter)
            continue
        waiting.append(line)
        if sum(text.count('"') for _, text in waiting) % 2 == 0:
            yield _parsed(waiting, delimiter)
            waiting = []
        elif len(waiting) > _MOST_JOINED:
            yield from _unclosed(waiting, delimiter)
            waiting = []
    yield from _unclosed(waiting, delimiter)


def _unclosed(waiting: list[tuple[int, str]], delimiter: str) -> Iterator[tuple[int, list[str]] | Rejected]:
    for at, (number, text) in enumerate(waiting):
        if text.count('"') % 2:
            yield Rejected(number, "a quotation mark that is not closed", shortened(text))
        else:
            yield _parsed(waiting[at : at + 1], delimiter)


def _parsed(waiting: list[tuple[int, str]], delimiter: str) -> tuple[int, list[str]] | Rejected:
    text = "\n".join(text for _, text in waiting)
    try:
        return waiting[0][0], next(csv.reader(text.splitlines(True), delimiter=delimiter))
    except (csv.Error, StopIteration):
        return Rejected(waiting[0][0], "a row that is not CSV", shortened(text))


def _delimiter(lines: list[str]) -> str:
    """Return the mark that parts cells: the one that a spreadsheet named, or that sets most hashes and titles free."""
    if lines and (named := _SEPARATOR.fullmatch(lines[0])):
        return named[1]

    def worth(mark: str) -> tuple[int, int]:
        cells = [cell.strip(' "') for line in lines if mark in line for cell in line.split(mark)]
        known = sum(1 for cell in cells if _looks_like(cell) or _by_name(cell, False))
        return known, lines[0].count(mark) if lines else 0

    best = max(_QUOTED_DELIMITERS, key=worth)
    return best if any(worth(best)) else ","
