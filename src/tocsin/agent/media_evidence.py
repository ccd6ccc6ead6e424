"""The bytes of a picture that a hash list knows, for sealing: only where the order allows pictures."""

import hashlib
import io
import os
from pathlib import Path

from PIL import Image

from tocsin.model import MediaSeen, NotScanned

MAX_FILE = 8 << 20
"""Largest file whose bytes are sealed."""


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
