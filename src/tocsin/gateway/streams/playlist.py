"""HLS playlists (RFC 8216), read no further than watching needs: variants, segments, and where one begins anew."""

import re
from dataclasses import dataclass, field
from urllib.parse import urljoin

MOST_LINES = 50_000
MOST_SEGMENT = 64 << 20
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)')


class PlaylistError(ValueError):
    """A playlist that cannot be watched; ``code`` is a reason of NotScanned, the message a sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class Variant:
    """One rendition in a master playlist."""

    url: str
    bandwidth: int
    height: int


@dataclass(frozen=True, slots=True)
class Part:
    """What is fetched: all of an address, or bytes of it (``span``: where they begin, how many).

    ``key`` is the address of the AES-128 key it is locked with, ``vector`` the 16 bytes that its first block needs.
    """

    url: str
    span: tuple[int, int] | None = None
    key: str = ""
    vector: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Segment:
    """One media segment. ``first`` is what must be read before it, ``fresh`` a discontinuity."""

    media: Part
    number: int
    seconds: float
    first: Part | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Playlist:
    """A playlist: variants (a master playlist) or segments. ``ended`` tells that no more segments will come."""

    variants: tuple[Variant, ...] = ()
    segments: tuple[Segment, ...] = ()
    target: float = 6.0
    ended: bool = False

    def chosen(self, least: int = 360) -> Variant:
        """Return the smallest variant that still shows enough, else the largest."""
        ranked = sorted(self.variants, key=lambda one: (one.height, one.bandwidth))
        return next((one for one in ranked if one.height >= least), ranked[-1])


def parse(text: str, base: str) -> Playlist:
    """Read a playlist that came from ``base``. Raises PlaylistError."""
    lines = [line.strip() for line in text.splitlines()[: MOST_LINES + 1]]
    if not lines or lines[0].lstrip("\ufeff") != "#EXTM3U":
        raise PlaylistError("unreadable", "The playlist is none: it does not begin with #EXTM3U.")
    if len(lines) > MOST_LINES:
        raise PlaylistError("too-large", "The playlist is too long.")
    variants: list[Variant] = []
    segments: list[Segment] = []
    number, target, seconds = 0, 6.0, 0.0
    first: Part | None = None
    fresh, ended = False, False
    keys, spans = _Keys(base), _Spans()
    pending: dict[str, str] | None = None
    for line in lines[1:]:
        tag, _, value = line.partition(":")
        match tag:
            case "":
                continue
            case "#EXT-X-STREAM-INF":
                pending = _attributes(value)
            case "#EXTINF":
                seconds = _number(value.split(",")[0])
            case "#EXT-X-TARGETDURATION":
                target = min(60.0, max(0.2, _number(value)))
            case "#EXT-X-MEDIA-SEQUENCE":
                number = int(_number(value))
            case "#EXT-X-DISCONTINUITY":
                fresh = True
            case "#EXT-X-ENDLIST":
                ended = True
            case "#EXT-X-MAP":
                there = _attributes(value)
                span = _span(there["BYTERANGE"], 0) if "BYTERANGE" in there else None
                first, fresh = Part(urljoin(base, there.get("URI", "")), span, *keys.of(None)), True
            case "#EXT-X-BYTERANGE":
                spans.wanted = value
            case "#EXT-X-KEY":
                keys.take(_attributes(value))
            case _ if line.startswith("#"):
                continue
            case _ if pending is not None:
                height = _number(pending.get("RESOLUTION", "0x0").rpartition("x")[2])
                variants.append(Variant(urljoin(base, line), int(_number(pending.get("BANDWIDTH", "0"))), int(height)))
                pending = None
            case _:
                url = urljoin(base, line)
                segments.append(Segment(Part(url, spans.of(url), *keys.of(number)), number, seconds, first, fresh))
                number, fresh = number + 1, False
    return Playlist(tuple(variants), tuple(segments), target, ended)


class _Spans:
    """Which bytes of a file each segment is: said in full, or going on where the segment before ended."""

    def __init__(self) -> None:
        self.wanted = ""
        self._url, self._end = "", -1

    def of(self, url: str) -> tuple[int, int] | None:
        """Return the bytes of the segment at an address; None where it is all of it."""
        wanted, self.wanted = self.wanted, ""
        if not wanted:
            self._url = ""
            return None
        start, count = _span(wanted, self._end if self._url == url else -1)
        self._url, self._end = url, start + count
        return start, count


class _Keys:
    """What the segments that follow are locked with (RFC 8216, 4.3.2.4); only AES-128 with a plain key is opened."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._held: dict[str, dict[str, str]] = {}

    def take(self, tag: dict[str, str]) -> None:
        """Take in a key tag: it replaces the one before in the same format; NONE ends all."""
        if tag.get("METHOD", "NONE") == "NONE":
            self._held = {}
        elif len(self._held) < 16:
            self._held[tag.get("KEYFORMAT", "identity")] = tag

    def of(self, number: int | None) -> tuple[str, bytes]:
        """Return the key's address and the vector for the segment of a number; None: for what is read first."""
        if not self._held:
            return "", b""
        tag = self._held.get("identity")
        if tag is None or tag["METHOD"] != "AES-128":
            raise PlaylistError("unsupported", _LOCKED)
        vector = tag.get("IV", "")
        if not tag.get("URI") or (not vector and number is None):
            raise PlaylistError("unreadable", "The playlist does not say all that is needed to open its encryption.")
        if vector and not _VECTOR.fullmatch(vector):
            raise PlaylistError("unreadable", "The playlist gives an initialisation vector that is none.")
        opening = int(vector, 16) if vector else number or 0
        return urljoin(self._base, tag["URI"]), opening.to_bytes(16, "big")


_LOCKED = (
    "The stream is encrypted in a way that is not opened (SAMPLE-AES, or a DRM's keys); only AES-128 is. "
    "Watch it where it is not encrypted."
)
_VECTOR = re.compile(r"0[xX][0-9A-Fa-f]{1,32}")


def _span(text: str, follows: int) -> tuple[int, int]:
    """Read a byte range (``count@start``); without a start it begins at ``follows``, if that is known."""
    count, at, start = text.partition("@")
    found = (int(_number(start)) if at else follows), int(_number(count))
    if found[0] < 0 or not found[1]:
        raise PlaylistError("unreadable", "The playlist cuts its segments out of a file, and not where they begin.")
    if found[1] > MOST_SEGMENT:
        raise PlaylistError("too-large", "A segment of the playlist is too long.")
    return found


def _attributes(text: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(text[:4096])}


def _number(text: str) -> float:
    try:
        value = float(text.strip()[:20])
    except ValueError:
        raise PlaylistError("unreadable", "A number in the playlist is none.") from None
    if not 0 <= value < 1e12:
        raise PlaylistError("unreadable", "A number in the playlist is out of bounds.")
    return value
