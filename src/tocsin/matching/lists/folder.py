"""A list's folder: ``list.yaml``, which a person keeps, and ``state.json``, which names the parts that hold entries.

A change writes a new part and then replaces ``state.json`` in one step: a crash leaves the list before or after it.
"""

import contextlib
import json
import math
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tocsin.evidence.keys import read_bounded, write_private
from tocsin.matching.lists.entry import ListError
from tocsin.matching.opaque import METRICS

MANIFEST = "list.yaml"
STATE = "state.json"
FORMAT = 1
_PATIENCE = 30.0
_MOST_MANIFEST = 4 * 2**20
_MOST_STATE = 16 * 2**20
_COMMENT = """\
# The terms of this hash list. A person may change them; the entries lie in the other files and change only with
# `tocsin lists add` and `tocsin lists remove`. Programs that have the list open see a change here within a second.
#   radius       bits that two PDQ hashes may differ in (0 to 64)     min_quality  PDQ hashes below it are not compared
#   severity     1 to 5, where the category says nothing else         categories   code: severity; 0 = never matched
#   negative     true: known-good; a match silences instead of ringing
#   origin       own (made here) or shared (from others: may not lie on a supervised device)
#   may_export   false: the terms forbid to pass entries on
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a list's keeper says of it. ``categories`` maps raw codes to severities; 0 means never matched.

    ``photodna_threshold`` counts in ``photodna_metric`` (see tocsin.matching.opaque). ``video_known`` and
    ``video_query`` are the shares of frames, of the listed video and of the one seen, either of which makes a match.
    """

    name: str
    source: str = ""
    scheme: str = ""
    terms: str = ""
    origin: str = "shared"
    negative: bool = False
    severity: int = 4
    categories: Mapping[str, int] = field(default_factory=dict)
    radius: int = 31
    min_quality: int = 50
    photodna_metric: str = "squared"
    photodna_threshold: int = 0
    video_known: float = 0.8
    video_query: float = 0.8
    may_export: bool = True
    created: str = ""

    def __post_init__(self) -> None:
        if not self.name or len(self.name) > 200 or not self.name.isprintable():
            raise ListError("A list needs a name of 1 to 200 printable letters.")
        _whole("severity", self.severity, 1, 5)
        _whole("radius", self.radius, 0, 64)
        _whole("min_quality", self.min_quality, 0, 100)
        _whole("photodna_threshold", self.photodna_threshold, 0, 144 * 255**2)
        for code, severity in self.categories.items():
            _whole(f"the severity of category {code}", severity, 0, 5)
        if self.origin not in ("own", "shared"):
            raise ListError("origin must be own or shared.")
        if self.photodna_metric not in METRICS:
            raise ListError(f"photodna_metric must be one of: {', '.join(METRICS)}.")
        for share in (self.video_known, self.video_query):
            if not isinstance(share, int | float) or not math.isfinite(share) or not 0 < share <= 1:
                raise ListError("video_known and video_query are shares above 0 and up to 1.")


