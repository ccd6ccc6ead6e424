"""``tocsin hash``: digests of files, PDQ of pictures, vPDQ of videos; every file decoded in a limited process."""

import contextlib
import json
import os
import sys
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from tocsin.cli.speaking import Failure
from tocsin.cli.walking import Going, Unreadable, files_of

if TYPE_CHECKING:
    from tocsin.media.limited import Limited
    from tocsin.media.options import Options
    from tocsin.model.media import Fingerprints
    from tocsin.model.observation import NotScanned


@click.command(epilog="Example:  tocsin hash ~/Pictures --json --out hashes.jsonl --resume")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, readable=False))
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
@click.option("--turns", is_flag=True, help="Hash pictures in their 8 orientations.")
@click.option("--frames", is_flag=True, help="Hash videos too, one frame a second.")
@click.option("--archives", is_flag=True, help="Look into zip, tar, gzip, bzip2 and xz files, two deep.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes that decode; as many as there are cores.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON Lines to a file.")
@click.option("--resume", is_flag=True, help="Go on with --out: files in it that have not changed are left out.")
def command(
    paths: tuple[Path, ...],
    as_json: bool,
    turns: bool,
    frames: bool,
    archives: bool,
    jobs: int | None,
    out: Path | None,
    resume: bool,
) -> None:
    """Hash files and whole folders, for lists that may be shared: always from full resolution.

    Exits 0 when every file was examined, 2 when any was not: the others' hashes are there all the same. A file name
    that is not UTF-8 has its odd bytes as \\udc80 to \\udcff, as Python's surrogateescape does.
    """
    from tocsin.media.limited import Limited, LimitedError, Limits
    from tocsin.media.options import Options

    if resume and out is None:
        raise Failure("--resume goes on with a file: name it with --out.")
    options = Options(turns=turns, frames=frames, fast=False)
    workers = jobs or _cores()
    try:
        with contextlib.ExitStack() as stack:
            results = _Results(out, resume, options, archives)
            stack.callback(results.close)
            pool = stack.enter_context(Limited(workers, Limits.for_machine(workers), frames=frames))
            _run(paths, pool, options, results, _Say(results, as_json), archives)
    except LimitedError as error:
        raise Failure(error) from error
    except KeyboardInterrupt:
        again = "go on with --resume" if out is not None else "what was printed is complete as far as it goes"
        raise Failure(f"Stopped; {again}.") from None
    results.conclude(out)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Found:
    """A file, its size in bytes and when it was last changed (nanoseconds since 1970); or why it cannot be had."""

    path: Path
    size: int = 0
    changed: int = 0
    absent: "NotScanned | None" = None


def _found(paths: Sequence[Path]) -> Iterator[Found]:
    """Yield every file under the paths in a steady order, and what cannot be gone through."""
    from tocsin.media.opening import words
    from tocsin.model.observation import NotScanned

    for one in files_of(paths):
        if isinstance(one, Unreadable):
            yield Found(one.path, absent=NotScanned("unreadable", one.detail))
            continue
        try:
            status = one.stat()
            yield Found(one, status.st_size, status.st_mtime_ns)
        except OSError as error:
            yield Found(one, absent=NotScanned("unreadable", words(error)))


def _run(
    paths: Sequence[Path], pool: "Limited", options: "Options", results: "_Results", say: "_Say", archives: bool
) -> None:
    """Hash every file under the paths and report each, in order."""
    fresh = (one for one in _found(paths) if not results.has(one))
    with Going("Hashing", paths) as going, contextlib.closing(_fingerprints(fresh, pool, options)) as made:
        for one, result in made:
            results.count(result)
            say(record_of(one, result, options))
            if archives:
                for record in _members(one, result, pool, options, results):
                    say(record)
            going.step()


def _fingerprints(
    found: Iterator[Found], pool: "Limited", options: "Options"
) -> "Generator[tuple[Found, Fingerprints | NotScanned], None, None]":
    """Yield each file with its result; what could not even be found is among them, as near to its place as may be."""
    asked: deque[Found] = deque()

    def paths() -> Iterator[Path]:
        for one in found:
            asked.append(one)
            if one.absent is None:
                yield one.path

    with contextlib.closing(pool.map(paths(), options)) as made:
        for _, result in made:
            while (absent := asked[0].absent) is not None:
                yield asked.popleft(), absent
            yield asked.popleft(), result
    for one in asked:
        assert one.absent is not None
        yield one, one.absent


def _members(
    one: Found, result: "Fingerprints | NotScanned", pool: "Limited", options: "Options", results: "_Results"
) -> Iterator[dict[str, Any]]:
    """Yield the records of what an archive holds."""
    from tocsin.media import formats

    kind = getattr(result, "attached", "") or getattr(result, "format", "")
    if kind not in formats.ARCHIVES and kind not in formats.UNSUPPORTED_ARCHIVES:
        return
    for held in pool.members(one.path, options):
        results.count(held.result)
        yield {**record_of(Found(one.path, held.size), held.result, options), "held": held.name}


