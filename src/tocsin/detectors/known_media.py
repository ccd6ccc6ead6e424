"""Known media: a picture, a video or a file that is on a hash list. The lists were asked before; here it is weighed.

Severity is what the list's owner says of the entry; how surely it is that entry depends on the road and the distance
(:func:`confidence`). A match on a list of known-good media silences. The crop-tolerant signal alone is a *near match*:
it never raises the severity of a match proper.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

from tocsin.detectors import making
from tocsin.model import (
    Category,
    Example,
    Finding,
    Fingerprints,
    Kind,
    Match,
    MediaSeen,
    Observation,
    Print,
    Signal,
)

AGAIN_AFTER = timedelta(minutes=10)
"""The same entry at the same place is told again only after this."""
NEAR_SEVERITY = 3
"""Highest severity of a match by the crop-tolerant signal alone."""
_DIGESTS = frozenset({"md5", "sha1", "sha256"})
_MAX_PLACES = 4096
_MAX_MATCHES = 100
_GOOD_QUALITY = 50
_SIGNAL = "known-hash"


class KnownMedia:
    """Reports media that hash lists know: each entry at each place once, and again after ten minutes."""

    name: ClassVar[str] = "known-media"
    version: ClassVar[str] = "1.0"
    reads: ClassVar[frozenset[Kind]] = frozenset({Kind.PICTURE, Kind.FRAME, Kind.FILE})

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[str, str, str], tuple[datetime, int]] = OrderedDict()

    def examine(self, seen: Observation) -> Iterable[Finding]:
        """Return a finding for media that a list knows, unless a known-good list silences it."""
        if not isinstance(seen.body, MediaSeen) or not seen.body.matches or seen.body.place == "stream":
            return  # what is on air is never acted on by one frame: the live-stream detector weighs it
        media = seen.body
        left = audible(media.matches)
        if not left:
            return
        sure = {id(match): confidence(match, media.prints) for match in left}
        ranked = sorted(left, key=lambda m: (m.by == "window", -severity(m), -sure[id(m)], m.distance, m.list, m.entry))
        best = ranked[0]
        proper = [match for match in ranked if (match.by == "window") == (best.by == "window")]
        how_bad = severity(best)
        refines = self._known(seen, media, proper, how_bad)
        if refines is None:
            return
        yield making.finding(
            self,
            seen,
            category=Category.NEAR_MATCH if best.by == "window" else Category.KNOWN_MEDIA,
            severity=how_bad,
            confidence=max(sure[id(match)] for match in proper if severity(match) == how_bad),
            why=_why(media, best, len(ranked)),
            signals=(Signal(_SIGNAL, confidence=sure[id(best)]),),
            benign=("read-error", "wrong-person") if best.by == "window" else ("wrong-person",),
            refines=refines,
            matches=tuple(ranked[:_MAX_MATCHES]),
        )

    def forget(self, seen: Observation) -> None:
        """Forget that what an observation shows was told: it could not be recorded, so its next sight tells it anew."""
        if isinstance(seen.body, MediaSeen):
            for key in _keys(seen, seen.body, seen.body.matches):
                self._told.pop(key, None)

    def _known(self, seen: Observation, media: MediaSeen, matches: Sequence[Match], how_bad: int) -> bool | None:
        """Note what is told now: None where it was told lately, else whether any of it was told here before.

        A copy of the same entry under another name, or of other bytes, is a file of its own: told, as more of the same.
        """
        found = _keys(seen, media, matches[:_MAX_MATCHES])
        keys, fresh = found[::2], found[1::2]
        before = [self._told[key] for key in fresh if key in self._told]
        again = any(key in self._told for key in keys)
        if any(abs(seen.at - at) < AGAIN_AFTER and told >= how_bad for at, told in before):
            return None
        for key in {*keys, *fresh}:
            self._told[key] = (seen.at, how_bad)
            self._told.move_to_end(key)
        while len(self._told) > _MAX_PLACES:
            self._told.popitem(last=False)
        return again

    @staticmethod
    def examples() -> tuple[Example, ...]:
        """Return harmless examples that must and must not fire."""
        listed = Match(list="Example list", entry="7", by="pdq", distance=4, severity=4)
        digest = replace(listed, by="sha256", distance=0)
        good = replace(listed, list="Known good", negative=True)
        return (
            Example("a picture four bits from an entry", (_shown(listed),), True),
            Example("a file whose digest is on a list", (_shown(digest, place="file", name="/home/a/b.jpg"),), True),
            Example("part of a listed picture", (_shown(replace(listed, by="window", distance=9)),), True),
            Example("a picture on no list", (_shown(),), False),
            Example("a picture as near to a known-good one", (_shown(listed, good),), False),
            Example("a known-good file", (_shown(listed, replace(good, by="md5", distance=0)),), False),
        )


def _keys(seen: Observation, media: MediaSeen, matches: Iterable[Match]) -> list[tuple[str, str, str]]:
    """Return what stands for each match, twice: at this place in whatever content, and in this very content."""
    where = seen.thread or f"{seen.app}|{seen.title}"
    content = f"{where}\0{media.name}\0{media.held}\0{media.prints.sha256}"
    return [(at, match.list, match.entry) for match in matches for at in (where, content)]


def audible(matches: Iterable[Match]) -> list[Match]:
    """Return the matches that known-good (negative) lists do not silence.

    A known-good digest silences everything: these very bytes are known. A perceptual match is silenced by a
    known-good one of its own road that is at least as near, of the same part of a page; a match by windows also by any
    known-good one of the whole.
    """
    found = list(matches)
    good = [match for match in found if match.negative]
    if any(match.by in _DIGESTS for match in good):
        return []
    return [match for match in found if not match.negative and severity(match) and not _silenced(match, good)]


def _silenced(match: Match, good: Sequence[Match]) -> bool:
    good = [other for other in good if other.same_part(match)]
    if match.by == "window":
        return any(other.by != "window" or other.distance <= match.distance for other in good)
    same = [other for other in good if other.by == match.by]
    if match.by == "video":
        return any(_share(other) >= _share(match) for other in same)
    return match.by not in _DIGESTS and any(other.distance <= match.distance for other in same)


def severity(match: Match) -> int:
    """Return how bad a match is if true: the list's word, 0 (no concern) to 5; a near match one less, at most 3."""
    said = max(0, min(5, match.severity))
    return min(NEAR_SEVERITY, max(1, said - 1)) if match.by == "window" and said else said


