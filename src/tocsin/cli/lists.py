"""``tocsin lists``: build lists of known media from what sources send, and keep them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tocsin.cli.list_keys import key_of
from tocsin.cli.lists_store import pull, push
from tocsin.cli.speaking import Failure, line, must_be_new

if TYPE_CHECKING:
    from tocsin.cli.walking import Unreadable
    from tocsin.matching.lists import Entry, Reading, Rejected, Report

PATH = click.Path(path_type=Path)
FOLDER = click.Path(path_type=Path, file_okay=False)
_KEY = click.option("--key", "key_file", type=PATH, help="An age key file that the list is sealed to.")
_JSON = click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
_READING = (
    click.option("--column", "columns", multiple=True, metavar="FIELD=NAME", help="CSV: which column is what."),
    click.option("--hash", "sixty_four", type=click.Choice(["pdq", "sha256"]), help="What bare 64 digits are."),
    click.option("--windows", is_flag=True, help="Pictures: add the crop-tolerant signal (lists of your own only)."),
)


def _reading(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_READING):
        function = option(function)
    return function


@click.group(epilog="Example:  tocsin lists build agency --from hashes.csv --out lists/agency")
def command() -> None:
    """Build and keep lists of known media. Lists are secret: nothing here prints a hash unless it is told where to."""


@command.command(epilog="Example:  tocsin lists build agency --from hashes.csv --column pdq=Hash --out lists/agency")
@click.argument("name")
@click.option("--from", "sources", type=PATH, multiple=True, help="A file, or a folder of pictures, videos and lists.")
@click.argument("more", type=PATH, nargs=-1, metavar="[MORE FILES]...")
@click.option("--out", type=FOLDER, required=True, help="The new folder of the list.")
@click.option("--source", default="", help="Who made the list.")
@click.option("--scheme", default="", help="What its category codes mean: industry, stopncii, an address, ...")
@click.option("--terms", default="", help="The terms it is held under.")
@click.option("--severity", type=click.IntRange(1, 5), help="How bad a match is if true, where no category says so.")
@click.option("--radius", type=click.IntRange(0, 64), default=31, show_default=True, help="PDQ bits that may differ.")
@click.option("--category", "categories", multiple=True, metavar="CODE=SEVERITY", help="0 is never matched.")
@click.option("--negative", is_flag=True, help="A known-good list: a match silences.")
@click.option("--own", is_flag=True, help="Made by your own authority (only such lists may lie on a device).")
@click.option("--no-export", is_flag=True, help="The terms forbid to pass entries on.")
@_reading
@_KEY
@_JSON
def build(
    name: str,
    sources: tuple[Path, ...],
    more: tuple[Path, ...],
    out: Path,
    key_file: Path | None,
    as_json: bool,
    columns: tuple[str, ...],
    sixty_four: str | None,
    windows: bool,
    **terms: Any,
) -> None:
    """Build a list from CSV, plain text, VICS JSON, NCMEC XML, JSON Lines, vPDQ, or from pictures themselves."""
    from tocsin.matching import lists

    if not (sources or more):
        raise click.UsageError("name the files to build the list from with --from FILE.")
    how = _how(columns, sixty_four)
    try:
        given = _terms(name, windows=windows, **terms)
        with ExitStack() as stack, _progress("Reading", (*sources, *more), as_json) as tell:
            rows = _sources((*sources, *more), how, windows, stack, tell.at)
            report = lists.build(out, given, rows, key_of(key_file), tell.rows, tell.stage)
    except (lists.ListError, OSError) as error:
        raise Failure(error) from error
    _report(report, out, as_json)


@command.command(epilog="Example:  tocsin lists add lists/agency --from new.csv")
@click.argument("folder", type=FOLDER)
@click.option("--from", "sources", type=PATH, multiple=True, help="A file, or a folder of pictures, videos and lists.")
@click.argument("more", type=PATH, nargs=-1, metavar="[MORE FILES]...")
@_reading
@_KEY
@_JSON
def add(
    folder: Path,
    sources: tuple[Path, ...],
    more: tuple[Path, ...],
    columns: tuple[str, ...],
    sixty_four: str | None,
    windows: bool,
    key_file: Path | None,
    as_json: bool,
) -> None:
    """Add files to a list; whoever has it open sees them within a second. Withdrawn entries stay withdrawn."""
    from tocsin.matching import lists

    if not (sources or more):
        raise click.UsageError("name the files to add with --from FILE.")
    try:
        key = key_of(key_file)
        kinds = lists.HashList.open(folder, key).view.kinds()
        only = next((kind for kind in ("pdq", "sha256") if kinds & {"pdq", "sha256"} == {kind}), "")
        how = _how(columns, sixty_four or only)
        with ExitStack() as stack, _progress("Reading", (*sources, *more), as_json) as tell:
            rows = _sources((*sources, *more), how, windows, stack, tell.at)
            report = lists.add(folder, rows, key, tell.rows, tell.stage)
    except lists.ListError as error:
        raise Failure(error) from error
    except OSError as error:
        raise Failure(f"{folder} cannot be changed: {error.strerror or error}. It is as it was.") from error
    _report(report, folder, as_json)


@command.command(epilog="Example:  tocsin lists remove lists/agency 4711 4712")
@click.argument("folder", type=FOLDER)
@click.argument("entries", nargs=-1, required=True, metavar="ENTRY...")
@_KEY
@_JSON
def remove(folder: Path, entries: tuple[str, ...], key_file: Path | None, as_json: bool) -> None:
    """Withdraw entries by their id or by a hash (hex). They stay withdrawn when an old file is added again."""
    from tocsin.matching import lists

    try:
        count = lists.remove(folder, entries, key_of(key_file))
    except (lists.ListError, OSError) as error:
        raise Failure(error) from error
    if as_json:
        line({"folder": str(folder), "removed": count})
    if not count:
        raise Failure("No entry of the list has one of these ids or hashes; nothing was changed.")
    if not as_json:
        click.echo(f"Withdrew {_entries(count)} from {folder}.")


@command.command(epilog="Example:  tocsin lists info lists/agency")
@click.argument("folders", type=FOLDER, nargs=-1, required=True)
@_KEY
@_JSON
def info(folders: tuple[Path, ...], key_file: Path | None, as_json: bool) -> None:
    """Show a list's terms and counts; never a hash."""
    from tocsin.matching.lists import HashList, ListError

    for folder in folders:
        try:
            facts = HashList.open(folder, key_of(key_file)).info()
        except (ListError, OSError) as error:
            raise Failure(error) from error
        if as_json:
            line(facts)
            continue
        for name, value in facts.items():
            shown = ", ".join(f"{k}: {v:,}" for k, v in value.items()) if isinstance(value, dict) else value
            if shown not in ("", None):
                click.echo(f"{name:<11} {f'{shown:,}' if type(shown) is int else _plain(str(shown))}")


