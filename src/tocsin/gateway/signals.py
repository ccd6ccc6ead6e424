"""Signal types: the names that callers use for kinds of hash, and how a hash of each is written."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from tocsin.matching.lists.entry import BadRow, read_hash
from tocsin.media.vpdq_forms import FormError, read_json, read_text
from tocsin.model.media import Fingerprints, Match, Print

PHOTO: Final = "photo"
VIDEO: Final = "video"
CONTENT_TYPES: Final = (PHOTO, VIDEO)


@dataclass(frozen=True, slots=True)
class SignalType:
    """A kind of hash: the kind that lists know it by, the media it is made of, whether only equal ones match.

    ``always`` types are offered by every gateway; the others where a list holds hashes of their kind.
    """

    name: str
    kind: str
    media: frozenset[str]
    exact: bool
    always: bool = False


_BOTH = frozenset(CONTENT_TYPES)

TYPES: Mapping[str, SignalType] = MappingProxyType(
    {
        one.name: one
        for one in (
            SignalType("pdq", "pdq", frozenset({PHOTO}), exact=False, always=True),
            SignalType("video_md5", "md5", frozenset({VIDEO}), exact=True, always=True),
            SignalType("md5", "md5", _BOTH, exact=True),
            SignalType("sha1", "sha1", _BOTH, exact=True),
            SignalType("sha256", "sha256", _BOTH, exact=True),
            SignalType("vpdq", "frames", frozenset({VIDEO}), exact=False),
            SignalType("photodna", "photodna", frozenset({PHOTO}), exact=False),
        )
    }
)
"""Every signal type, by name, in the order in which they are shown."""

_ROADS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "pdq": frozenset({"pdq", "window"}),
        "vpdq": frozenset({"video", "pdq"}),
        "photodna": frozenset({"photodna"}),
        "video_md5": frozenset({"md5"}),
    }
)
_HEX64 = re.compile(r"[0-9a-fA-F]{64}")


class SignalError(ValueError):
    """A signal that cannot be read; the message is a sentence."""


def read_signal(kind: SignalType, text: str) -> Fingerprints:
    """Return what is compared for a signal as callers write it. Raises SignalError."""
    if kind.name == "pdq":
        if not _HEX64.fullmatch(text):
            raise SignalError("A PDQ hash has 64 hexadecimal digits.")
        return Fingerprints(media="picture", prints=(Print(text.lower(), 100),))
    if kind.name == "vpdq":
        try:
            frames = (read_json(text) if text.lstrip()[:1] == "[" else read_text(text)).frames
        except FormError as error:
            raise SignalError(f"The vPDQ hash cannot be read: {error}") from error
        if not frames:
            raise SignalError("The vPDQ hash holds no frame.")
        return Fingerprints(media="video", frames=frames)
    try:
        value = read_hash(kind.kind, text)
    except BadRow as error:
        raise SignalError(f"The {kind.name} hash cannot be read: {error}.") from error
    media = "video" if kind.name == "video_md5" else "picture" if kind.name == "photodna" else "other"
    held: Any = {kind.kind: value.hex()}
    return Fingerprints(media=media, **held)


def write_signals(prints: Fingerprints) -> dict[str, str]:
    """Return the signals of content that was hashed, by type; a picture too flat to be compared has an empty one."""
    found: dict[str, str] = {}
    if prints.media == "picture":
        own = next((one for one in prints.prints if not one.turn and not one.stripped and not one.white), None)
        if own is not None:
            found["pdq"] = own.hex
    elif prints.md5:
        found["video_md5"] = prints.md5
    found |= {name: value for name in ("md5", "sha1", "sha256") if (value := getattr(prints, name))}
    if prints.media == "video" and prints.frames:
        shown = [one for one in prints.frames if not one.stripped]
        found["vpdq"] = "[" + ", ".join(f'"{one.hex},{one.quality},{one.at:.3f}"' for one in shown) + "]"
    return found


def is_of(match: Match, kind: SignalType) -> bool:
    """Tell whether a match was made by a signal type's own hash."""
    return match.by in _ROADS.get(kind.name, frozenset({kind.kind}))


def distance_text(match: Match) -> str:
    """Return a distance as HMA writes it: bits, ``-`` for equal digests, shares of frames for videos."""
    if match.by in ("md5", "sha1", "sha256"):
        return "-"
    if match.by == "video" and match.shares is not None:
        return f"{match.shares[0]:.0%}[{match.shares[1]:.0%}]"
    return str(match.distance)