def confidence(match: Match, prints: Fingerprints) -> float:
    """Return how surely the media is the entry, 0 to 1. It never rises with the distance.

    Digest 1. PDQ 0.99 at 0 bits, 0.90 at 31, less beyond; a hash of quality below 50 (little to see in the picture)
    up to four tenths less. PhotoDNA 0.95 at 0, down to 0.80. Video from 0.60 to 0.99 by the greater of both shares of
    frames. Windows 0.60 at 0, down to 0.30.
    """
    distance = max(0, match.distance)
    match match.by:
        case by if by in _DIGESTS:
            return 1.0
        case "pdq":
            near = 0.99 - 0.09 * distance / 31 if distance <= 31 else max(0.5, 0.90 - 0.02 * (distance - 31))
            return round(near * _clarity(match, prints), 4)
        case "photodna":
            return round(max(0.80, 0.95 - distance * 1e-6), 4)
        case "video":
            return round(0.60 + 0.39 * _share(match), 4)
        case _:
            return round(max(0.30, 0.60 - 0.01 * distance), 4)


def _clarity(match: Match, prints: Fingerprints) -> float:
    """Return 1 for a hash of a picture with enough in it, down to 0.6 for one of quality 0."""
    said = (match.turn, match.stripped, match.region)
    qualities = [p.quality for p in prints.prints if (p.turn, p.stripped, p.region) == said]
    qualities = qualities or [p.quality for p in prints.prints] or [f.quality for f in prints.frames]
    best = max(qualities, default=_GOOD_QUALITY)
    return 0.6 + 0.4 * max(0, min(best, _GOOD_QUALITY)) / _GOOD_QUALITY


def _share(match: Match) -> float:
    return max(0.0, min(1.0, max(match.shares or (0.0, 0.0))))


def _why(media: MediaSeen, best: Match, many: int) -> str:
    what = {"picture": "A picture", "video": "A video"}.get(media.prints.media, "A file")
    if media.place == "screen":
        where = "on the screen"
        if media.box is not None:
            where += f" at {media.box.x}, {media.box.y}, {media.box.w} x {media.box.h} pixels,"
    else:
        upload = "the upload " if media.place == "upload" else ""
        where = f"in {upload}“{media.name}”" + (f", inside it as “{media.held}”," if media.held else "")
    if (part := best.region) is not None:
        where += f", in the part of it at {part.x}, {part.y}, {part.w} x {part.h} pixels,"
    kind = f", of category {best.category} ({best.scheme})" if best.category else ""
    others = f" {many - 1} more entries match." if many > 2 else " One more entry matches." if many == 2 else ""
    turned = ", turned or mirrored" if best.turn else ""
    framed = ", without its border" if best.stripped else ""
    return (
        f"{what} {where} {_how(best)} entry {best.entry} of list “{best.list}”{kind}{turned}{framed}.{others}".replace(
            "  ", " "
        )
    )


def _how(match: Match) -> str:
    match match.by:
        case by if by in _DIGESTS:
            return f"has the very bytes ({by.upper()}) of"
        case "video":
            seen, listed = match.shares or (0.0, 0.0)
            return f"shares {seen:.0%} of its frames with, and shows {listed:.0%} of,"
        case "window":
            return "resembles in part, by a weaker sign that needs a look,"
        case by:
            name = {"pdq": "PDQ", "photodna": "PhotoDNA"}.get(by, by)
            return f"is {match.distance} {'bits' if by == 'pdq' else 'units'} ({name}) from"


def _shown(*matches: Match, place: str = "screen", name: str = "") -> Observation:
    prints = Fingerprints(media="picture", prints=(Print("0f" * 32, 80),))
    media = MediaSeen(prints=prints, matches=matches, place=place, name=name)
    kind = Kind.PICTURE if place == "screen" else Kind.FILE
    return replace(making.observation(None), kind=kind, body=media)