@command.command(epilog="Example:  tocsin lists verify lists/agency")
@click.argument("folders", type=FOLDER, nargs=-1, required=True)
@_KEY
@_JSON
def verify(folders: tuple[Path, ...], key_file: Path | None, as_json: bool) -> None:
    """Read lists whole and compare every file with its checksum. Exits 0 or 2."""
    from tocsin.matching.lists import HashList, ListError

    for folder in folders:
        try:
            with _progress("Verifying", (), as_json) as tell:
                size = HashList.open(folder, key_of(key_file)).verify(tell.bytes)
        except (ListError, OSError) as error:
            raise Failure(error) from error
        if as_json:
            line({"folder": str(folder), "bytes": size, "whole": True})
        else:
            click.echo(f"{folder} is whole: {size:,} bytes are as they were written.")


@command.command(epilog="Example:  tocsin lists export lists/agency --out agency.csv --disclose-hashes")
@click.argument("folder", type=FOLDER)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The new file.")
@click.option("--format", "form", type=click.Choice(["csv", "text", "jsonl"]), default="csv", show_default=True)
@click.option("--disclose-hashes", is_flag=True, help="Write without asking: the file holds the hashes in the clear.")
@click.option("--against-terms", is_flag=True, help="Write although the terms forbid it (the law may demand it).")
@_KEY
@_JSON
def export(
    folder: Path, out: Path, form: str, disclose_hashes: bool, against_terms: bool, key_file: Path | None, as_json: bool
) -> None:
    """Write a list's entries to a file that only you can read. It holds the hashes in the clear."""
    from tocsin.matching.lists import HashList, ListError
    from tocsin.matching.lists.exporting import export as write

    must_be_new(out)
    try:
        opened = HashList.open(folder, key_of(key_file))
        terms = opened.view.terms
        if not terms.may_export and not against_terms:
            said = f" They say: {_plain(terms.terms)}" if terms.terms else ""
            raise Failure(f"The terms of {terms.name} forbid to pass entries on (may_export: false).{said}")
        held = {"frames of videos": "frames", "windows of pictures": "window"}
        lost = [what for what, kind in held.items() if form != "jsonl" and kind in opened.view.kinds()]
        if lost:
            told = f"Warning: {form} has no place for {' and '.join(lost)}; --format jsonl holds the whole list."
            click.echo(told, err=True)
        if not disclose_hashes:
            asked = f"{out} will hold {_entries(opened.view.entries)} of {terms.name} in the clear. Write it?"
            click.confirm(asked, abort=True, err=True)
        with _progress("Writing", (), as_json) as tell:
            count = write(out, opened.view.all_entries(), form, tell.rows)
    except (ListError, OSError) as error:
        raise Failure(error) from error
    if as_json:
        line({"path": str(out), "entries": count, "format": form})
    else:
        click.echo(f"Wrote {_entries(count)} to {out}. Whoever has it can tell what the list finds: keep it safe.")


