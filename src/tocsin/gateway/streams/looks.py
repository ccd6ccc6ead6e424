"""What the limited process tells of a stream, read field by field as a stranger's words."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tocsin.media.messages import MessageError, result_of, told
from tocsin.model.media import Fingerprints, Print
from tocsin.model.observation import NotScanned

KINDS = ("classifier", "scenes", "keyframes")
"""What may be left out for want of time."""
_MOST = 1 << 53


@dataclass(frozen=True, slots=True)
class Look:
    """One frame that was looked at: ``at`` seconds into the stream, when its bytes ``arrived_ns``, and its prints.

    ``scene``: a change of scene between keyframes. ``labels`` are what the operator's classifier said.
    """

    at: float
    arrived_ns: int
    prints: tuple[Print, ...]
    scene: bool = False
    labels: tuple[tuple[str, float], ...] = ()


@dataclass(slots=True)
class Tally:
    """What a stream has come to, in one decoder: frames looked at, keyframes met, what was left out and why.

    ``spared`` are keyframes closer together than the least distance; ``shed`` what there was no time for; ``longest``
    the longest time in the stream between two looks; ``sizes`` the sizes the picture had.
    """

    looked: int = 0
    keyframes: int = 0
    scenes: int = 0
    spared: int = 0
    broken: int = 0
    reopened: int = 0
    bytes: int = 0
    longest: float = 0.0
    level: int = 0
    sizes: tuple[str, ...] = ()
    shed: Counter[str] = field(default_factory=Counter)

    def plus(self, other: "Tally") -> "Tally":
        """Return both together: of a stream that was handed from one decoder to another."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in _SUMS}
        return Tally(
            **sums,
            longest=max(self.longest, other.longest),
            level=other.level,
            sizes=tuple(dict.fromkeys(self.sizes + other.sizes)),
            shed=self.shed + other.shed,
        )


_SUMS = ("looked", "keyframes", "scenes", "spared", "broken", "reopened", "bytes")


def look_of(raw: dict[str, Any]) -> Look:
    """Read one look. Raises MessageError."""
    try:
        if len(raw["prints"]) > 16 or len(raw.get("labels", ())) > 64:
            raise MessageError("a look is too long")
        result = result_of({"found": told(Fingerprints(media="picture"))["found"] | {"prints": raw["prints"]}})
        if isinstance(result, NotScanned):
            raise MessageError("a look is none")
        at, arrived = float(raw["at"]), raw["arrived_ns"]
        if not 0 <= at <= 1e9 or type(arrived) is not int or not 0 <= arrived < 1 << 63:
            raise MessageError("a moment is out of bounds")
        labels = tuple((str(name)[:80], min(1.0, max(0.0, float(p)))) for name, p in raw.get("labels", ()))
        return Look(at, arrived, result.prints, bool(raw["scene"]), labels)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise MessageError("a look is not of the form agreed") from error


def fingerprints(look: Look) -> Fingerprints:
    """Return a look as it is compared with lists."""
    return Fingerprints(media="picture", prints=look.prints)


def tally_of(message: dict[str, Any]) -> Tally:
    """Read the counts beside a look. Raises MessageError."""
    try:
        counts, shed = message["counts"], message["shed"]
        return Tally(
            **{name: _whole(counts[name]) for name in _SUMS},
            longest=min(1e9, max(0.0, float(counts["longest"]))),
            level=_whole(message["level"]) % 16,
            sizes=tuple(str(size)[:24] for size in counts["sizes"][:20]),
            shed=Counter({name: _whole(shed[name]) for name in KINDS if name in shed}),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MessageError("counts are not of the form agreed") from error


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _MOST:
        raise MessageError("a count is out of bounds")
    return value
