"""Watching whole trees with inotify: what is written or moved in is told; nothing slips through while it is set up.

A folder is watched first and listed after, so a file made in between is told twice rather than never. Symbolic links
are not followed. An overflow of the kernel's queue is told, so that the trees are looked through again. Folders that
the system has no watch left for are kept in ``unwatched``, for looking through now and then.
"""

import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from inotify_simple import INotify, flags

_MASK = (
    flags.CLOSE_WRITE
    | flags.MOVED_TO
    | flags.MOVED_FROM
    | flags.CREATE
    | flags.DELETE_SELF
    | flags.ONLYDIR
    | flags.DONT_FOLLOW
    | flags.EXCL_UNLINK
)
_FULL = frozenset({errno.ENOSPC, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
_MAX_UNWATCHED = 200_000
_BREATH = 100


class TreeWatch:
    """The watched trees. One thread uses it; ``close`` may be called from another.

    ``skip`` says which folders are left out; ``mounted`` whether a folder with another device number is another file
    system, which is no part of the tree. ``overflows`` counts how often the kernel's queue ran over.
    """

    def __init__(
        self, skip: Callable[[str, int], bool] = lambda *_: False, mounted: Callable[[str], bool] = lambda _: True
    ) -> None:
        self._skip, self._mounted = skip, mounted
        self._inotify = INotify(nonblocking=True)
        self._wake_out, self._wake_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._paths: dict[int, str] = {}
        self._wds: dict[str, int] = {}
        self._roots: dict[str, int] = {}
        self.unwatched: dict[str, int] = {}
        self.unreadable = 0
        self.overflows = 0

    @property
    def watched(self) -> int:
        """How many folders are watched."""
        return len(self._paths)

    def add(self, root: str, since: float) -> Iterator[str]:
        """Watch a tree; yield what changed in it after ``since`` (seconds, Unix) while it was being set up."""
        with contextlib.suppress(OSError):
            self._roots[root] = os.stat(root, follow_symlinks=False).st_dev  # noqa: PTH116
            yield from self._changed(root, since)

    def remove(self, root: str) -> None:
        """Stop watching a tree (a drive that was taken out)."""
        self._roots.pop(root, None)
        self._forget(root)

    def read(self, timeout: float) -> Iterator[str]:
        """Yield the paths of files that were written, moved in or linked, waiting at most ``timeout`` seconds.

        Folders are yielded never; files in a new folder are. After an overflow the recently changed files of all
        trees are yielded.
        """
        self._await(timeout)
        with contextlib.suppress(BlockingIOError):
            for event in self._inotify.read(timeout=0):
                yield from self._event(event.wd, event.mask, event.name)

    def close(self) -> None:
        """Let go of every watch. Harmless to repeat."""
        for fd in (self._wake_in, self._wake_out):
            with contextlib.suppress(OSError):
                os.close(fd)
        self._inotify.close()
        self._paths.clear()
        self._wds.clear()

    def wake(self) -> None:
        """Make a waiting :meth:`read` return. From any thread."""
        with contextlib.suppress(OSError):
            os.write(self._wake_in, b"x")

    def look_through(self, folder: str, moment: float) -> Iterator[str]:
        """Yield the files of an unwatched folder that changed after ``moment`` (seconds, Unix; told by change time),
        and those in folders that are new in it."""
        for entry in _listed(folder):
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    if entry.path not in self._wds and entry.path not in self.unwatched:
                        yield from self._watch(entry.path)
                elif entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_ctime >= moment:
                    yield entry.path

    def all_changed_since(self, moment: float) -> Iterator[str]:
        """Watch all trees again and yield every file in them that changed after ``moment``."""
        for root in list(self._roots):
            yield from self._changed(root, moment)

    def _changed(self, root: str, moment: float) -> Iterator[str]:
        for path in self._watch(root, paced=True):
            with contextlib.suppress(OSError):
                if os.stat(path, follow_symlinks=False).st_ctime >= moment:  # noqa: PTH116
                    yield path

    def _await(self, timeout: float) -> None:
        import select

        poller = select.poll()
        for fd in (self._inotify.fileno(), self._wake_out):
            poller.register(fd, select.POLLIN)
        poller.poll(max(0.0, timeout) * 1000)
        with contextlib.suppress(OSError):
            os.read(self._wake_out, 4096)

    def _event(self, wd: int, mask: int, name: str) -> Iterator[str]:
        if mask & flags.Q_OVERFLOW:
            self.overflows += 1
            return
        folder = self._paths.get(wd)
        if mask & flags.IGNORED:
            if folder is not None and self._wds.get(folder) == wd:
                del self._wds[folder]
            self._paths.pop(wd, None)
            return
        if folder is None or not name:
            return
        path = f"{folder}/{name}"
        if mask & flags.ISDIR:
            if mask & flags.MOVED_FROM:
                self._forget(path)
            elif mask & (flags.CREATE | flags.MOVED_TO):
                yield from self._watch(path)
        elif mask & (flags.CLOSE_WRITE | flags.MOVED_TO) or (mask & flags.CREATE and _is_linked(path)):
            yield path

    def _watch(self, top: str, *, paced: bool = False) -> Iterator[str]:
        """Watch a tree from ``top`` down and yield the files found in it; ``paced`` leaves most of a core to others."""
        devices = {self._device(top)}
        waiting = [top]
        begun, many = time.monotonic(), 0
        while waiting:
            folder = waiting.pop()
            many += 1
            if paced and many % _BREATH == 0:
                time.sleep(min(0.25, 3 * (time.monotonic() - begun)))
                begun = time.monotonic()
            try:
                about = os.stat(folder, follow_symlinks=False)  # noqa: PTH116
            except OSError:
                continue
            if about.st_dev not in devices:
                if folder in self._roots or self._mounted(folder):
                    continue
                devices.add(about.st_dev)
            if self._skip(folder, about.st_uid) or not self._hold(folder):
                continue
            for entry in _listed(folder):
                try:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        yield entry.path
                except OSError:
                    self.unreadable += 1

    def _hold(self, folder: str) -> bool:
        """Watch one folder; False where it is gone or closed to us."""
        try:
            wd = self._inotify.add_watch(folder, _MASK)
        except OSError as problem:
            if problem.errno in _FULL:
                if len(self.unwatched) < _MAX_UNWATCHED:
                    self.unwatched.setdefault(folder, int(time.time()))
                return True
            if problem.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                self.unreadable += 1
            return False
        old = self._paths.get(wd)
        if old is not None and self._wds.get(old) == wd:
            del self._wds[old]
        self._paths[wd], self._wds[folder] = folder, wd
        self.unwatched.pop(folder, None)
        return True

    def _forget(self, top: str) -> None:
        """Drop the watches of a tree that moved away: under its new name it is watched anew."""
        inside = f"{top}/"
        for folder in [folder for folder in self._wds if folder == top or folder.startswith(inside)]:
            wd = self._wds.pop(folder)
            self._paths.pop(wd, None)
            with contextlib.suppress(OSError):
                self._inotify.rm_watch(wd)
        for folder in [folder for folder in self.unwatched if folder == top or folder.startswith(inside)]:
            del self.unwatched[folder]

    def _device(self, top: str) -> int:
        """Return the device of a folder's tree: other file systems mounted in it are no part of it."""
        best = max((root for root in self._roots if top == root or top.startswith(f"{root}/")), key=len, default="")
        return self._roots.get(best, -1)


def _listed(folder: str) -> Iterator["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        return


def _is_linked(path: str) -> bool:
    """Say whether a new name is that of a file that was there before: a hard link, or one made without a name."""
    try:
        about = Path(path).lstat()
    except OSError:
        return False
    return about.st_nlink > 1 or about.st_size > 0
