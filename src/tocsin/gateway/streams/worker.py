"""The limited process that streams are watched in: ``python -m tocsin.gateway.streams.worker``, started by ``pool``.

One holds many streams, a thread each. It loads all that it will ever need, gives up every right, and then takes the
reading ends of pipes (or open recordings) over its one socket, and answers with hashes. A stream that breaks it
costs those beside it a moment: they are handed to the next.
"""

import base64
import contextlib
import io
import json
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import asdict
from typing import Any

from tocsin.gateway.streams.budget import Load
from tocsin.media import confinement, messages
from tocsin.model.observation import NotScanned

_FAILED = NotScanned("failed", "The stream could not be watched; the software met something unforeseen in it.")


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
        classify = _classifier(settings.get("classifier"))
        _load()
        os.chdir("/")
        missing += confinement.confine(settings["memory"], settings["descriptors"])
    except Exception as error:
        messages.send(sock, {"error": f"{type(error).__name__}: {error}"})
        return
    messages.send(sock, {"ready": True, "missing": missing})
    with contextlib.suppress(OSError, messages.MessageError):
        _Serving(sock, classify).run()
    os._exit(0)  # threads that hang in a decoder must not keep the process


class _Serving:
    """The streams of one worker, by the number that the owner gave each."""

    def __init__(self, sock: socket.socket, classify: Any) -> None:
        self._sock, self._classify = sock, classify
        self._lock = threading.Lock()
        self._watched: dict[int, Any] = {}
        self._load = Load()

    def run(self) -> None:
        """Take orders until the owner is gone."""
        while True:
            request, descriptor = messages.receive_with_file(self._sock)
            number = int(request["id"])
            if request["do"] == "close":
                os.close(descriptor)
                if number in self._watched:
                    self._watched[number].stopped = True
                continue
            work = self._watch if request["do"] == "watch" else self._cut
            threading.Thread(target=work, args=(number, descriptor, request), daemon=True).start()

    def _tell(self, number: int, message: dict[str, Any]) -> None:
        with self._lock:
            messages.send(self._sock, {"id": number, **message})

    def _watch(self, number: int, descriptor: int, request: dict[str, Any]) -> None:
        from tocsin.gateway.streams.looking import Looking, Settings, StreamError

        with os.fdopen(descriptor, "rb", buffering=0) as file:
            state = _State(self, number)
            looking = Looking(file, Settings(**request["settings"]), state.look, self._classify, self._load)
            state.looking = self._watched[number] = looking
            absence: NotScanned | None = None
            try:
                looking.run()
            except StreamError as error:
                absence = NotScanned(error.code, str(error))
            except MemoryError:
                absence = NotScanned("too-large", "The stream needs more memory than it may use.")
            except Exception:
                absence = _FAILED
            self._watched.pop(number, None)
        with contextlib.suppress(OSError):
            self._tell(number, {"ended": asdict(absence) if absence else True, **state.counts()})

    def _cut(self, number: int, descriptor: int, request: dict[str, Any]) -> None:
        from tocsin.gateway.streams.cutting import cut
        from tocsin.gateway.streams.looking import StreamError

        with os.fdopen(descriptor, "rb", buffering=0) as file:
            try:
                piece = cut(file, request["start"], request["end"], request["most"])
                answer = {"mime": piece.mime, "seconds": piece.seconds, "full": piece.cut}
                answer["data"] = base64.b64encode(piece.data).decode("ascii")
            except StreamError as error:
                answer = {"none": asdict(NotScanned(error.code, str(error)))}
            except Exception:
                answer = {"none": asdict(_FAILED)}
        with contextlib.suppress(OSError):
            self._tell(number, {"cut": answer})


class _State:
    """What is told of one stream: each look, with the counts so far beside it."""

    def __init__(self, serving: _Serving, number: int) -> None:
        self._serving, self._number = serving, number
        self.looking: Any = None

    def look(self, told: dict[str, Any]) -> None:
        """Tell one look."""
        self._serving._tell(self._number, {"look": told, **self.counts()})

    def counts(self) -> dict[str, Any]:
        """Return the counts so far."""
        budget = self.looking.budget
        return {"counts": asdict(self.looking.counts), "shed": dict(budget.shed), "level": budget.level}


def _classifier(path: str | None) -> Any:
    """Load the operator's classifier, if there is one, before any right is given up."""
    if not path:
        return None
    from tocsin.gateway.streams.classifier import Classifier

    return Classifier.load(path).classify


def _load() -> None:
    """Import everything now, by making a stream of a few frames and watching it by every road."""
    import av
    import numpy as np
    import numpy.ma  # the median asks for it

    from tocsin.gateway.streams import cutting, framing, furniture, looking
    from tocsin.media import scenes

    rng = np.random.default_rng(7)
    made = io.BytesIO()
    with av.open(made, "w", format="mpegts") as container:
        stream: Any = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 64, 64, "yuv420p", 4
        for number in range(12):
            pixels = rng.integers(0, 255, (64, 64, 3), np.uint8) // (1 + number // 6)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data = made.getvalue()
    for framed in (True, False):
        reading, writing = os.pipe()
        sent = framing.chunk(data, time.monotonic_ns()) if framed else data
        threading.Thread(target=_pour, args=(writing, sent)).start()
        with os.fdopen(reading, "rb", buffering=0) as file:
            source: Any = file if framed else io.BytesIO(data)
            looking.Looking(source, looking.Settings(framed=framed, least=0.0), lambda _: None, None).run()
    cutting.cut(io.BytesIO(data), 0.0, 1.0, 1 << 20)
    with contextlib.suppress(looking.StreamError):
        cutting.cut(io.BytesIO(data[:100]), 0.0, 1.0, 1 << 20)
    pixels = np.zeros((160, 160, 3), np.uint8)
    player = furniture.Furniture()
    for _ in range(3):
        pixels[20:140, 20:140] = rng.integers(0, 255, (120, 120, 3))
        looking.prints(pixels, player)
    scenes.candidates([9, 1, 1, 9, 1])


def _pour(writing: int, data: bytes) -> None:
    with os.fdopen(writing, "wb") as file:
        file.write(data)


if __name__ == "__main__":
    main()
