"""Fingerprints of a file: digests always, and the prints of what is to be seen in it.

In this process, so for files that are trusted; ``tocsin.media.limited`` runs the same in a limited one. A picture that
cannot be decoded still has digests, which may be listed: its fingerprints then carry the reason beside them.
"""

import os
from collections.abc import Collection
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from tocsin.media import decoding, digests, formats, pdq, scaled
from tocsin.media.borders import strip
from tocsin.media.decoding import Decoded, MediaError
from tocsin.media.grounds import is_page
from tocsin.media.naming import as_named
from tocsin.media.opening import head_of, open_regular, words
from tocsin.media.options import Options
from tocsin.model.media import Fingerprints, Frame, Print
from tocsin.model.observation import NotScanned

__all__ = ["Options", "fingerprint", "fingerprint_pixels"]

Pixels = npt.NDArray[np.uint8]

MOST_BYTES = 512 << 20
"""A picture file larger than this is digested and not decoded."""
MOST_STRIPS = 3
"""Borders within borders that are cut off, each a second look of its own."""
MOST_STILLS = 20
"""Further frames of an animated picture that are kept: those that differ from all before."""
LEAST_WHOLE = 0.5
"""A picture that ends early gives a print where at least this share of its rows is there; it stays *unreadable*."""
_APART = 16
_EXACT = frozenset({"png", "bmp", "gif", "tiff", "ico"})
_STILL_PIXELS = 500_000_000


def fingerprint(
    source: bytes | str | Path | BinaryIO,
    options: Options | None = None,
    *,
    limit_pixels: int = decoding.LIMIT_PIXELS,
) -> Fingerprints | NotScanned:
    """Fingerprint bytes, a file by its path, or an open binary file. NotScanned where not even digests can be had."""
    options = options or Options()
    if isinstance(source, bytes):
        return _of(BytesIO(source), options, limit_pixels)
    if isinstance(source, str | Path):
        descriptor = open_regular(source)
        if isinstance(descriptor, NotScanned):
            return descriptor
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            return as_named(_of(file, options, limit_pixels), source, head_of(descriptor))
    return _of(source, options, limit_pixels)


def fingerprint_pixels(rgb: Pixels, options: Options, path: str = "screen") -> Fingerprints:
    """Fingerprint pixels that are decoded already, such as a part of the screen; ``path`` says where they are from."""
    decoded = Decoded(rgb, "pixels")
    return Fingerprints(media="picture", prints=tuple(_prints(decoded, options, path)), windows=_windows(rgb, options))


def _of(file: BinaryIO, options: Options, limit: int) -> Fingerprints | NotScanned:
    try:
        head = file.read(formats.HEAD)
        kind = formats.kind_of(head)
        media = formats.media_of(kind)
        if media != "picture":
            return _other(file, kind, media, options)
        data = head + _rest(file)
        whole = len(data) <= MOST_BYTES
        file.seek(0)
        sums = digests.digest_bytes(data) if whole else digests.digest_stream(file)
    except OSError as error:
        return NotScanned("unreadable", words(error))
    except MemoryError:
        return NotScanned("too-large", "The file needs more memory than it may use.")
    base = replace(_base(media, kind, sums, options), attached=formats.attached_to(data))
    if not whole:
        return replace(base, reason="too-large", detail=f"Pictures over {MOST_BYTES >> 20} MB are not decoded.")
    try:
        return _picture(data, base, options, limit)
    except MediaError as error:
        return replace(base, reason=error.code, detail=str(error))
    except MemoryError:
        return replace(base, reason="too-large", detail="The picture needs more memory than it may use.")


