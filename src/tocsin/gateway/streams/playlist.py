"""HLS playlists (RFC 8216), read no further than watching needs: variants, segments, and where one begins anew."""

import re
from dataclasses import dataclass
from urllib.parse import urljoin

MOST_LINES = 50_000
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
class Segment:
    """One media segment. ``first`` is the address of what must be read before it, ``fresh`` a discontinuity."""

    url: str
    number: int
    seconds: float
    first: str = ""
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
    first, fresh, ended = "", False, False
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
                if "BYTERANGE" in there:
                    raise PlaylistError("unsupported", _RANGES)
                first, fresh = urljoin(base, there.get("URI", "")), True
            case "#EXT-X-BYTERANGE":
                raise PlaylistError("unsupported", _RANGES)
            case "#EXT-X-KEY" if _attributes(value).get("METHOD", "NONE") != "NONE":
                raise PlaylistError("unsupported", "The stream is encrypted; watch it where it is not.")
            case _ if line.startswith("#"):
                continue
            case _ if pending is not None:
                height = _number(pending.get("RESOLUTION", "0x0").rpartition("x")[2])
                variants.append(Variant(urljoin(base, line), int(_number(pending.get("BANDWIDTH", "0"))), int(height)))
                pending = None
            case _:
                segments.append(Segment(urljoin(base, line), number, seconds, first, fresh))
                number, fresh = number + 1, False
    return Playlist(tuple(variants), tuple(segments), target, ended)


_RANGES = "The playlist cuts its segments out of one file (byte ranges), which is not watched."


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
