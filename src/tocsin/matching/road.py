"""The one road on which media is matched, list by list: digests first, then hashes, frames, windows, others' hashes."""

import hashlib
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tocsin.matching.answers import LIMIT, Answer, Found, Missed, answer
from tocsin.matching.lists.entry import DIGESTS, LENGTHS, ListError
from tocsin.matching.lists.folder import MANIFEST
from tocsin.matching.lists.hash_list import HashList
from tocsin.matching.lists.schemes import severity_of
from tocsin.matching.lists.sealed import Key
from tocsin.matching.lists.view import Place, View
from tocsin.model import Fingerprints, Match
from tocsin.model.media import RANK, Frame
from tocsin.model.rect import Rect

if TYPE_CHECKING:
    from tocsin.media.vpdq import Shares

_MOST_FRAMES = 20_000
_MOST_ALIKE, _MOST_ALIKE_AT_ALL = 1000, 100_000
_MOST_PAIRS = 300
_LOOK_S = 0.75


class Lists:
    """Lists opened together; threads share them, and each question sees every list as it is at that moment."""

    def __init__(self, folders: Sequence[str | Path], key: Key | str | Path | None = None) -> None:
        self._given = [Path(folder) for folder in folders]
        self._key = Key.of(key)
        self._lock = threading.Lock()
        self._lists: dict[Path, HashList] = {}
        self._problems: dict[Path, str] = {}
        self._looked = time.monotonic()
        for folder in self._given:
            found = folders_of(folder)
            if not found:
                raise ListError(f"{folder} is not a hash list, and holds none.")
            for one in found:
                self._lists.setdefault(one.resolve(), HashList(one, self._key))

    @classmethod
    def open(cls, folders: Sequence[str | Path], key: Key | str | Path | None = None) -> "Lists":
        """Open list folders, or folders of list folders. Raises ListError with a sentence."""
        return cls(folders, key)

    @classmethod
    def of(cls, opened: Sequence[HashList]) -> "Lists":
        """Join lists that are open already; each goes on following its folder."""
        joined = cls([])
        joined._given = [one.folder for one in opened]
        joined._lists = {one.folder.resolve(): one for one in opened}
        return joined

    def close(self) -> None:
        """Let go of all lists, for good."""
        with self._lock:
            self._lists, self._given = {}, []

    @property
    def names(self) -> tuple[str, ...]:
        """The lists' names."""
        return tuple(one.view.terms.name for one in self._opened())

    @property
    def folders(self) -> frozenset[Path]:
        """The folders of the lists that answer now."""
        return frozenset(self._lists)

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of hash that the lists hold: ``md5`` …, ``pdq``, ``frames``, ``window``, ``photodna``."""
        return frozenset(kind for one in self._opened() for kind in one.view.kinds())

    @property
    def entries(self) -> int:
        """How many entries are matched, on all lists together."""
        return sum(one.view.entries for one in self._opened())

    @property
    def version(self) -> str:
        """A name of what is on the lists now: 16 hex digits, the same for the same lists."""
        held = "\n".join(sorted(one.version for one in self._opened()))
        return hashlib.sha256(held.encode("utf-8")).hexdigest()[:16]

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences about lists whose last change could not be read; they answer as they were before."""
        found = [one.problem for one in self._opened()] + list(self._problems.values())
        return tuple(problem for problem in found if problem)

    def refresh(self) -> bool:
        """Look at once for changed lists, and for lists new in (or gone from) the folders given; tell of a change."""
        self._looked = time.monotonic()
        changed = [one.refresh() for one in self._opened()]
        with self._lock:
            there = {found.resolve() for folder in self._given for found in folders_of(folder)}
            there |= {folder.resolve() for folder in self._given}
            if gone := self._lists.keys() - there:
                self._lists = {one: held for one, held in self._lists.items() if one not in gone}
                changed.append(True)
            for one in sorted(there - self._lists.keys()):
                if not (one / MANIFEST).is_file():
                    continue
                try:
                    self._lists = {**self._lists, one: HashList(one, self._key)}
                    self._problems.pop(one, None)
                    changed.append(True)
                except ListError as error:
                    self._problems[one] = str(error)
        return any(changed)

    def _opened(self) -> list[HashList]:
        return list(self._lists.values())

    def match(
        self,
        batch: Sequence[Fingerprints],
        radius: int | None = None,
        dihedral: bool = False,
        limit: int = LIMIT,
        missed: list[Missed] | None = None,
    ) -> list[tuple[Match, ...]]:
        """Return what each of a batch matches, best first; see :meth:`examine`, which also says what it could not."""
        return [answer.matches for answer in self.examine(batch, radius, dihedral, limit, missed)]

    def examine(
        self,
        batch: Sequence[Fingerprints],
        radius: int | None = None,
        dihedral: bool = False,
        limit: int = LIMIT,
        missed: list[Missed] | None = None,
    ) -> list[Answer]:
        """Compare each of a batch with every list.

        ``radius`` (bits) takes the place of each list's own. Without ``dihedral`` only pictures as they stand are
        compared, even where prints of turned ones are given. An entry is named once, by its strongest way.

        A list that cannot be searched is put into ``missed`` and the others answer; without ``missed`` it raises.
        """
        if radius is not None and not 0 <= radius <= 256:
            raise ListError("The radius is a number of bits from 0 to 256.")
        if time.monotonic() - self._looked > _LOOK_S:
            self.refresh()
        found = [Found() for _ in batch]
        views = [(one.folder, one.view) for one in self._opened()]  # held to the end: what is found is kept by view
        for folder, view in views:
            here = [Found() for _ in batch]
            try:
                _Question(view, batch, here, radius, dihedral, limit).ask()
            except Exception as error:  # a list damaged while it is in use may fail anywhere
                if missed is None:
                    raise
                sentence = str(error) or f"It cannot be searched ({type(error).__name__})."
                missed.append(Missed(folder, view.terms.name, sentence, isinstance(error, ListError)))
                continue
            for whole, one in zip(found, here, strict=True):
                whole.take(one)
        return [answer(item, each, limit) for item, each in zip(batch, found, strict=True)]


