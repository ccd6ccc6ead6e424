"""A hash list in an object store: pushed from the folder where it is kept, followed by folders that hold a copy.

Files of a list never change, so new ones go up first and the head that names them last; a copy fetches what it lacks,
checks each file's size and digest, and takes the new state up in one step. A crash anywhere leaves the list before the
change or after it, or (where a list was built anew under the same names) not served until it is whole.
"""

import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tocsin.evidence.keys import read_bounded, write_private
from tocsin.gateway.cluster.bucket import Bucket, BucketError, MissingError, is_digest
from tocsin.matching.lists import ListError
from tocsin.matching.lists.folder import MANIFEST, STATE, read_state
from tocsin.matching.lists.sealed import KEY_FILE
from tocsin.placement.platform import alone

GRACE: Final = timedelta(minutes=10)
"""How long a file that no head names any more is kept, for copies that are just fetching it."""
INLINE: Final = 16 << 10
"""Files up to this size travel inside the head."""
COPY: Final = ".copy.json"
"""In a copy's folder: which files it has, by digest, and the head's tag."""

_FORMAT: Final = 1
_SMALL: Final = (MANIFEST, STATE, KEY_FILE)
_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class File:
    """A file of a list: its size, its digest, and (of small ones) its bytes."""

    size: int
    sha256: str
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """What makes a list up; ``withdrawn``: the list is no more, and copies of it are to go."""

    files: Mapping[str, File] = field(default_factory=dict)
    withdrawn: bool = False

    def packed(self) -> bytes:
        """Return the head as it is stored."""
        told: dict[str, Any] = {}
        for name, one in self.files.items():
            told[name] = {"size": one.size, "sha256": one.sha256}
            if one.data is not None:
                told[name]["data"] = base64.b64encode(one.data).decode()
        return json.dumps({"format": _FORMAT, "withdrawn": self.withdrawn, "files": told}).encode()

    @classmethod
    def of(cls, data: bytes) -> "Head":
        """Read a head. Raises BucketError for one that is damaged or names what no list has."""
        try:
            raw = json.loads(data)
            if raw["format"] != _FORMAT:
                raise BucketError("The list was pushed by a newer version; this one cannot follow it.")
            files = {str(name): _file(str(name), one) for name, one in raw["files"].items()}
            if not raw["withdrawn"] and not {MANIFEST, STATE} <= files.keys():
                raise BucketError("The list's head names no whole list.")
            return cls(files, bool(raw["withdrawn"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BucketError("The list's head is damaged.") from error


def _file(name: str, raw: Mapping[str, Any]) -> File:
    ours = name in _SMALL or (name.startswith("part-") and Path(name).name == name)
    size, digest = raw["size"], raw["sha256"]
    if not ours or type(size) is not int or size < 0 or not is_digest(digest):
        raise BucketError(f"The list's head names {name[:60]!r}, which no list has.")
    data = base64.b64decode(raw["data"], validate=True) if "data" in raw else None
    if data is not None and (len(data), hashlib.sha256(data).hexdigest()) != (size, digest):
        raise BucketError(f"The list's head is damaged: {name} is not what its digest says.")
    return File(size, digest, data)


@dataclass(slots=True)
class Pushed:
    """What a push did: the head's tag, files and bytes that went up, files that were removed."""

    tag: str = ""
    files: int = 0
    bytes: int = 0
    removed: int = 0


def push(folder: Path, bucket: Bucket, grace: timedelta = GRACE) -> Pushed:
    """Push a list as it is now; what is there already stays. Raises ListError and BucketError."""
    there, tag = _there(bucket)
    for attempt in range(_ATTEMPTS):
        done = Pushed(tag)
        try:
            head = _head_of(folder)
            present = {one.sha256 for one in there.files.values() if one.data is None}
            missing = {one.sha256: name for name, one in head.files.items() if one.data is None}
            if missing.keys() - present:
                present |= {digest for digest, _ in bucket.held()}
            for digest, name in missing.items():
                if digest not in present:
                    bucket.put(folder / name, digest)
                    done.files += 1
                    done.bytes += head.files[name].size
        except FileNotFoundError as error:  # merged away meanwhile
            if attempt + 1 == _ATTEMPTS:
                raise ListError(f"{folder} keeps changing and cannot be pushed.") from error
            continue
        if head != there:
            done.tag = bucket.put_head(head.packed())
            done.removed = _cleared(bucket, head, grace)
        return done
    raise ListError(f"{folder} keeps changing and cannot be pushed.")


def withdraw(bucket: Bucket) -> str:
    """Take a list back: copies let go of it as soon as they look. Return the head's tag."""
    tag = bucket.put_head(Head(withdrawn=True).packed())
    _cleared(bucket, Head(), timedelta(0))
    return tag


def _there(bucket: Bucket) -> tuple[Head, str]:
    try:
        got = bucket.head()
    except MissingError:
        return Head(), ""
    assert got is not None
    try:
        return Head.of(got[1]), got[0]
    except BucketError:
        return Head(), ""  # damaged: put anew


def _cleared(bucket: Bucket, head: Head, grace: timedelta) -> int:
    named = {one.sha256 for one in head.files.values()}
    now = datetime.now(UTC)
    old = [digest for digest, at in bucket.held() if digest not in named and now - at >= grace]
    for digest in old:
        bucket.delete(digest)
    return len(old)


def _head_of(folder: Path) -> Head:
    """Return the head of a folder's list. Raises ListError, and FileNotFoundError where a file goes meanwhile."""
    for _ in range(_ATTEMPTS):
        state = read_state(folder)
        small = {name: (folder / name).read_bytes() for name in _SMALL if (folder / name).is_file()}
        if read_state(folder) == state and MANIFEST in small:
            break
    else:
        raise ListError(f"{folder} keeps changing and cannot be pushed.")
    files = {name: File(len(data), hashlib.sha256(data).hexdigest(), data) for name, data in small.items()}
    for part in state.parts:
        for name, check in part.files.items():
            size, digest = int(check["size"]), str(check["sha256"])
            data = (folder / name).read_bytes() if size <= INLINE else None
            files[name] = File(size, digest, data)
    return Head(files)


class Copy:
    """A folder that follows a list in a store. One process at a time fetches; others may have the folder open.

    ``behind`` tells that at the last look another process was just fetching what is new.
    """

    def __init__(self, bucket: Bucket, folder: Path) -> None:
        """Raises ListError where the folder holds a list that is no copy."""
        self.bucket, self.folder, self.behind = bucket, folder, False
        if (folder / STATE).is_file() and not (folder / COPY).is_file():
            raise ListError(f"{folder} holds a list of its own; choose another folder for the copy.")
        self.tag, self._held = self._known()

    @property
    def whole(self) -> bool:
        """Whether the folder holds the list, of now or of an earlier moment."""
        return (self.folder / STATE).is_file()

    def follow(self) -> bool:
        """Look for a change and take it up; tell of one. Raises BucketError: then the copy is as it was before."""
        got = self.bucket.head(self.tag)
        if got is None:
            return False
        tag, data = got
        head = Head.of(data)
        with alone(self.folder / ".lock") as turn:
            self.behind = not turn
            if not turn:
                return False  # another process is at it
            self.tag, self._held = self._known()
            if self.tag == tag:
                return True
            if head.withdrawn:
                self._remove(tag)
            else:
                self._take_up(head, tag)
        return True

    def _take_up(self, head: Head, tag: str) -> None:
        if not (self.folder / COPY).is_file():
            self._note("", {})  # from now on the folder is known to be a copy, however far this gets
        lacking = {name: one for name, one in head.files.items() if not self._has(name, one)}
        for name, one in lacking.items():
            waiting = self.folder / f".{name}.fetching"
            if one.data is None:
                if not (_has(waiting, one.size) and _digest(waiting) == one.sha256):
                    self.bucket.get(one.sha256, one.size, waiting)
            else:
                write_private(waiting, one.data)
        if any((self.folder / name).exists() for name in lacking if name not in _SMALL):
            (self.folder / STATE).unlink(
                missing_ok=True
            )  # the list was built anew: nothing is served until it is whole
            _sync(self.folder)
        for name in sorted(lacking, key=lambda one: (one == STATE, one == MANIFEST)):
            if name == STATE:
                _sync(self.folder)
            os.replace(self.folder / f".{name}.fetching", self.folder / name)  # noqa: PTH105
        _sync(self.folder)
        self._note(tag, {name: one.sha256 for name, one in head.files.items()})
        for path in self.folder.iterdir():
            if path.name not in head.files and path.name not in (COPY, ".lock"):
                with contextlib.suppress(OSError):
                    path.unlink()

    def _has(self, name: str, wanted: File) -> bool:
        path = self.folder / name
        if not _has(path, wanted.size):
            return False
        return (self._held.get(name) or _digest(path)) == wanted.sha256

    def _remove(self, tag: str) -> None:
        for name in (STATE, MANIFEST):
            (self.folder / name).unlink(missing_ok=True)
        for path in self.folder.iterdir():
            if path.name != ".lock":
                with contextlib.suppress(OSError):
                    path.unlink()
        self._note(tag, {})

    def _note(self, tag: str, files: Mapping[str, str]) -> None:
        write_private(self.folder / COPY, json.dumps({"tag": tag, "files": files}).encode())
        self.tag, self._held = tag, dict(files)

    def _known(self) -> tuple[str, dict[str, str]]:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            raw = json.loads(read_bounded(self.folder / COPY, 1 << 24))
            files = {str(name): str(digest) for name, digest in raw["files"].items()}
            if all((self.folder / name).is_file() for name in files):
                return str(raw["tag"]), files
            return "", files
        return "", {}


def _has(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_withdrawn(folder: Path) -> bool:
    """Tell whether a folder is a copy whose list was withdrawn where it came from."""
    return not (folder / MANIFEST).is_file() and (folder / COPY).is_file()
