"""What is recorded of media that a hash list knows: for the hub the entry and the distance, for the sealed evidence
also the place, the name, the digests and hashes; the bytes of the picture only where the order allows pictures."""

import hashlib
import io
import os
from pathlib import Path
from typing import Any

from PIL import Image

from tocsin.model import Finding, Match, MediaSeen, NotScanned, Rect

MAX_FILE = 8 << 20
"""Largest file whose bytes are sealed."""
_JOURNAL_MATCHES = 20
_SEALED_MATCHES = 100
_SEALED_HASHES = 200
_TEXT = 200


def journal_matches(finding: Finding) -> list[dict[str, Any]]:
    """Return what the hub may read of a finding's matches: no path, no name, no hash."""
    return [
        {
            "list": match.list[:_TEXT],
            "entry": match.entry[:_TEXT],
            "by": match.by[:40],
            "distance": match.distance,
            "scheme": match.scheme[:_TEXT],
            "category": match.category[:_TEXT],
        }
        for match in finding.matches[:_JOURNAL_MATCHES]
    ]


def sealed_media(finding: Finding, media: MediaSeen, *, words: bool) -> dict[str, Any]:
    """Return what evidence holds of the media; names only where ``words`` are allowed."""
    prints = media.prints
    digests = {name: getattr(prints, name) for name in ("md5", "sha1", "sha256") if getattr(prints, name)}
    return {
        "place": media.place,
        "name": _readable(media.name) if words else "",
        "held": _readable(media.held) if words else "",
        "size": media.size,
        "media": prints.media,
        "digests": digests,
        "prints": [
            {"pdq": p.hex, "quality": p.quality, "path": p.path, "stripped": p.stripped, "turn": p.turn}
            for p in prints.prints[:_SEALED_HASHES]
        ],
        "frames": [{"at": f.at, "pdq": f.hex, "quality": f.quality} for f in prints.frames[:_SEALED_HASHES]],
        "box": _box(media.box),
        "matches": [_match(match) for match in finding.matches[:_SEALED_MATCHES]],
    }


def picture_of(media: MediaSeen) -> bytes | None:
    """Return the picture as a PNG or JPEG file: what stood on the screen, or the very file that was hashed.

    None where it is not at hand any more, of another kind, inside an archive, or too large. Raises OSError.
    """
    if media.place == "screen":
        return _crop(media)
    return None if media.held else _file(media)


def _crop(media: MediaSeen) -> bytes | None:
    box = media.box
    if box is None or not media.pixels or len(media.pixels) != box.w * box.h * 3:
        return None
    out = io.BytesIO()
    Image.frombytes("RGB", (box.w, box.h), media.pixels).save(out, "PNG", compress_level=3)
    return out.getvalue()


def _file(media: MediaSeen) -> bytes | None:
    """Read the file again; other bytes than those that were hashed are not evidence."""
    from tocsin.agent.sensors.caches import body_of

    if media.size > MAX_FILE:
        return None
    handle = os.open(media.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        data = file.read(2 * MAX_FILE)
    body = body_of(Path(media.name), data)
    data = data if body is None or isinstance(body, NotScanned) else body
    known = media.prints.sha256
    if len(data) > MAX_FILE or not known or hashlib.sha256(data).hexdigest() != known:
        return None
    return data if data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")) else None


def _match(match: Match) -> dict[str, Any]:
    return {
        "list": match.list,
        "entry": match.entry,
        "by": match.by,
        "distance": match.distance,
        "severity": match.severity,
        "scheme": match.scheme,
        "category": match.category,
        "source": match.source,
        "turn": match.turn,
        "stripped": match.stripped,
        "shares": list(match.shares) if match.shares else None,
    }


def _box(box: Rect | None) -> list[int] | None:
    return [box.x, box.y, box.w, box.h] if box is not None else None


def _readable(name: str) -> str:
    """Return a file's name as text that can be written down: bytes that are no text become their code."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