command.add_command(push)
command.add_command(pull)


def _how(columns: Sequence[str], sixty_four: str | None) -> "Reading":
    from tocsin.matching.lists import Reading
    from tocsin.matching.lists.read_csv import JOINED

    pairs = [one.partition("=") for one in columns]
    if bad := [one for one, (_, mark, name) in zip(columns, pairs, strict=True) if not mark or not name]:
        raise click.UsageError(f"--column {bad[0]} has not the form FIELD=NAME, such as pdq=Hash.")
    named: dict[str, list[str]] = {}
    for what, _, name in pairs:
        named.setdefault(what.strip().lower(), []).append(name)
    return Reading({what: JOINED.join(names) for what, names in named.items()}, sixty_four or "")


def _terms(name: str, *, windows: bool, **given: Any) -> Any:
    from tocsin.matching.lists import ListError, Terms
    from tocsin.matching.lists.schemes import scheme_of

    categories: dict[str, int] = {}
    for one in given.pop("categories"):
        code, mark, severity = one.rpartition("=")
        if not mark or not severity.isdigit():
            raise click.UsageError(f"--category {one} has not the form CODE=SEVERITY, such as 1=5.")
        categories[code] = int(severity)
    own, no_export, severity = given.pop("own"), given.pop("no_export"), given.pop("severity")
    if windows and not own:
        raise ListError("The crop-tolerant signal is only for lists of your own: add --own.")
    known = scheme_of(given["scheme"])
    if known is not None:
        severity = severity or known.severity
        given["negative"] = given["negative"] or known.negative
    return Terms(
        name=name, categories=categories, origin="own" if own else "shared", may_export=not no_export,
        severity=severity or 4, **given,
    )  # fmt: skip


def _sources(
    paths: Sequence[Path], how: "Reading", windows: bool, stack: ExitStack, at: Callable[[Path, int], None]
) -> "list[tuple[str, Iterator[Entry | Rejected]]]":
    """Return (name, rows) of each source. Pictures, videos and what else a folder holds become entries of their own;
    a list that lies in a folder is read as a list.
    """
    from tocsin.cli.walking import Unreadable, files_of
    from tocsin.matching.lists import format_of, holds_hashes, read
    from tocsin.matching.lists.reading import HEAD
    from tocsin.media import formats

    listed: list[tuple[str, Iterator[Entry | Rejected]]] = []
    media: list[Path | Unreadable] = []

    def listing(path: Path) -> None:
        listed.append((path.name, read(path, how, lambda done: at(path, done))))

    for path in paths:
        if path.is_dir():
            for found in files_of((path,)):
                if isinstance(found, Path) and found.is_file() and holds_hashes(found):
                    listing(found)
                else:
                    media.append(found)
            continue
        try:
            with path.open("rb") as file:
                head = file.read(HEAD)
        except OSError as error:
            raise Failure(f"{path} cannot be read: {error.strerror or error}.") from error
        if formats.media_of(formats.kind_of(head)) != "other" and not format_of(head):
            media.append(path)
        else:
            listing(path)
    if media:
        listed.append(("media", _from_media(media, windows, stack)))
    return listed


