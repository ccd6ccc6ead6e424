"""Which lines stand in a window, and which of them are new: a line that only moved is not said again.

Lines are known by the digest of their pixels, so nothing here waits for reading and nothing here knows any words.
"""

import hashlib
import re
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tocsin.media.rectangles import touch
from tocsin.model import Rect

Profile = npt.NDArray[np.int32]

REMEMBERED = 4096
"""Pairs of neighbouring lines remembered in one window."""
FORGET_AFTER = 600.0
"""Seconds after which a pair of lines that comes back counts as new."""
_LINGER = 1.0
_COUNTER = re.compile(r"^\s*[(\[]\d+\+?[)\]]\s*|\s*[(\[]\d+\+?[)\]]\s*$|^[•●*]\s*")


@dataclass(frozen=True, slots=True)
class Sight:
    """A line as it stands on the screen: box, digest of its pixels, fill, and how much ink each column holds."""

    box: Rect
    digest: bytes
    fill: tuple[int, int, int]
    profile: Profile = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Change:
    """What a change of the screen made of a window's lines.

    ``fresh`` are new, ``edits`` are lines that grew or shrank where they stood (someone is typing), ``gone`` the
    digests of lines that vanished with it.
    """

    fresh: tuple[Sight, ...]
    edits: tuple[Sight, ...]
    gone: tuple[bytes, ...]


class Visible:
    """The lines that stand in one window."""

    def __init__(self) -> None:
        """Begin with an empty window."""
        self._lines: list[Sight] = []
        self._lingering: list[tuple[float, str, Sight]] = []
        self._pairs: OrderedDict[tuple[str, bytes, bytes], float] = OrderedDict()

    def __len__(self) -> int:
        """Return how many lines stand in the window."""
        return len(self._lines)

    def digests(self) -> set[bytes]:
        """Return the digests of the lines that stand in the window."""
        return {line.digest for line in self._lines}

    def change(self, areas: Sequence[Rect], found: Sequence[Sight], now: float, place: str = "") -> Change:
        """Replace the lines in ``areas`` by those ``found`` there; ``now`` is monotonic, in seconds.

        ``place`` names what the window shows now (its thread): words known in one chat are new in another.
        """
        boxes = [*areas, *(sight.box for sight in found)]
        gone: list[Sight] = []
        kept: list[Sight] = []
        for line in self._lines:
            (gone if any(touch(line.box, box) for box in boxes) else kept).append(line)
        self._lingering = [left for left in self._lingering if now - left[0] < _LINGER and left[1] == place][-400:]
        lingering = [sight for _, _, sight in self._lingering]
        unmatched, used = _match(found, gone, lingering)
        self._lingering = [left for left in self._lingering if id(left[2]) not in used]
        vanished = [line for line in gone if id(line) not in used]
        self._lingering.extend((now, place, line) for line in vanished)
        self._lines = sorted([*kept, *found], key=lambda s: (s.box.y + s.box.h // 2, s.box.x))
        new = self._unseen_pairs(unmatched, now, place)
        edits = [sight for sight in new if any(_grew(old, sight) for old in vanished)]
        edited = {id(sight) for sight in edits}
        fresh = tuple(sight for sight in new if id(sight) not in edited)
        return Change(fresh, tuple(edits), tuple(line.digest for line in vanished))

    def _unseen_pairs(self, unmatched: list[Sight], now: float, place: str) -> list[Sight]:
        """Return the lines that did not stand beside the same neighbour here before, and remember all pairs."""
        candidates = {id(sight) for sight in unmatched}
        again: set[int] = set()
        pairs: list[tuple[str, bytes, bytes]] = []
        for above, below in zip(self._lines, self._lines[1:], strict=False):
            pair = (place, above.digest, below.digest)
            pairs.append(pair)
            if id(above) in candidates or id(below) in candidates:
                seen = self._pairs.get(pair)
                if seen is not None and now - seen < FORGET_AFTER:
                    again.update((id(above), id(below)))
        for pair in pairs:
            self._pairs[pair] = now
            self._pairs.move_to_end(pair)
        while len(self._pairs) > REMEMBERED:
            self._pairs.popitem(last=False)
        return [sight for sight in unmatched if id(sight) not in again]


def _match(found: Sequence[Sight], gone: list[Sight], lingering: list[Sight]) -> tuple[list[Sight], set[int]]:
    """Pair found lines with earlier ones of the same pixels that stood still or moved as the others did."""
    earlier: dict[bytes, list[Sight]] = {}
    for sight in [*gone, *lingering]:
        earlier.setdefault(sight.digest, []).append(sight)
    shifts = Counter(
        sight.box.y - earlier[sight.digest][0].box.y for sight in found if len(earlier.get(sight.digest, ())) == 1
    )
    common = shifts.most_common(1)
    expected = common[0][0] if common and common[0][1] >= 2 else None
    used: set[int] = set()
    unmatched: list[Sight] = []
    for sight in found:
        options = [old for old in earlier.get(sight.digest, ()) if id(old) not in used]
        if expected is not None:
            options = [
                old for old in options if abs(sight.box.y - old.box.y - expected) <= 3 or old.box.y == sight.box.y
            ]
        if options:
            used.add(id(min(options, key=lambda old: abs(sight.box.y - old.box.y - (expected or 0)))))
        else:
            unmatched.append(sight)
    return unmatched, used


def _grew(old: Sight, new: Sight) -> bool:
    """Tell whether a line is an earlier one with something typed or deleted at its end."""
    if abs(old.box.x - new.box.x) > 3 or min(old.box.bottom, new.box.bottom) <= max(old.box.y, new.box.y):
        return False
    size = min(old.profile.size, new.profile.size)
    size = max(size - 6, size // 2)
    if size < 3:
        return False
    return bool((old.profile[:size] == new.profile[:size]).mean() > 0.8)


def thread_of(key: int, app: str, title: str) -> str:
    """Name a chat alike after a restart, so that what is still on the screen joins its alert; salted when sent."""
    text = f"{key}\0{app}\0{_COUNTER.sub('', title).strip()}".encode()
    return hashlib.blake2b(text, digest_size=8).hexdigest()
