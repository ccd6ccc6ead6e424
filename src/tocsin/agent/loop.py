"""The loop: what was seen → permitted detectors → the order's clauses → sealed evidence → journal.

Words from the screen live in memory only: a bounded ring of lines for each thread gives a finding its context. What
is written to disk is sealed; what the hub can read has no words in it.
"""

import io
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from PIL import Image

from tocsin.agent.health import HealthMeter
from tocsin.agent.media_evidence import picture_of
from tocsin.model import (
    Clock,
    Detector,
    Finding,
    MediaSeen,
    Observation,
    PictureSeen,
    ProcessSeen,
    Rect,
    StateSeen,
    TextSeen,
    utc_text,
)
from tocsin.orders import is_privileged, judge
from tocsin.placement.blobs import Blobs
from tocsin.placement.journal import Journal
from tocsin.placement.recording import Recorder
from tocsin.placement.standing import Standing
from tocsin.text.speakers import Layout

Pixels = Callable[[Rect], bytes | None]
"""Gives the present pixels of a rectangle as a PNG file, or None."""

_CONTEXT_LINES = 60
_THREADS = 64


class Loop:
    """One enrolment's road from an observation to the journal. ``see`` is called by one thread."""

    def __init__(
        self,
        standing: Standing,
        detectors: Sequence[Detector],
        journal: Journal,
        blobs: Blobs,
        health: HealthMeter,
        clock: Clock,
        salt: str,
        *,
        pixels: Pixels | None = None,
    ) -> None:
        self._standing, self._detectors, self._health, self._clock = standing, detectors, health, clock
        self._recorder, self.pixels = Recorder(standing, journal, blobs, clock, salt), pixels
        self._rings: OrderedDict[str, deque[dict[str, Any]]] = OrderedDict()
        self._layouts: dict[str, Layout] = {}
        self.collecting = threading.Event()
        self.pictures = True

    def see(self, seen: Observation) -> list[Finding]:
        """Examine one observation; return the findings that were recorded."""
        if not self.collecting.is_set():
            return []
        begun = self._clock.monotonic_ns()
        now = self._clock.now()
        permission = self._standing.permission(now)
        if not permission.active:
            return []
        self._health.saw(seen)
        order = self._standing.signed.order
        if is_privileged(order, seen.app, seen.title, _texts(seen)):
            self._health.count("privileged")
            return []
        self._remember(seen)
        recorded = []
        for detector in self._detectors:
            if detector.name not in permission.detectors or seen.kind not in detector.reads:
                continue
            for finding in self._examine(detector, seen):
                examined = self._clock.monotonic_ns()
                verdicts = judge(finding, order, now, self._health.recent_coverage)
                if verdicts:
                    self._recorder.record(
                        finding,
                        verdicts,
                        seen,
                        permission,
                        context=self._rings.get(finding.thread or seen.thread, ()),
                        pictures=partial(self._pictures, seen),
                        begun=begun,
                        examined=examined,
                    )
                    self._health.count("finding")
                    recorded.append(finding)
        return recorded

    def forget(self) -> None:
        """Drop every line held in memory (the order changed, or ended)."""
        self._rings.clear()
        self._layouts.clear()

    def replace_detectors(self, detectors: Sequence[Detector]) -> None:
        """Begin afresh under a changed order: state gathered under the old one goes."""
        self.forget()
        self._detectors = detectors

    def warn(self, what: str, observation: str = "") -> None:
        """Record a warning; the same one at most every ten seconds, with how often it happened."""
        self._recorder.warn(what, observation)

    def _examine(self, detector: Detector, seen: Observation) -> Iterable[Finding]:
        try:
            return list(detector.examine(seen))
        except Exception as problem:
            self.warn(f"detector-failed {detector.name} {detector.version} {type(problem).__name__}", seen.id)
            return []

    def _pictures(self, seen: Observation) -> list[bytes]:
        """Return the changed region as a picture, unless pictures are shed; failures are warnings."""
        if not self.pictures:
            return []
        try:
            if isinstance(seen.body, PictureSeen):
                return [_png(seen.body)]
            if isinstance(seen.body, MediaSeen):
                found = picture_of(seen.body)
            else:
                box = _region(seen)
                found = self.pixels(box) if self.pixels is not None and box is not None else None
        except Exception as problem:
            self.warn(f"picture-failed {type(problem).__name__}", seen.id)
            return []
        return [found] if found else []

    def _remember(self, seen: Observation) -> None:
        if not isinstance(seen.body, TextSeen):
            return
        ring = self._rings.setdefault(seen.thread, deque(maxlen=_CONTEXT_LINES))
        self._rings.move_to_end(seen.thread)
        if len(self._rings) > _THREADS:
            self._layouts.pop(self._rings.popitem(last=False)[0], None)
        at = utc_text(seen.at)
        speakers = self._layouts.setdefault(seen.thread, Layout()).speakers(seen.body, seen.title)
        ring.extend(
            {"text": line.text, "speaker": str(speaker), "at": at}
            for line, speaker in zip(seen.body.lines, speakers, strict=True)
        )


def state_body(seen: StateSeen) -> dict[str, Any]:
    """Return the journal's form of a state of the device."""
    detail = dict(seen.detail)
    seconds = detail.get("seconds")
    return {"what": seen.state} | ({"seconds": float(seconds)} if isinstance(seconds, int | float) else {})


def _texts(seen: Observation) -> list[str]:
    match seen.body:
        case TextSeen(lines=lines):
            return [line.text for line in lines]
        case ProcessSeen(name=name, arguments=arguments):
            return [name, *arguments]
        case MediaSeen(name=name, held=held):
            return [name, held]
        case _:
            return []


def _region(seen: Observation) -> Rect | None:
    """Return the rectangle round the lines that were seen."""
    if not isinstance(seen.body, TextSeen):
        return None
    boxes = [line.box for line in seen.body.lines if line.box is not None]
    if not boxes:
        return seen.body.frame
    left, top = min(b.x for b in boxes), min(b.y for b in boxes)
    return Rect(left, top, max(b.right for b in boxes) - left, max(b.bottom for b in boxes) - top)


def _png(seen: PictureSeen) -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGB", (seen.width, seen.height), seen.rgb).save(out, "PNG", compress_level=3)
    return out.getvalue()
