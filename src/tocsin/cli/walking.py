"""Going through files: folders recursively in a steady order, progress shown, work taken up where it stopped."""

import contextlib
import json
import os
import stat
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tocsin.cli.speaking import Failure

_LONGEST_FIRST = 1 << 20
"""Bytes of the first line of kept results, at most: what is longer is no such file."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A folder that could not be gone through, or a path that is not there; ``detail`` is a sentence."""

    path: Path
    detail: str


def files_of(paths: Iterable[Path]) -> Iterator[Path | Unreadable]:
    """Yield every file of ``paths``, folders recursively by name; links to folders are not followed.

    What is no regular file (a pipe, a device) is yielded too: whoever opens it says that it is none.
    """
    for path in paths:
        if path.is_dir():
            yield from _within(path)
        elif path.exists() or path.is_symlink():
            yield path
        else:
            yield Unreadable(path, "There is no such file or folder.")


def _within(folder: Path) -> Iterator[Path | Unreadable]:
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as entries:
                held = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield Unreadable(here, f"The folder cannot be read: {error.strerror or 'unknown error'}.")
            continue
        deeper = []
        for entry in held:
            try:
                is_folder = entry.is_dir(follow_symlinks=False)
            except OSError:
                is_folder = False
            if is_folder:
                deeper.append(Path(entry.path))
            elif not (entry.is_symlink() and Path(entry.path).is_dir()):
                yield Path(entry.path)
        waiting += reversed(deeper)


class Kept:
    """Results that were kept by an earlier run, one JSON line a file, so that a run can be taken up where it stopped.

    The first line holds ``settings``: with others (another list, another radius) the file cannot be taken up. A file
    whose size or time has changed since is examined anew. Without a path, nothing is kept.
    """

    def __init__(self, path: Path | None, settings: Mapping[str, Any]) -> None:
        self._path, self._settings = path, dict(settings)
        self._places: dict[str, tuple[int, int, int]] = {}
        self._file: Any = None

    def __enter__(self) -> Self:
        if self._path is None:
            return self
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o600)
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                os.close(handle)
                raise Failure(f"{self._path} is not a file that results can be kept in.")
            self._file = os.fdopen(handle, "rb+")
        except OSError as error:
            raise Failure(f"{self._path} cannot be used: {error.strerror or error}.") from error
        self._read(self._path)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # what did not fit was told when it was written
                self._file.close()

    def _read(self, path: Path) -> None:
        first = self._file.readline(_LONGEST_FIRST)
        if not first:
            self._write(json.dumps({"settings": self._settings}).encode() + b"\n")
            return
        try:
            settings = json.loads(first)["settings"]
        except (ValueError, KeyError, TypeError):
            raise Failure(f"{path} is not a file of kept results; choose another name.") from None
        if settings != self._settings:
            raise Failure(f"{path} was kept with other settings or before a list changed; choose another name.")
        end = self._file.tell()
        for line in iter(self._file.readline, b""):
            try:
                held = json.loads(line)
                self._places[held["path"]] = (held["size"], held["mtime_ns"], end)
            except (ValueError, KeyError, TypeError):
                break
            end = self._file.tell()
        self._file.seek(end)
        self._file.truncate()

    def earlier(self, path: Path) -> list[dict[str, Any]] | None:
        """Return the results kept of a file that has not changed since, or None."""
        held = self._places.get(str(path))
        if held is None or _stamp(path) != held[:2]:
            return None
        here = self._file.tell()
        self._file.seek(held[2])
        results: list[dict[str, Any]] = json.loads(self._file.readline())["results"]
        self._file.seek(here)
        return results

    def keep(self, path: Path, results: Sequence[Mapping[str, Any]]) -> None:
        """Keep the results of a file; a run that is stopped afterwards will not examine it again."""
        stamp = _stamp(path)
        if self._file is None or stamp is None:
            return
        held = {"path": str(path), "size": stamp[0], "mtime_ns": stamp[1], "results": list(results)}
        self._write(json.dumps(held).encode("ascii") + b"\n")

    def _write(self, line: bytes) -> None:
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            raise Failure(f"The results cannot be kept in {self._path}: {error.strerror or error}.") from error


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        held = path.stat()
    except OSError:
        return None
    return held.st_size, held.st_mtime_ns


class Going:
    """A line of progress on a terminal's stderr: files done, files a second, what was found so far, and how many files
    there are once counted."""

    def __init__(self, what: str, paths: Sequence[Path] = (), quiet: bool = False) -> None:
        self._what, self._paths = what, paths
        self._progress: Any = None
        self._quiet = quiet or not sys.stderr.isatty()
        self._stop = threading.Event()
        self._found = 0

    def __enter__(self) -> Self:
        if self._quiet:
            return self
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f} files"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task(self._what, total=None, rate="")
        self._progress.start()
        threading.Thread(target=self._count, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        if self._progress is not None:
            self._progress.stop()

    def _count(self) -> None:
        number = 0
        with contextlib.suppress(OSError):
            for _ in files_of(self._paths):
                number += 1
                if self._stop.is_set():
                    return
        self._progress.update(self._task, total=number)

    def step(self, found: int = 0) -> None:
        """One file more is done, in which so much was found."""
        self._found += found
        if self._progress is not None:
            speed = self._progress.tasks[0].speed
            said = [f"{speed:,.0f}/s"] if speed else []
            said += [f"{self._found:,} matched"] if self._found else []
            self._progress.update(self._task, advance=1, rate=" · ".join(said))