def _whole(name: str, value: object, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise ListError(f"{name} must be a whole number from {low} to {high:,}.")


@dataclass(frozen=True, slots=True)
class PartRecord:
    """One part as ``state.json`` names it: rows, active entries, tombstones, counts by kind, its files' checks."""

    name: str
    rows: int
    active: int
    tombstones: int
    counts: Mapping[str, int]
    files: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class State:
    """Which parts make up the list now; ``version`` grows with every change. ``recipients``: sealed to these."""

    version: int
    parts: tuple[PartRecord, ...] = ()
    recipients: tuple[str, ...] = ()
    next_part: int = 1


def read_terms(folder: Path) -> Terms:
    """Read ``list.yaml``. Raises ListError with a sentence."""
    path = folder / MANIFEST
    try:
        raw = yaml.safe_load(read_bounded(path, _MOST_MANIFEST))
    except FileNotFoundError as error:
        raise ListError(f"{folder} is not a hash list: it holds no {MANIFEST}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ListError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ListError(f"{path} is not YAML: {' '.join(str(error).split())[:200]}.") from error
    if not isinstance(raw, dict) or "format" not in raw:
        raise ListError(f"{path} is not the manifest of a hash list.")
    if raw.pop("format") != FORMAT:
        raise ListError(f"{path} was written by a newer version; this one reads format {FORMAT}.")
    known = set(Terms.__dataclass_fields__)
    if unknown := sorted(str(name) for name in raw if name not in known):
        raise ListError(f"{path} holds {unknown[0][:60]!r}, which is not known; known are: {', '.join(sorted(known))}.")
    categories = raw.get("categories") or {}
    if not isinstance(categories, dict):
        raise ListError(f"{path}: categories must be lines of code: severity.")
    raw["categories"] = {str(code): severity for code, severity in categories.items()}
    try:
        return Terms(**{name: _worded(name, value) for name, value in raw.items()})
    except (ListError, TypeError) as error:
        raise ListError(f"{path}: {error}") from error


def _worded(name: str, value: Any) -> Any:
    if Terms.__dataclass_fields__[name].type is str:
        return "" if value is None else str(value)
    if Terms.__dataclass_fields__[name].type is bool and not isinstance(value, bool):
        raise ListError(f"{name} must be true or false.")
    return value


def write_terms(folder: Path, terms: Terms) -> None:
    """Write ``list.yaml`` in one step."""
    held = {"format": FORMAT, **asdict(terms), "categories": dict(terms.categories)}
    text = _COMMENT + yaml.safe_dump(held, sort_keys=False, allow_unicode=True, width=110)
    write_private(folder / MANIFEST, text.encode("utf-8"))


def read_state(folder: Path) -> State:
    """Read ``state.json``. Raises ListError with a sentence."""
    path = folder / STATE
    try:
        raw = json.loads(read_bounded(path, _MOST_STATE))
        if raw["format"] != FORMAT:
            raise ListError(f"{path} was written by a newer version; this one reads format {FORMAT}.")
        parts = tuple(PartRecord(**{name: part[name] for name in PartRecord.__slots__}) for part in raw["parts"])
        names = [name for part in parts for name in (part.name, *part.files)]
        if any(Path(name).name != name or name.startswith(".") for name in names):
            raise ListError(f"{path} names a file outside its folder; it was tampered with.")
        return State(int(raw["version"]), parts, tuple(map(str, raw["recipients"])), int(raw["next_part"]))
    except OSError as error:
        raise ListError(f"{folder} is not a whole hash list: {path.name} cannot be read ({error.strerror}).") from error
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        if isinstance(error, ListError):
            raise
        raise ListError(f"{path} is damaged.") from error


def write_state(folder: Path, state: State) -> None:
    """Replace ``state.json`` in one step, durable on return: from now on readers see its parts."""
    held = {"format": FORMAT, **asdict(state)}
    write_private(folder / STATE, json.dumps(held, indent=1).encode("ascii"))


def stamp(folder: Path) -> tuple[int, ...]:
    """Return what changes when the list changes, for a price of two stat calls. Raises OSError."""
    return tuple(number for name in (MANIFEST, STATE) for number in _about(folder / name))


def stamp_of(path: Path) -> tuple[int, ...]:
    """Return what changes when a file changes; nothing where there is none."""
    try:
        return _about(path)
    except OSError:
        return ()


def _about(path: Path) -> tuple[int, ...]:
    held = path.stat()
    return held.st_mtime_ns, held.st_ino, held.st_size


def sweep(folder: Path, state: State) -> None:
    """Remove files of parts that the list no longer has (of a change that was cut short, or merged away)."""
    kept = {name for part in state.parts for name in part.files}
    for path in folder.iterdir():
        ours = path.name.startswith("part-") and path.name not in kept
        if ours and not path.name.startswith(tuple(f"{part.name}." for part in state.parts)):
            with contextlib.suppress(OSError):
                path.unlink()


@contextlib.contextmanager
def making(folder: Path) -> Iterator[Path]:
    """Give a place beside ``folder`` to build it in, to be renamed when whole; nothing is left of it otherwise.

    What a build left there that was killed is cleared away first: its hashes lie in the clear. Raises OSError.
    """
    begins = f".{folder.name}.building-"
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.iterdir():
        if left.name.startswith(begins):
            with _held(left) as nobodys:
                if nobodys:
                    shutil.rmtree(left, ignore_errors=True)
    place = Path(tempfile.mkdtemp(prefix=begins, dir=folder.parent))
    try:
        with _held(place):
            yield place
    finally:
        if place.exists():
            shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def _held(place: Path) -> Iterator[bool]:
    """Hold a folder while it is built in; False where another program holds it, or where nobody can tell."""
    if os.name != "posix":
        yield False
        return
    import fcntl

    with contextlib.ExitStack() as held:
        try:
            handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            held.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = True
        except OSError:
            mine = False
        yield mine


@contextlib.contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Let one process at a time change a list, waiting a little. Raises ListError when another one takes long."""
    if not (folder / MANIFEST).is_file():
        raise ListError(f"{folder} is not a hash list: it holds no {MANIFEST}.")
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(handle, folder)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    if os.name != "posix":
        return
    import fcntl

    end = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if time.monotonic() > end:
                raise ListError(f"Another program is changing the list in {folder}; try again later.") from error
            time.sleep(0.05)
