"""``tocsin match``: compare files and folders with hash lists, many at once, each decoded at arm's length."""

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tocsin.cli.speaking import Failure, line
from tocsin.cli.walking import Going, Kept, Unreadable, files_of

if TYPE_CHECKING:
    from tocsin.matching.answers import Answer
    from tocsin.matching.road import Lists
    from tocsin.media.limited import Limited
    from tocsin.media.options import Options
    from tocsin.model import Fingerprints, Match, NotScanned

PATH = click.Path(path_type=Path)
ANY_PATH = click.Path(path_type=Path, readable=False)
"""A path that may be unreadable: it is *not scanned*, and the others are examined."""
_BATCH = 32
_SHOWN = 200
_WIDE = 4000


@click.command(epilog="Example:  tocsin match ~/Pictures --list lists/agency --json")
@click.argument("paths", type=ANY_PATH, nargs=-1, required=True)
@click.option("--list", "folders", type=PATH, multiple=True, required=True, help="A list's folder, or one of lists.")
@click.option("--radius", type=click.IntRange(0, 64), help="PDQ bits that may differ; else each list's own (31).")
@click.option("--dihedral", is_flag=True, help="Look at pictures turned and mirrored too.")
@click.option("--videos/--no-videos", default=True, help="Hash the frames of videos (one a second).")
@click.option("--archives/--no-archives", default=True, help="Look into archives.")
@click.option("--regions/--no-regions", default=True, help="Look at the photographs on saved pages one by one.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Files decoded at once; without it, one for each processor.")
@click.option("--key", "key_file", type=PATH, help="A key file that opens sealed lists.")
@click.option("--resume", type=click.Path(path_type=Path, dir_okay=False), help="Keep results here; take up from them.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout, one a file.")
def command(
    paths: tuple[Path, ...],
    folders: tuple[Path, ...],
    radius: int | None,
    dihedral: bool,
    videos: bool,
    archives: bool,
    regions: bool,
    jobs: int | None,
    key_file: Path | None,
    resume: Path | None,
    as_json: bool,
) -> None:
    """Compare files and folders with hash lists. Exits 0 (no match), 1 (a match), 2 (an error, or not all scanned)."""
    from tocsin.cli.list_keys import key_of
    from tocsin.matching.lists import ListError
    from tocsin.matching.road import Lists
    from tocsin.media.limited import Limited, LimitedError
    from tocsin.media.options import Options

    try:
        lists = Lists.open(folders, key_of(key_file))
    except (ListError, OSError) as error:
        raise Failure(error) from error
    kinds = lists.kinds
    frames, windows = videos and bool(kinds & {"pdq", "frames"}), "window" in kinds
    options = Options(turns=dihedral, frames=frames, windows=windows, regions=regions and "pdq" in kinds)
    settings = {"lists": lists.version, "radius": radius, "archives": archives, **asdict(options)}
    shown = _Shown(as_json)
    run: _Run | None = None
    stopped: Failure | None = None
    try:
        with (
            Limited(jobs or os.cpu_count() or 1, frames=frames, windows=windows) as limited,
            Kept(resume, settings) as kept,
            Going("Matching", paths, quiet=as_json) as going,
        ):
            run = _Run(lists, limited, options, radius, archives)
            for path, results in run.results(files_of(paths), kept):
                going.step(sum(result["status"] == "match" for result in results))
                for result in results:
                    shown.take(result)
                if path is not None:
                    kept.keep(path, results)
    except LimitedError as error:
        stopped = Failure(error)
    except Failure as error:
        stopped = error
    except KeyboardInterrupt:
        again = "the same command goes on from there" if resume else "with --resume FILE a run can be taken up again"
        stopped = Failure(f"Stopped before the end; {again}.")
    if stopped is not None and not shown.counts:
        raise stopped
    shown.end(lists, run.missed if run else ())  # what was found before it stopped is not lost
    if stopped is not None:
        stopped.show()
    raise SystemExit(1 if shown.counts["match"] else 2 if stopped or shown.counts["not-scanned"] else 0)


