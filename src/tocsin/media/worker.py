"""The limited process that hostile media is decoded in: ``python -m tocsin.media.worker``, started by ``limited``.

It loads all that it will ever need, gives up every right, and then takes open files, one at a time, over its one
socket. It ends when its owner does, when it was idle for long, or by its own alarm clock when a file holds it up.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from io import BytesIO
from typing import Any

from tocsin.media import confinement, messages
from tocsin.model.observation import NotScanned

GRACE = 10.0
"""The worker's own alarm rings this many seconds after its owner would have ended it."""
_MOMENT_MS = 250
"""Without a file for so long, memory that the last ones left is given back to the system."""


def main() -> None:
    """Serve the socket whose number is the first argument, by the settings (JSON) that are the second."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sock = socket.socket(fileno=int(sys.argv[1]))
    settings = json.loads(sys.argv[2])
    try:
        if "owner" in settings:
            confinement.end_with(settings["owner"])
        with contextlib.suppress(OSError):
            os.nice(settings["nice"])
        missing = confinement.isolate()
        _load(settings)
        relieve = _relief()
        relieve()
        os.chdir("/")
        missing += confinement.confine(settings["memory"])
    except Exception as error:
        messages.send(sock, {"error": f"{type(error).__name__}: {error}"})
        return
    messages.send(sock, {"ready": True, "missing": missing})
    waiting = select.poll()
    waiting.register(sock, select.POLLIN)
    with contextlib.suppress(OSError, messages.MessageError):
        for _ in range(settings["jobs"]):
            if not waiting.poll(_MOMENT_MS):
                relieve()
            sock.settimeout(settings["idle"])
            request, descriptor = messages.receive_with_file(sock)
            sock.settimeout(None)
            _allow(request["seconds"])
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                _serve(sock, file, request, settings["pixels"])
            signal.setitimer(signal.ITIMER_REAL, 0)


def _load(settings: dict[str, Any]) -> None:
    """Import everything now, by decoding one of each: afterwards no file can be opened, not even a module."""
    import encodings.cp437  # noqa: F401 (names in zip archives)

    import numpy as np
    import pi_heif
    from PIL import AvifImagePlugin, Image

    from tocsin.media import archives
    from tocsin.media.fingerprint import Options, fingerprint, fingerprint_pixels
    from tocsin.media.regions import regions

    Image.init()
    Image.MAX_IMAGE_PIXELS = settings["pixels"] // 2
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    pi_heif.options.DECODE_THREADS = 1
    pixels = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)
    options = Options(turns=True, windows=settings["windows"])
    if settings["windows"]:
        import cv2

        cv2.setNumThreads(0)
    fingerprint_pixels(pixels, options)
    regions(np.pad(pixels, ((64, 64), (64, 64), (0, 0)), constant_values=255), exact=True)
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "JPEG2000"):
        made = BytesIO()
        Image.fromarray(pixels).save(made, kind)
        fingerprint(made.getvalue(), options)
        fingerprint(made.getvalue()[: len(made.getvalue()) // 2], options)
    fingerprint(b"\0\0\0\x18ftypheic" + bytes(64))
    archives.warm()
    if settings["frames"]:
        _load_video(pixels)


def _relief() -> Callable[[], object]:
    """Return what gives freed memory back to the system (glibc's malloc_trim): loading alone leaves 18 MB behind."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, AttributeError):
            trim = ctypes.CDLL(None).malloc_trim
            return lambda: trim(0)
    return lambda: None


def _load_video(pixels: Any) -> None:
    """Make a video of two frames and hash it by every road, so that all of PyAV is loaded. Nothing without PyAV."""
    try:
        import av
    except ImportError:
        return
    from tocsin.media import video, vpdq

    made = BytesIO()
    with av.open(made, "w", format="mp4") as container:
        stream: Any = container.add_stream("mpeg4", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for frame in (av.VideoFrame.from_ndarray(pixels, format="rgb24"), None):
            container.mux(stream.encode(frame))
    for how in (None, video.KEYFRAMES, video.KEYFRAMES_AND_SCENES):
        vpdq.hash_video(BytesIO(made.getvalue()), how=how, borders=True)
    vpdq.hash_video(BytesIO(made.getvalue()[:-64]))
    vpdq.hash_video(BytesIO(b"\0\0\0\x18ftypisom" + bytes(64)))


def _serve(sock: socket.socket, file: Any, request: dict[str, Any], pixels: int) -> None:
    """Do one job and answer it."""
    from tocsin.media.fingerprint import Options, fingerprint

    options = Options(**request["options"])
    if request["members"]:
        _serve_members(sock, file, options, pixels, request["seconds"])
        return
    try:
        result = fingerprint(file, options, limit_pixels=pixels)
    except MemoryError:
        result = NotScanned("too-large", "The file needs more memory than it may use.")
    except Exception:
        result = NotScanned("failed", "The file could not be examined; the software met something unforeseen in it.")
    messages.send(sock, messages.told(result))


def _allow(seconds: float) -> None:
    """Start the clocks, of time and of the processor's time, that end this process."""
    signal.setitimer(signal.ITIMER_REAL, seconds + GRACE)
    confinement.allow_cpu(seconds)


def _serve_members(sock: socket.socket, file: Any, options: Any, pixels: int, seconds: float) -> None:
    """Answer with one message for each file in an archive, each with time of its own, and one at the end."""
    from tocsin.media import archives, formats
    from tocsin.media.fingerprint import fingerprint
    from tocsin.media.naming import as_named

    try:
        for member in archives.members(file):
            data = member.data
            result = data if isinstance(data, NotScanned) else fingerprint(data, options, limit_pixels=pixels)
            result = as_named(result, member.name, b"" if isinstance(data, NotScanned) else data[: formats.HEAD])
            size = 0 if isinstance(data, NotScanned) else len(data)
            messages.send(sock, {"member": member.name, "size": size, **messages.told(result)})
            _allow(seconds)
        messages.send(sock, {"end": True})
    except MemoryError:
        messages.send(sock, messages.told(NotScanned("too-large", "The archive needs more memory than it may use.")))
    except (OSError, messages.MessageError):
        raise
    except Exception:
        messages.send(sock, messages.told(NotScanned("unreadable", "The archive is damaged.")))


if __name__ == "__main__":
    main()