def folders_of(folder: Path) -> list[Path]:
    """Return the list folders that a given folder is or holds."""
    if (folder / MANIFEST).is_file():
        return [folder]
    try:
        return sorted(one.parent for one in folder.glob(f"*/{MANIFEST}") if not one.parent.name.startswith("."))
    except OSError:
        return []


def standing(matches: Sequence[Match]) -> tuple[Match, ...]:
    """Return the matches that ring: not those of known-good lists, nor what a known-good match silences.

    An equal digest on a known-good list silences everything but equal digests; a known-good hash silences hashes that
    are no nearer than itself, of the same part of a page. Two equal digests contradict each other, so that one rings: a
    person decides.
    """
    good = [match for match in matches if match.negative]
    return tuple(match for match in matches if not match.negative and not any(_silences(one, match) for one in good))


def _silences(good: Match, match: Match) -> bool:
    if match.by in DIGESTS:
        return False
    if good.by in DIGESTS:
        return True
    return good.by == match.by and good.distance <= match.distance and good.same_part(match)


class _Question:
    """A batch put to one list."""

    def __init__(
        self,
        view: View,
        batch: Sequence[Fingerprints],
        found: Sequence[Found],
        radius: int | None,
        dihedral: bool,
        limit: int,
    ) -> None:
        self._view, self._batch, self._found = view, batch, found
        self._radius = view.terms.radius if radius is None else radius
        self._dihedral, self._limit = dihedral, limit
        self._kinds = view.kinds()

    def ask(self) -> None:
        """Ask by every way that the list and the batch have in common."""
        self._digests()
        if self._kinds & {"pdq", "frames"}:
            self._prints()
        if "frames" in self._kinds:
            self._videos()
        if "window" in self._kinds:
            self._windows()
        if "photodna" in self._kinds:
            self._opaque()

    def _keep(self, item: int, place: Place, by: str, distance: int, **more: object) -> None:
        def make() -> Match | None:
            terms, record = self._view.terms, self._view.record(place)
            scheme = record.scheme or terms.scheme
            severity = severity_of(scheme, record.category or record.classification, terms.categories, terms.severity)
            if severity == 0:
                return None
            return Match(
                list=terms.name,
                entry=record.entry,
                by=by,
                distance=distance,
                severity=severity,
                scheme=scheme,
                category=record.category or record.classification,
                source=record.source or terms.source,
                negative=terms.negative,
                key=self._view.parts[place.part].key_name(place.row),
                **more,  # type: ignore[arg-type]
            )

        self._found[item].keep(self._view, place, make, (RANK[by], distance))

    def _digests(self) -> None:
        for kind in DIGESTS:
            if kind not in self._kinds:
                continue
            asked = [(n, digest) for n, item in enumerate(self._batch) if (digest := _bytes(getattr(item, kind), kind))]
            for number, _ in asked:
                self._found[number].compared.add(kind)
            for query, place in self._view.find(kind, [digest for _, digest in asked]):
                self._keep(asked[query][0], place, kind, 0)

    def _prints(self) -> None:
        """All prints of all items in one search: of pictures, and of the frames of videos, against listed pictures."""
        least = self._view.terms.min_quality
        owners: list[tuple[int, int, bool, Rect | None]] = []
        codes: list[bytes] = []
        for number, item in enumerate(self._batch):
            prints = [one for one in item.prints if self._dihedral or not one.turn]
            usable = [one for one in prints if one.quality >= least]
            self._found[number].low_quality += sum(one.quality < least and one.region is None for one in prints)
            frames = [(one.hex, 0, False, None) for one in item.frames[:_MOST_FRAMES] if one.quality >= least]
            for text, *owner in [(one.hex, one.turn, one.stripped, one.region) for one in usable] + frames:
                if code := _bytes(text, "pdq"):
                    owners.append((number, *owner))
                    codes.append(code)
            if frames or any(one.region is None for one in usable):  # parts of a page do not stand for the whole of it
                self._found[number].compared.add("pdq")
        if not codes:
            return
        queries = np.frombuffer(b"".join(codes), np.uint8).reshape(-1, 32)
        for kind in ("pdq", "frames"):
            if kind not in self._kinds:
                continue
            near = self._view.near(kind, queries, self._radius, self._limit + 1)
            for query, place, distance in zip(near.query.tolist(), near.places, near.distance.tolist(), strict=True):
                number, turn, stripped, region = owners[query]
                if kind == "pdq" or not self._batch[number].frames:
                    self._keep(number, place, "pdq", distance, turn=turn, stripped=stripped, region=region)
            for query in np.flatnonzero(near.cut).tolist():
                self._found[owners[query][0]].cut = True

    def _videos(self) -> None:
        """Compare videos with listed ones that share a frame, by the shares of frames found, both ways."""
        from tocsin.media.vpdq import compare

        terms = self._view.terms
        for number, item in enumerate(self._batch):
            usable = (one for one in item.frames[:_MOST_FRAMES] if one.quality >= terms.min_quality)
            frames = [one for one in usable if _bytes(one.hex, "pdq")]
            looks = [look for cut in (False, True) if (look := [one for one in frames if one.stripped is cut])]
            if looks:
                self._found[number].compared.add("video")
            for look in looks:
                for place, distance in self._sharing(look).items():
                    known = [Frame(one.at, one.pdq.hex(), one.quality) for one in self._view.frames(place)]
                    shares: Shares = compare(look, known, self._radius, terms.min_quality)
                    if shares.known >= terms.video_known or shares.query >= terms.video_query:
                        found = (shares.query, shares.known)
                        self._keep(number, place, "video", distance, shares=found, stripped=look[0].stripped)

    def _sharing(self, frames: Sequence[Frame]) -> dict[Place, int]:
        """Return the listed videos that share a frame with these, and the least distance of one."""
        queries = np.frombuffer(b"".join(_bytes(one.hex, "pdq") for one in frames), np.uint8).reshape(-1, 32)
        near = self._view.near("frames", queries, self._radius)
        nearest: dict[Place, int] = {}
        for place, distance in zip(near.places, near.distance.tolist(), strict=True):
            nearest[place] = min(distance, nearest.get(place, 256))
        return nearest

    def _windows(self) -> None:
        """The crop-tolerant signal: several windows must be found, and stand to each other as in the listed picture."""
        from tocsin.media.windows import AGREEING, RADIUS, agreement

        for number, item in enumerate(self._batch):
            codes = [code for text in item.windows if (code := _bytes(text, "window"))]
            if not codes:
                continue
            self._found[number].compared.add("window")
            queries = np.frombuffer(b"".join(code[:32] for code in codes), np.uint8).reshape(-1, 32)
            near = self._view.near("window", queries, RADIUS, _MOST_ALIKE)
            if near.cut.any():  # what is alike in a thousand pictures may still be alike in the one that is shown
                near = self._view.near("window", queries, RADIUS, _MOST_ALIKE_AT_ALL)
                self._found[number].cut |= bool(near.cut.any())
            seen: dict[Place, set[int]] = {}
            for query, place in zip(near.query.tolist(), near.places, strict=True):
                seen.setdefault(place, set()).add(query)
            for place, which in seen.items():
                if len(which) >= AGREEING:
                    pairs = _pairs(codes, self._view.windows(place), RADIUS)
                    agreed = agreement([codes[mine] for mine, _ in pairs], [theirs for _, theirs in pairs])
                    if agreed.enough:
                        self._keep(number, place, "window", agreed.distance)

    def _opaque(self) -> None:
        for number, item in enumerate(self._batch):
            if value := _bytes(item.photodna, "photodna"):
                self._found[number].compared.add("photodna")
                for place, distance in self._view.opaque(value):
                    self._keep(number, place, "photodna", distance)


def _pairs(codes: Sequence[bytes], listed: Sequence[bytes], radius: int) -> list[tuple[int, bytes]]:
    """Return which windows of a picture are like which of a listed one, the nearest first, a bounded number."""
    ours = np.frombuffer(b"".join(code[:32] for code in codes), np.uint64).reshape(-1, 4)
    theirs = np.frombuffer(b"".join(code[:32] for code in listed), np.uint64).reshape(-1, 4)
    apart = np.bitwise_count(ours[:, None] ^ theirs[None]).sum(2, dtype=np.int64)
    near = np.argwhere(apart <= radius)
    order = np.argsort(apart[near[:, 0], near[:, 1]], kind="stable")[:_MOST_PAIRS]
    return [(int(mine), listed[other]) for mine, other in near[order]]


def _bytes(text: str, kind: str) -> bytes:
    """Return the bytes of a hash in hex, or none where it is no hash of this kind."""
    try:
        value = bytes.fromhex(text)
    except ValueError:
        return b""
    return value if len(value) == LENGTHS[kind] else b""