class _Run:
    """One run over files: fingerprints from the pool, questions to the lists in batches."""

    def __init__(
        self, lists: "Lists", limited: "Limited", options: "Options", radius: int | None, archives: bool
    ) -> None:
        self._lists, self._limited, self._options = lists, limited, options
        self._radius, self._archives = radius, archives
        self._folders = lists.folders
        self._missed: dict[str, str] = {}

    @property
    def missed(self) -> Sequence[str]:
        """Sentences about lists that could not be searched for a part of the run."""
        return tuple(self._missed.values())

    def results(
        self, found: Iterator[Path | Unreadable], kept: Kept
    ) -> Iterator[tuple[Path | None, list[dict[str, Any]]]]:
        """Yield (file, its results), in the order of the files but for those known from an earlier run."""
        known: list[list[dict[str, Any]]] = []

        def fresh() -> Iterator[Path]:
            for one in found:
                if isinstance(one, Unreadable):
                    known.append([_not_scanned(str(one.path), "unreadable", one.detail)])
                elif (earlier := kept.earlier(one)) is not None and not _left_out(earlier):
                    known.append(earlier)
                else:
                    yield one

        waiting: list[tuple[Path, Fingerprints | NotScanned]] = []
        for path, prints in self._limited.map(fresh(), self._options):
            waiting.append((path, prints))
            if len(waiting) >= _BATCH:
                yield from self._ask(waiting)
                waiting = []
            while known:
                yield None, known.pop(0)
        yield from self._ask(waiting)
        while known:
            yield None, known.pop(0)

    def _ask(
        self, waiting: Sequence[tuple[Path, "Fingerprints | NotScanned"]]
    ) -> Iterator[tuple[Path | None, list[dict[str, Any]]]]:
        from tocsin.media.formats import ARCHIVES, UNSUPPORTED_ARCHIVES
        from tocsin.model import Fingerprints

        items = [prints for _, prints in waiting if isinstance(prints, Fingerprints)]
        answered, missed = self._examine(items)
        answers = iter(answered)
        for path, prints in waiting:
            if not isinstance(prints, Fingerprints):
                yield path, [_not_scanned(str(path), prints.reason, prints.detail)]
                continue
            why = UNSUPPORTED_ARCHIVES.get(prints.format)
            if self._archives and why and not prints.reason:
                prints = replace(prints, reason="unsupported", detail=f"{why[0].upper()}{why[1:]}.")
            results = [_result(str(path), prints, next(answers), missed)]
            if self._archives and (prints.format in ARCHIVES or prints.attached):
                results += self._inside(path)
            yield path, results

    def _examine(self, items: Sequence["Fingerprints"]) -> "tuple[list[Answer], str]":
        """Return the answers, and a sentence about a list that gave none: what matched nothing may be on it."""
        from tocsin.matching.answers import LIMIT, Missed

        missed: list[Missed] = []
        # Where turns were not asked for, the one turned print is of the picture as its EXIF says it is shown.
        answers = self._lists.examine(items, self._radius, True, LIMIT, missed)
        told = {one.name: one.sentence for one in missed}
        told |= {
            gone.name: f"The list in {gone} was taken away during this run."
            for gone in sorted(self._folders - self._lists.folders)
        }
        self._missed |= told
        return answers, next(iter(told.values()), "")

    def _inside(self, archive: Path) -> Iterator[dict[str, Any]]:
        """Yield the results of files inside an archive: the path is the archive's, ``held`` the place in it."""
        from tocsin.model import Fingerprints

        for held in self._limited.members(archive, self._options):
            if isinstance(held.result, Fingerprints):
                [answer], missed = self._examine([held.result])
                result = _result(str(archive), held.result, answer, missed)
            else:
                result = _not_scanned(str(archive), held.result.reason, held.result.detail)
            yield {**result, "held": held.name}


def _left_out(results: Sequence[dict[str, Any]]) -> bool:
    """Tell whether an earlier run could not examine all of a file: what stood in its way may be gone."""
    return any(one.get("status") == "not-scanned" for one in results)


def _not_scanned(path: str, reason: str, detail: str) -> dict[str, Any]:
    return {"path": path, "status": "not-scanned", "matches": [], "reason": reason, "detail": detail}


