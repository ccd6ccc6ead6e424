"""What a person reads about known media: which list, which entry, how it was found, what its category means."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

DIGESTS: Final[Mapping[str, str]] = MappingProxyType({"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256"})
SHOWN: Final = 20
"""Entries shown on an alert's page before the rest is counted."""

_KINDS: Final = {"pdq": "picture", "photodna": "picture", "window": "picture", "video": "video"}
_PDQ_BITS: Final = 256
_STRENGTHS: Final[tuple[tuple[int, str], ...]] = (
    (0, "Looks the same."),
    (10, "Looks the same; saved anew or resized."),
    (31, "Very like it, such as the same picture altered."),
    (_PDQ_BITS, "Somewhat like it; look with care."),
)
_NEAR: Final = "A part of it resembles a part of the listed picture. This is a weaker sign; look before you conclude."


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry of a list as the alert's page shows it. ``how`` is what compared them, ``means`` what that says."""

    list: str
    entry: str
    how: str
    means: str
    category: str
    meaning: str
    weaker: bool


def shown(match: Mapping[str, Any], meaning: str = "") -> Shown:
    """Return a match in words; ``meaning`` is what the category's scheme says of it."""
    by, distance = str(match["by"]), int(match["distance"])
    how, means = _how(by, distance)
    for way in match.get("also") or ():
        how += f", and {_how(str(way['by']), int(way['distance']))[0]}"
    scheme = str(match.get("scheme") or "")
    category = str(match.get("category") or "")
    named = f"{category} ({scheme})" if category and scheme else category
    return Shown(str(match["list"]), str(match["entry"]), how, means, named, meaning, by == "window")


def title(category: str, matches: Sequence[Mapping[str, Any]]) -> str:
    """Return an alert's title: "Known media: list demo, 1 picture, for review"."""
    lists = list(dict.fromkeys(str(match["list"]) for match in matches))
    named = f"list {lists[0]}" if len(lists) == 1 else f"{len(lists)} lists"
    what = "Like known media" if category == "near-match" else "Known media"
    return f"{what}: {named}, {counted(matches)}, for review"


def counted(matches: Iterable[Mapping[str, Any]]) -> str:
    """Return how many pictures, videos and files these are: "2 pictures and 1 file".

    What is on several lists, or was seen on the screen and saved too, is one (``thing``: see hub.known_media.merge).
    """
    things: dict[object, list[Mapping[str, Any]]] = {}
    for number, match in enumerate(matches):
        things.setdefault(match.get("thing", f"alone {number}"), []).append(match)
    kinds = Counter(_kind(thing) for thing in things.values())
    parts = [f"{n} {kind if n == 1 else kind + 's'}" for kind in ("picture", "video", "file") if (n := kinds[kind])]
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def _kind(thing: Iterable[Mapping[str, Any]]) -> str:
    """Return what was found: a digest alone tells only that it is a file."""
    ways = [way for match in thing for way in (match, *(match.get("also") or ()))]
    kinds = [_KINDS[str(way["by"])] for way in ways if str(way["by"]) in _KINDS]
    return kinds[0] if kinds else "file"


def _how(by: str, distance: int) -> tuple[str, str]:
    if by in DIGESTS:
        return f"by {DIGESTS[by]}", "The very same file, byte for byte."
    if by == "pdq":
        means = next(words for most, words in _STRENGTHS if distance <= most or most == _PDQ_BITS)
        return f"by PDQ at distance {distance} of {_PDQ_BITS}", means
    if by == "photodna":
        return f"by PhotoDNA at distance {distance}", "Looks the same, by the list owner's own measure."
    if by == "video":
        return "by its frames", "Enough of its frames are on the list."
    return "by part of a picture", _NEAR
