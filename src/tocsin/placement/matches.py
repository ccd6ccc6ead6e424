"""What is recorded of media that a hash list knows: for the hub the entry and the distance, for the sealed evidence
also the place, the name, the digests and hashes."""

from typing import Any

from tocsin.model import Finding, Match, MediaSeen, Rect

_JOURNAL_MATCHES = 20
_SEALED_MATCHES = 100
_SEALED_HASHES = 200
_TEXT = 200


def journal_matches(finding: Finding) -> list[dict[str, Any]]:
    """Return what the hub may read of a finding's matches: no path, no name, no hash, no place; ``part`` says that it
    is one picture on a page.
    """
    return [
        {
            "list": match.list[:_TEXT],
            "entry": match.entry[:_TEXT],
            "by": match.by[:40],
            "distance": match.distance,
            "scheme": match.scheme[:_TEXT],
            "category": match.category[:_TEXT],
            **({"part": True} if match.region is not None else {}),
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
            | ({"region": _box(p.region)} if p.region is not None else {})
            for p in prints.prints[:_SEALED_HASHES]
        ],
        "frames": [{"at": f.at, "pdq": f.hex, "quality": f.quality} for f in prints.frames[:_SEALED_HASHES]],
        "box": _box(media.box),
        "matches": [_match(match) for match in finding.matches[:_SEALED_MATCHES]],
    }


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
        "region": _box(match.region),
    }


def _box(box: Rect | None) -> list[int] | None:
    return [box.x, box.y, box.w, box.h] if box is not None else None


def _readable(name: str) -> str:
    """Return a file's name as text that can be written down: bytes that are no text become their code."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
