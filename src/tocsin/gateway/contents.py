"""Content as it comes in: by URL or as an upload, hashed, and told by signal type, with what could not be compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request

from tocsin.gateway.catalogue import drawn
from tocsin.gateway.hashing import absent
from tocsin.gateway.refusals import Refused
from tocsin.gateway.signals import CONTENT_TYPES, TYPES, VIDEO, SignalType, write_signals
from tocsin.gateway.uploads import one_file
from tocsin.media.limited import LimitedError
from tocsin.model.media import Fingerprints
from tocsin.model.observation import NotScanned

if TYPE_CHECKING:
    from tocsin.gateway.gateway import Gateway

LEAST_QUALITY: Final = 50
"""PDQ hashes below this quality have too little in them to be compared; HMA's own bound."""


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that a caller wants hashed. ``kind`` is ``photo`` or ``video`` as the caller calls them."""

    data: bytes
    kind: str
    name: str = ""
    media_type: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Hashed:
    """Hashed content: its signals by type, and for those that cannot be compared the reason and a sentence.

    ``partly`` are those of which something was left out (a file that ends early): what there is was hashed.
    """

    content: Content
    prints: Fingerprints
    signals: Mapping[str, str]
    absent: dict[str, dict[str, str]]
    partly: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def unexamined(self) -> dict[str, dict[str, Any]]:
        """What no answer may leave out: the types that could not be compared, wholly or in part."""
        return self.absent | self.partly


async def by_upload(gateway: "Gateway", request: Request) -> Content:
    """Return the one file of a form; its field's name says what it is. Raises Refused."""
    upload, _ = await one_file(request, gateway.settings.max_bytes)
    return Content(upload.data, kind_of(upload.field), upload.name, upload.media_type)


async def by_url(gateway: "Gateway", url: str, kind: str | None) -> Content:
    """Fetch content. Raises Refused; 400 also where neither ``kind`` nor the answer says what it is."""
    if kind is not None:
        kind_of(kind)
    fetched = await gateway.fetcher.fetch(url)
    if not fetched.data:
        raise Refused(400, "There is nothing at this URL.")
    if kind is None:
        first = fetched.media_type.partition("/")[0].strip().lower()
        if first not in ("image", "video"):
            raise Refused(
                400, "The other server does not say that this is an image or a video; give content_type=photo or video."
            )
        kind = VIDEO if first == "video" else "photo"
    return Content(fetched.data, kind, fetched.url.rpartition("/")[2][:255], fetched.media_type, url)


def kind_of(name: str) -> str:
    """Return a content type by its name. Raises Refused (400)."""
    if name not in CONTENT_TYPES:
        raise Refused(400, f"There is no content type {name[:40]!r}; there are: {', '.join(CONTENT_TYPES)}.")
    return name


def types_of(gateway: "Gateway", given: tuple[str, ...] | None, seed: str | None = None) -> dict[str, SignalType]:
    """Return the signal types asked for, or all that are enabled. Raises Refused for an unknown or disabled one."""
    if given is not None:
        return {name: gateway.catalogue.type_named(name) for name in given}
    return {name: TYPES[name] for name, ratio in gateway.catalogue.types().items() if drawn(ratio, name, seed)}


async def hashed(
    gateway: "Gateway", content: Content, types: Mapping[str, SignalType], *, turns: bool = False, listing: bool = False
) -> Hashed:
    """Hash content, in a limited process. ``listing`` makes hashes fit to be listed and shared, at any price.

    Raises Refused: 400 for content that cannot even be digested, 503 where no process can be started.
    """
    kinds = gateway.catalogue.kinds
    frames = "vpdq" in types if listing else bool(kinds & {"pdq", "frames"})
    windows, regions = not listing and "window" in kinds, not listing and "pdq" in kinds
    try:
        prints = await gateway.hasher.hash(
            content.data, turns=turns, windows=windows, frames=frames, fast=not listing, regions=regions
        )
    except LimitedError as error:
        raise Refused(503, str(error)) from error
    if isinstance(prints, NotScanned):
        raise Refused(400, absent(prints))
    made = write_signals(prints)
    missing: dict[str, dict[str, str]] = {}
    partly: dict[str, dict[str, Any]] = {}
    signals: dict[str, str] = {}
    photo = prints.media == "picture" or (prints.media == "other" and content.kind != VIDEO)
    framed = frames and not photo and not listing  # a video's frames are compared with listed pictures
    for name, kind in types.items():
        if name == "photodna" or (("photo" if photo else "video") not in kind.media and not (framed and name == "pdq")):
            continue
        why = _absence(name, prints, photo=photo, listing=listing)
        if why is not None:
            missing[name] = why
        elif prints.reason and not kind.exact:
            partly[name] = {"reason": prints.reason, "sentence": prints.detail, "partly": True}
        signals[name] = "" if why is not None else made.get(name, "")
    return Hashed(content, prints, signals, missing, partly)


def _absence(name: str, prints: Fingerprints, *, photo: bool, listing: bool) -> dict[str, str] | None:
    """Return why a content has no signal of a type that could be compared, or None where it has one.

    An animated picture is looked up by each of its frames, but listed by its first.
    """
    what = "picture" if photo else "video"
    if name == "pdq":
        seen = [one.quality for one in prints.prints]
        seen += [] if photo and listing else [one.quality for one in prints.frames]
        if any(quality >= LEAST_QUALITY for quality in seen):
            return None
        if seen:
            return {"reason": "low-quality", "sentence": f"The {what} has too little in it to be told from others."}
        said = prints.detail or f"This is no {what} that could be decoded."
        return {"reason": prints.reason or "unsupported", "sentence": said}
    if name == "vpdq" and not prints.frames:
        return {"reason": prints.reason or "unsupported", "sentence": prints.detail or "No frame could be read."}
    return None
