"""Media as it is matched: fingerprints of a picture, a video or a file, and the matches they gave."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Final

from tocsin.model.rect import Rect

RANK: Final[Mapping[str, int]] = MappingProxyType(
    {"sha256": 0, "sha1": 1, "md5": 2, "pdq": 3, "photodna": 4, "video": 5, "window": 6}
)
"""The ways in which media can match an entry of a list, the surest first: all that ``Match.by`` can name.

``window`` is the crop-tolerant signal, weaker than all others.
"""


@dataclass(frozen=True, slots=True)
class Print:
    """A PDQ hash: 64 hex digits, quality 0 to 100, and which road made it.

    ``path`` is ``full`` (the reference's, the only one that may be shared), ``scaled`` (from the decoder's scaled
    output) or ``screen`` (from pixels as displayed). ``stripped`` tells that uniform borders were cut off before.
    ``turn`` is the orientation hashed, 0 to 7 in the reference's order, 0 the picture as it stands. ``white`` tells
    that transparent parts were laid on white, as a viewer shows them; without, alpha is dropped, as in shared lists.
    ``region`` is where in the picture the hashed part stands (a photograph on a saved page), None for all of it.
    """

    hex: str
    quality: int
    path: str = "full"
    stripped: bool = False
    turn: int = 0
    white: bool = False
    region: Rect | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """A video frame's PDQ hash, and the second of the video it stands at (the container's own time).

    ``number`` counts the frames from 0. ``path`` is ``full`` (the reference's, the only one that may be shared) or
    ``screen`` (from pixels as displayed); ``stripped`` tells that uniform borders were cut off before.
    """

    at: float
    hex: str
    quality: int
    number: int = 0
    path: str = "full"
    stripped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprints:
    """All that is compared with lists, and nothing that could be looked at: digests and perceptual hashes (hex).

    ``media`` is ``picture``, ``video`` or ``other``; ``format`` what it is by content (``jpeg``, ``video/mp4``, …).
    ``windows`` are the crop-tolerant signal's codes (hex); ``photodna`` (288 hex digits) comes only from others, it is
    never computed here. An animated picture's further frames are ``frames``. ``attached`` is the kind of an archive
    that hangs on behind a picture (``zip``, …): viewers show the picture, and whoever knows unpacks the rest.
    ``reason`` is set where a part could not be examined (a NotScanned reason, with ``detail`` its sentence): what
    is here may still match, but no match is then *not scanned*, never *clean*.
    """

    media: str
    md5: str = ""
    sha1: str = ""
    sha256: str = ""
    prints: tuple[Print, ...] = ()
    frames: tuple[Frame, ...] = ()
    windows: tuple[str, ...] = ()
    photodna: str = ""
    format: str = ""
    attached: str = ""
    reason: str = ""
    detail: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form that is sent to a hub, what is compared with lists; empty fields are left out."""
        return {name: value for name, value in asdict(self).items() if value and name not in _KEPT}


_KEPT = frozenset({"format", "attached", "reason", "detail"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One entry of one hash list that media matched.

    ``by`` names the way, one of ``RANK``. ``distance`` is 0 for digests, bits for PDQ. ``scheme`` and ``category``
    are the list's own, never mapped; ``severity`` is what the list's owner says of them. A match on a ``negative``
    list (known good) silences. ``shares`` are the parts (0 to 1) of a video's frames found, of the
    one seen and of the one listed. ``key`` (16 hex digits) tells the entry apart from all others of its list, and stays
    the same when the list is built anew; it never leaves this machine. ``region`` is the part of the picture that
    matched, None for all of it.
    """

    list: str
    entry: str
    by: str
    distance: int
    severity: int = 4
    scheme: str = ""
    category: str = ""
    source: str = ""
    negative: bool = False
    turn: int = 0
    stripped: bool = False
    shares: tuple[float, float] | None = None
    key: str = field(default="", repr=False, compare=False)
    region: Rect | None = None

    def same_part(self, other: "Match") -> bool:
        """Say whether both are of the same part of what was seen: a known-good neighbour on a page vouches for none."""
        if self.region is None or other.region is None:
            return self.region is other.region
        return self.region.overlap(other.region) >= 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What an operator's own classifier said of a picture: its name, the label, Tocsin's category and how bad if true.

    ``score`` is the classifier's, 0 to 1; ``precision`` what its makers measured at the threshold it passed.
    """

    classifier: str
    name: str
    category: str
    severity: int
    score: float
    precision: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSeen:
    """A picture, frame or file that was compared with hash lists, and what it matched.

    ``place`` is ``screen``, ``file``, ``upload`` or ``stream``; ``name`` the file's path or the stream's address
    (private: only ever sealed); ``held`` says where inside an archive it lay. ``labels`` are what a classifier said of
    a frame. ``box`` is where a picture stood on the screen, ``pixels`` what stood there: RGB,
    ``box.w`` x ``box.h`` x 3 bytes, row by row, in memory only, for the evidence of an order that allows pictures.
    """

    prints: Fingerprints
    matches: tuple[Match, ...]
    place: str
    name: str = ""
    held: str = ""
    size: int = 0
    labels: tuple[Label, ...] = ()
    box: Rect | None = None
    pixels: bytes = field(default=b"", repr=False)