def record_of(one: Found, result: "Fingerprints | NotScanned", options: "Options") -> dict[str, Any]:
    """Return a file's line as it is written: the promised fields first, then what else was made, then what was not."""
    from tocsin.model.observation import NotScanned

    record: dict[str, Any] = {"path": str(one.path), "size": one.size}
    if isinstance(result, NotScanned):
        return record | {"status": "not-scanned", "reason": result.reason, "detail": result.detail}
    record |= {"md5": result.md5, "sha1": result.sha1, "sha256": result.sha256, "media": result.media}
    first = result.prints[0] if result.prints else None
    record |= {"pdq": first.hex if first else None, "pdq_quality": first.quality if first else None}
    if result.frames or (options.frames and result.media == "video"):
        record["frames"] = [
            {"at": frame.at, "number": frame.number, "pdq": frame.hex, "quality": frame.quality}
            for frame in result.frames
            if not frame.stripped
        ]
    if options.turns and first:
        plain = [one for one in result.prints if not (one.stripped or one.white)]
        record["turns"] = [one.hex for one in sorted(plain, key=lambda one: one.turn)]
    others = [one for one in result.prints[1:] if not (options.turns and not one.stripped and not one.white)]
    if others:
        record["others"] = [
            {"pdq": one.hex, "quality": one.quality, "turn": one.turn, "stripped": one.stripped, "white": one.white}
            for one in others
        ]
    if first:
        record["path_made"] = first.path
    record |= {"format": result.format, "changed_ns": one.changed}
    if result.attached:
        record["attached"] = result.attached
    if result.reason:
        record |= {"status": "not-scanned", "reason": result.reason, "detail": result.detail}
    return record


def _dumped(record: dict[str, Any]) -> str:
    text = json.dumps(record, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(record)


class _Say:
    """Reports each file where it was asked for: in the file of results, or on stdout for programs or people."""

    def __init__(self, results: "_Results", as_json: bool) -> None:
        self._results, self._as_json = results, as_json
        self._stdout = None if sys.stdout.isatty() else sys.stdout  # a bar on a terminal takes sys.stdout over

    def __call__(self, record: dict[str, Any]) -> None:
        """Report one file."""
        if self._results.write(record):
            return
        for line in [_dumped(record)] if self._as_json else _plain(record):
            click.echo(line, file=self._stdout)


def _plain(record: dict[str, Any]) -> list[str]:
    """Return a file's lines for people; names are strangers' words, and this may be a terminal."""
    name = record["path"] + (f" › {record['held']}" if record.get("held") else "")
    name = "".join(letter if letter.isprintable() else "\ufffd" for letter in name)
    hash_ = record.get("pdq") or (f"sha256 {record['sha256'][:57]}" if record.get("sha256") else "-")
    quality = record.get("pdq_quality")
    lines = [f"{hash_:<64} {quality if quality is not None else '-':>3} {name}"]
    return lines + ([f"{'':<68} not scanned: {record['detail']}"] if record.get("status") else [])


class _Results:
    """The file of results, what it held before, and the counts that the exit code rests on."""

    def __init__(self, out: Path | None, resume: bool, options: "Options", archives: bool) -> None:
        self.files = self.absent = self.before = 0
        self._done: dict[str, tuple[int, int]] = {}
        self._file: TextIO | None = None
        if out is None:
            return
        try:
            if resume and out.exists():
                self._done = _earlier(out, options, archives)
            elif out.exists():
                raise Failure(f"{out} is already there; go on with --resume, or choose another name.")
            self._file = out.open("a", encoding="utf-8")
        except OSError as error:
            raise Failure(error) from error

    def has(self, one: Found) -> bool:
        """Tell whether a file was examined before and has not changed since."""
        same = one.absent is None and self._done.get(str(one.path)) == (one.size, one.changed)
        self.before += same
        return same

    def count(self, result: "Fingerprints | NotScanned") -> None:
        """Count a result, and whether anything of it was not examined."""
        self.files += 1
        self.absent += bool(result.reason)

    def write(self, record: dict[str, Any]) -> bool:
        """Append a record to the file, at once, so that nothing is lost when this run ends early. False: no file."""
        if self._file is None:
            return False
        try:
            self._file.write(_dumped(record) + "\n")
            self._file.flush()
        except OSError as error:
            raise Failure(f"The results cannot be written: {error.strerror}.") from error
        return True

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def conclude(self, out: Path | None) -> None:
        """Say what was done, on stderr. Raises Failure when anything was not examined."""
        said = f"{self.files:,} files hashed"
        said += f", {self.before:,} were done before" if self.before else ""
        if out is not None or sys.stderr.isatty():
            click.echo(f"{said}{f'; results in {out}' if out else ''}.", err=True)
        if self.absent:
            raise Failure(f"Incomplete: {self.absent:,} of {self.files:,} could not be examined fully; each says why.")


def _earlier(out: Path, options: "Options", archives: bool) -> dict[str, tuple[int, int]]:
    """Return the files that an earlier run examined as this one would, and cut off a line that it left unfinished.

    Raises Failure when the file holds anything else than results.
    """
    done: dict[str, tuple[int, int]] = {}
    keep = 0
    with out.open("rb+") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break
            try:
                record = json.loads(line)
                path = record["path"]
            except (ValueError, KeyError, TypeError):
                raise Failure(f"{out} is not a file of results: line {number} is not one.") from None
            keep += len(line)
            if "held" not in record and _as_asked(record, options, archives):
                done[path] = (record["size"], record["changed_ns"])
            else:
                done.pop(path, None)
        file.truncate(keep)
    return done


def _as_asked(record: dict[str, Any], options: "Options", archives: bool) -> bool:
    """Tell whether a record of an earlier run has all that this one would make. Archives are looked into anew."""
    from tocsin.media import formats

    if "status" in record or "changed_ns" not in record:
        return False
    if options.turns and record.get("pdq") and "turns" not in record:
        return False
    if options.frames and record.get("media") == "video" and "frames" not in record:
        return False
    kind = record.get("attached") or record.get("format")
    return not (archives and kind in formats.ARCHIVES | formats.UNSUPPORTED_ARCHIVES.keys())
