"""The written forms of vPDQ: the reference's lines of text, and the JSON of the ``threatexchange`` library."""

from __future__ import annotations

import json
import math
import re

from tocsin.media.vpdq import Vpdq
from tocsin.model.media import Frame

LONGEST = 32 << 20
"""Characters of a form that are read."""
MOST = 200_000
"""Frames of a form that are read."""
_HEX = re.compile(r"[0-9a-fA-F]{64}")
_NUMBER = re.compile(r"[0-9]{1,12}")
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,12})?(?:[eE][+-]?[0-9]{1,2})?")


class FormError(ValueError):
    """A written form that cannot be read; the message is a sentence that says where."""


def write_text(video: Vpdq) -> str:
    """Return ``frame,quality,hex,timestamp`` lines, the timestamp as frame number by average rate, 3 decimals.

    Raises :class:`FormError` if a frame was not hashed the reference's way, since this form is for sharing.
    """
    return "".join(f"{f.number},{f.quality},{f.hex},{video.nominal(f):.3f}\n" for f in _shareable(video))


def write_json(video: Vpdq) -> str:
    """Return the ``threatexchange`` library's form: a list of ``hex,quality,timestamp``; raises as `write_text`."""
    return json.dumps([f"{f.hex},{f.quality},{video.nominal(f):.3f}" for f in _shareable(video)])


def read_text(text: str) -> Vpdq:
    """Read the reference's lines; the timestamp may be missing, as in the README beside them."""
    if len(text) > LONGEST:
        raise FormError("The list of frames is too long to be read.")
    frames: list[Frame] = []
    for line, row in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        parts = [part.strip() for part in row.split(",")] if row.strip() else []
        if not parts:
            continue
        if len(parts) not in (3, 4):
            raise FormError(f"Line {line} is not frame,quality,hash,timestamp.")
        if not _NUMBER.fullmatch(parts[0]):
            raise FormError(f"Line {line} does not begin with a frame number.")
        frames.append(_frame(f"Line {line}", parts[2], parts[1], parts[3] if len(parts) == 4 else "0", int(parts[0])))
        _few(frames)
    return Vpdq(tuple(frames))


def read_json(text: str) -> Vpdq:
    """Read the ``threatexchange`` library's form, ``[]`` or empty text being no frames."""
    if len(text) > LONGEST:
        raise FormError("The list of frames is too long to be read.")
    try:
        rows = json.loads(text.removeprefix("\ufeff") or "[]")
    except (ValueError, RecursionError):
        raise FormError("The list of frames is not JSON.") from None
    if not isinstance(rows, list):
        raise FormError("The list of frames is not a list.")
    frames: list[Frame] = []
    for number, row in enumerate(rows):
        parts = row.split(",") if isinstance(row, str) else []
        if len(parts) != 3:
            raise FormError(f"Frame {number} is not hash,quality,timestamp.")
        frames.append(_frame(f"Frame {number}", parts[0], parts[1], parts[2], number))
        _few(frames)
    return Vpdq(tuple(frames))


def _frame(place: str, digits: str, quality: str, seconds: str, number: int) -> Frame:
    if not _HEX.fullmatch(digits):
        raise FormError(f"{place}: the hash is not 64 hexadecimal digits.")
    if not _NUMBER.fullmatch(quality) or int(quality) > 100:
        raise FormError(f"{place}: the quality is not a whole number from 0 to 100.")
    if not _SECONDS.fullmatch(seconds) or not math.isfinite(float(seconds)):
        raise FormError(f"{place}: the timestamp is not a number of seconds.")
    return Frame(float(seconds), digits.lower(), int(quality), number)


def _few(frames: list[Frame]) -> None:
    if len(frames) > MOST:
        raise FormError(f"The list holds more than {MOST:,} frames.")


def _shareable(video: Vpdq) -> tuple[Frame, ...]:
    if any(frame.path != "full" or frame.stripped for frame in video.frames):
        raise FormError("Only hashes of whole frames at full size may be shared.")
    return video.frames