def _rest(file: BinaryIO) -> bytes:
    """Read on to the end, or to one byte more than pictures may have."""
    parts, left = [], MOST_BYTES + 1 - formats.HEAD
    while left > 0 and (part := file.read(min(left, digests.CHUNK))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _base(media: str, kind: str, sums: digests.Digests, options: Options) -> Fingerprints:
    if not options.digests:
        return Fingerprints(media=media, format=kind)
    return Fingerprints(media=media, format=kind, md5=sums.md5, sha1=sums.sha1, sha256=sums.sha256)


def _other(file: BinaryIO, kind: str, media: str, options: Options) -> Fingerprints:
    """Digest what is no picture; hash the frames of a video where that is asked for."""
    file.seek(0)
    base = _base(media, kind, digests.digest_stream(file), options)
    if media != "video" or not options.frames:
        return base
    from tocsin.media import video, vpdq

    file.seek(0)
    how = video.KEYFRAMES_AND_SCENES if options.keyframes else None
    seen = vpdq.hash_video(file, how=how, borders=options.borders)
    if isinstance(seen, NotScanned):
        return replace(base, reason=seen.reason, detail=seen.detail)
    base = replace(base, frames=seen.frames + seen.stripped)
    if seen.complete:
        return base
    told = [seen.notes[code] for code in ("cut", "early", "broken", "other-streams") if code in seen.notes]
    reason = "too-large" if "cut" in seen.notes else "unreadable"
    return replace(base, reason=reason, detail=" ".join(told) or "The video was not read to its end.")


def _picture(data: bytes, base: Fingerprints, options: Options, limit: int) -> Fingerprints:
    if base.format == "jpeg" and options.fast and not options.windows:
        quick = _scaled(data, options, limit)
        if quick:
            return replace(base, prints=tuple(dict.fromkeys(quick)))
    decoded = decoding.decode(data, limit_pixels=limit)
    if decoded.whole < LEAST_WHOLE:
        raise MediaError("unreadable", f"The picture ends early: {_percent(decoded.whole)} of its rows could be read.")
    prints = tuple(_prints(decoded, options, "full"))
    base = replace(base, prints=prints, windows=_windows(decoded.rgb, options))
    if options.regions and is_page(decoded.rgb):
        base = _paged(base, decoded.rgb, options)
    if decoded.whole < 1:
        told = f"The picture ends early: {_percent(decoded.whole)} of its rows could be read, and were hashed."
        base = replace(base, reason="unreadable", detail=told)
    if decoded.stills > 1:
        base = _animated(data, base, decoded, limit)
    return base


def _scaled(data: bytes, options: Options, limit: int) -> list[Print]:
    """Return the prints of a JPEG from its decoder's scaled output; none where that road may not be taken."""
    shrunk = scaled.shrink(data)
    if shrunk is None or shrunk.height * shrunk.width > limit:
        return []
    if options.regions and is_page(shrunk.pixels, shrunk.height * shrunk.width):
        return []  # small photographs on a page are lost in the scaled output
    upright = decoding.turn_of(decoding.jpeg_orientation(data))
    made = pdq.hash_shrunk(shrunk, turned=options.turns or upright > 0)
    wanted = range(len(made)) if options.turns else {0, upright}
    found = [Print(one.hex, one.quality, pdq.SCALED, turn=at) for at, one in enumerate(made) if at in wanted]
    if found and options.borders and shrunk.pixels.ndim == 3:
        found += _stripped(shrunk.pixels, pdq.SCALED, wanted)
    return found


def _percent(share: float) -> str:
    return f"{int(share * 100)} %"


def _prints(decoded: Decoded, options: Options, path: str) -> list[Print]:
    """Return the prints of a picture: as stored first, then turned, on white, and within its borders."""
    rgb, white = decoded.rgb, decoded.white
    wanted = set(range(len(pdq.TURNS)) if options.turns else (0, decoded.turn))
    found = _turned(rgb, path, wanted)
    if white is not None:
        found.append(replace(_print(white, path), white=True))
    if options.borders:
        found += _stripped(rgb, path, wanted)
        if white is not None:
            found += [replace(one, white=True) for one in _stripped(white, path, {0})]
    return list(dict.fromkeys(found))


def _turned(rgb: Pixels, path: str, wanted: Collection[int]) -> list[Print]:
    """Return the prints of pixels in the ``wanted`` orientations, as they stand first."""
    if not any(wanted):
        return [_print(rgb, path)]
    made = pdq.turns(rgb)
    return [Print(one.hex, one.quality, path, turn=at) for at, one in enumerate(made) if at in wanted]


def _stripped(rgb: Pixels, path: str, wanted: Collection[int]) -> list[Print]:
    """Return prints of what lies within a picture's borders, and within the borders of that."""
    found: list[Print] = []
    inside, looks = strip(rgb), 0
    while inside is not None and looks < MOST_STRIPS:
        found += [replace(one, stripped=True) for one in _turned(inside, path, wanted)]
        inside, looks = strip(inside), looks + 1
    return found


def _print(rgb: Pixels, path: str) -> Print:
    made = pdq.hash_array(rgb)
    return Print(made.hex, made.quality, path)


def _windows(rgb: Pixels, options: Options) -> tuple[str, ...]:
    if not options.windows:
        return ()
    from tocsin.media import windows

    return windows.windows(rgb)


def _paged(base: Fingerprints, rgb: Pixels, options: Options) -> Fingerprints:
    """Add the prints of photographs on a page; say so where a bound left some out."""
    from tocsin.media.regions import regions

    try:
        found = regions(rgb, exact=base.format in _EXACT, turns=options.turns)
    except MemoryError:
        told = "The picture looks like a page; to look at what stands on it needs more memory than it may use."
        return replace(base, reason="too-large", detail=told)
    base = replace(base, prints=tuple(dict.fromkeys(base.prints + found.prints)))
    if not found.cut:
        return base
    told = (
        f"The picture looks like a page of {found.found} pictures: the {found.found - found.cut} largest were examined."
    )
    return replace(base, reason="too-large", detail=told)


def _animated(data: bytes, base: Fingerprints, decoded: Decoded, limit: int) -> Fingerprints:
    """Add the further frames that differ from all before; say so where a bound left some out."""
    kept: list[Frame] = []
    seen = [int(base.prints[0].hex, 16)]
    budget, read, cut = _STILL_PIXELS, 1, False
    for number, (at, rgb) in enumerate(decoding.further(data, limit_pixels=limit), 1):
        read += 1
        budget -= rgb.shape[0] * rgb.shape[1]
        made = _print(rgb, "full")
        bits = int(made.hex, 16)
        if all((bits ^ one).bit_count() > _APART for one in seen):
            cut = len(kept) >= MOST_STILLS
            if cut:
                break
            seen.append(bits)
            kept.append(Frame(round(at, 3), made.hex, made.quality, number))
        if budget < 0:
            cut = read < decoded.stills
            break
    base = replace(base, frames=tuple(kept))
    if cut:
        told = f"The picture is animated: {read - 1} of its {decoded.stills} frames were examined."
        return replace(base, reason=base.reason or "too-large", detail=base.detail or told)
    if read < decoded.stills:
        told = f"The picture is animated and damaged: {read} of its {decoded.stills} frames could be read."
        return replace(base, reason=base.reason or "unreadable", detail=base.detail or told)
    return base