def _result(path: str, prints: "Fingerprints", answer: "Answer", missed: str) -> dict[str, Any]:
    """Return one file's line. No match is *not scanned* where a part of the file could not be looked at, or a list:
    ``missed`` then says why.
    """
    from tocsin.matching.road import standing

    matches = [_match(one) for one in answer.matches]
    result: dict[str, Any] = {"path": path, "status": "no-match", "matches": matches, "media": prints.media}
    if standing(answer.matches):
        result["status"] = "match"
    elif prints.reason:
        result |= {"status": "not-scanned", "reason": prints.reason, "detail": prints.detail}
    elif missed:
        result |= {"status": "not-scanned", "reason": "list", "detail": missed}
    elif answer.cut and not answer.matches:
        detail = "More entries are like it than can be compared."
        result |= {"status": "not-scanned", "reason": "too-many-alike", "detail": detail}
    elif prints.media != "other" and not answer.comparable:
        result |= {"status": "not-scanned", "reason": "not-comparable", "detail": answer.reason}
    result["compared"] = list(answer.compared)
    if answer.low_quality:
        result["low_quality"] = answer.low_quality
    if answer.cut:
        result["cut"] = True
    return result


def _by_digest_only(result: dict[str, Any]) -> bool:
    """Tell whether a picture was found on no list, but has too little detail to be compared by more than digests."""
    from tocsin.matching.lists.entry import DIGESTS

    return result["status"] == "no-match" and "low_quality" in result and set(result["compared"]) <= set(DIGESTS)


def _match(match: "Match") -> dict[str, Any]:
    first = {"list": match.list, "entry": match.entry, "by": match.by, "distance": match.distance}
    rest = {name: value for name, value in asdict(match).items() if name != "key" and value not in ("", None, False)}
    return first | rest | first


class _Shown:
    """What is printed as results come, and at the end."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self.counts: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._flat = 0
        self._details: dict[str, str] = {}
        self._matched: list[dict[str, Any]] = []

    def take(self, result: dict[str, Any]) -> None:
        """Count a result, and print it as JSON or remember it for the table."""
        self.counts[result["status"]] += 1
        self._flat += _by_digest_only(result)
        if result["status"] == "not-scanned":
            self._reasons[result["reason"]] += 1
            self._details.setdefault(result["reason"], f"{result['path']}: {result.get('detail', '')}")
        if self._as_json:
            line({**result, "path": os.fsencode(result["path"]).decode("utf-8", "backslashreplace")})
        elif result["status"] == "match" and len(self._matched) < _SHOWN:
            self._matched.append(result)

    def end(self, lists: "Lists", missed: Sequence[str] = ()) -> None:
        """Print the table and the counts for people; problems of lists always, on stderr."""
        for problem in dict.fromkeys((*missed, *lists.problems)):
            click.echo(f"Warning: {problem}", err=True)
        if self._as_json:
            return
        if self._matched:
            self._table()
        total = sum(self.counts.values())
        parts = [f"{total:,} {'file' if total == 1 else 'files'}", f"{self.counts['match']:,} matched"]
        parts += [f"{self.counts['no-match']:,} not on {', '.join(lists.names) or 'any list'}"]
        click.echo(" · ".join(parts) + ".")
        if self._flat:
            one = self._flat == 1
            which = f"{self._flat:,} {'picture' if one else 'pictures'} with too little detail"
            click.echo(f"{which} {'was' if one else 'were'} compared by digest only.")
        if self._reasons:
            click.echo(f"{self.counts['not-scanned']:,} not scanned:")
            for reason, count in self._reasons.most_common():
                click.echo(f"  {count:,} {reason}, such as {_plain(self._details[reason])}")

    def _table(self) -> None:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table("file", "list", "entry", "by", "distance", "severity", "category", box=None, pad_edge=False)
        for result in self._matched:
            place = result["path"] + (f" › {result['held']}" if result.get("held") else "")
            for at, match in enumerate(result["matches"][:5]):
                by = (
                    match["by"]
                    + (", turned" if match.get("turn") else "")
                    + (", borders cut" * bool(match.get("stripped")))
                )
                cells = (place if not at else "", match["list"], match["entry"], by, match["distance"])
                more = ("known good" if match.get("negative") else match["severity"], match.get("category", ""))
                table.add_row(*(Text(_plain(str(cell)), overflow="fold") for cell in (*cells, *more)))
                if part := match.get("region"):
                    table.add_row(Text("  in it at {x}, {y}, {w} x {h}".format(**part), overflow="fold"))
            if len(result["matches"]) > 5:
                table.add_row("", Text(f"and {len(result['matches']) - 5} more"))
        # Into a file or a pipe, a path is never broken: whoever searches there for it finds it.
        Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE).print(table)
        if self.counts["match"] > len(self._matched):
            rest = self.counts["match"] - len(self._matched)
            click.echo(f"… and {rest:,} more {'file' if rest == 1 else 'files'}; --json names them all.")


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