def _from_media(found: "Sequence[Path | Unreadable]", windows: bool, stack: ExitStack) -> "Iterator[Entry | Rejected]":
    import os

    from tocsin.cli.walking import Unreadable
    from tocsin.matching.lists.entry import Rejected
    from tocsin.matching.lists.read_media import read_media
    from tocsin.media.limited import Limited

    pool = stack.enter_context(Limited(os.cpu_count() or 1, frames=True, windows=windows))
    for one in found:
        if isinstance(one, Unreadable):
            yield Rejected(0, one.detail, str(one.path))
    yield from read_media([one for one in found if isinstance(one, Path)], pool, windows)


def _report(report: "Report", folder: Path, as_json: bool) -> None:
    """Say what an import did; exit 2 when a source broke off, since the list is then incomplete."""
    rejected = folder / "rejected-*.jsonl"
    if as_json:
        held = {one.name: getattr(report, one.name) for one in fields(report) if one.name != "first"}
        line({"folder": str(folder), **held, "first": [asdict(row) for row in report.first]})
    else:
        speed = report.rows / report.seconds if report.seconds else 0
        click.echo(f"{folder}: {_entries(report.active)} in {report.seconds:,.1f} s ({speed:,.0f} rows/s).")
        said = {
            "withdrawn or deleted, never matched": report.tombstones, "joined another row": report.merged,
            "took the place of older ones": report.replaced,
            "of these with no hash in common: is the id the number of a row? See --column extra=ID": report.unlike,
            "older than what the list says": report.held_back,
            "left out: cannot be used": report.rejected, "kept without what could not be read of it": report.partly,
        }  # fmt: skip
        for what, number in said.items():
            if number:
                click.echo(f"  {number:,} {what}")
        for row in report.first[:5]:
            click.echo(f"    row {row.number}: {_plain(row.reason)}", err=True)
        if report.rejected or report.partly:
            click.echo(f"  all of them, with reasons: {rejected}")
    if report.broken:
        raise Failure(f"The list is incomplete. {report.broken[0]}. What came before is in the list.")


class _Telling:
    """Progress of an import on a terminal: bytes of the sources, rows and rows a second."""

    def __init__(self, progress: Any, task: Any) -> None:
        self._progress, self._task = progress, task
        self._done: dict[Path, int] = {}

    def at(self, path: Path, done: int) -> None:
        """So many bytes of a source were read."""
        self._done[path] = done
        self._update(completed=sum(self._done.values()))

    def rows(self, number: int) -> None:
        """So many rows were taken."""
        if self._progress is not None:
            elapsed = self._progress.tasks[0].elapsed or 0
            self._update(rows=f"{number:,} rows" + (f", {number / elapsed:,.0f}/s" if elapsed else ""))

    def stage(self, what: str) -> None:
        """Reading is over; this is done now."""
        self._update(description=what.capitalize())

    def bytes(self, done: int, total: int) -> None:
        """So many bytes of so many are done."""
        self._update(completed=done, total=total)

    def _update(self, **what: Any) -> None:
        if self._progress is not None:
            self._progress.update(self._task, **what)


@contextmanager
def _progress(what: str, paths: Sequence[Path], quiet: bool) -> Iterator[_Telling]:
    import sys

    if quiet or not sys.stderr.isatty():
        yield _Telling(None, None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rows]}"), TimeRemainingColumn())
    total = sum(path.stat().st_size for path in paths if path.is_file()) or None
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Telling(progress, progress.add_task(what, total=total, rows=""))


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number:,} entries"


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
