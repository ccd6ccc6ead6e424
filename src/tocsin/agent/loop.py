"""The loop: what was seen → permitted detectors → the order's clauses → sealed evidence → journal.

Words from the screen live in memory only: a bounded ring of lines for each thread gives a finding its context. What
is written to disk is sealed; what the hub can read has no words in it.
"""

import hashlib
import io
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from PIL import Image

from tocsin.agent.health import HealthMeter
from tocsin.agent.media_evidence import journal_matches, picture_of, sealed_media
from tocsin.evidence.sealing import Sealed, SealingError, seal
from tocsin.model import (
    Clock,
    Detector,
    EntryKind,
    Finding,
    MediaSeen,
    Observation,
    PictureSeen,
    ProcessSeen,
    Rect,
    StateSeen,
    TextSeen,
    Verdict,
    utc_text,
)
from tocsin.orders import Permission, evidence_kinds, is_privileged, judge
from tocsin.placement.blobs import Blobs
from tocsin.placement.journal import Journal
from tocsin.placement.standing import Standing
from tocsin.text.speakers import Layout

Pixels = Callable[[Rect], bytes | None]
"""Gives the present pixels of a rectangle as a PNG file, or None."""

_CONTEXT_LINES = 60
_THREADS = 64
_WARN_EVERY_NS = 10_000_000_000
_SLOWEST_MS = 3_600_000.0


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
        self._standing, self._detectors, self._journal, self._blobs = standing, detectors, journal, blobs
        self._health, self._clock, self._salt, self.pixels = health, clock, salt, pixels
        self._rings: OrderedDict[str, deque[dict[str, Any]]] = OrderedDict()
        self._layouts: dict[str, Layout] = {}
        self._warned: dict[str, tuple[int, int]] = {}
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
                    self._record(finding, verdicts, seen, permission, begun, examined)
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
        mono = self._clock.monotonic_ns()
        count, last = self._warned.get(what, (0, -_WARN_EVERY_NS))
        if mono - last < _WARN_EVERY_NS:
            self._warned[what] = (count + 1, last)
            return
        self._warned[what] = (0, mono)
        body: dict[str, Any] = {"what": what[:120], "count": count + 1}
        self._journal.append(EntryKind.WARNING, body | ({"observation": observation[:64]} if observation else {}))

    def _examine(self, detector: Detector, seen: Observation) -> Iterable[Finding]:
        try:
            return list(detector.examine(seen))
        except Exception as problem:
            self.warn(f"detector-failed {detector.name} {detector.version} {type(problem).__name__}", seen.id)
            return []

    def _record(
        self,
        finding: Finding,
        verdicts: tuple[Verdict, ...],
        seen: Observation,
        permission: Permission,
        begun: int,
        examined: int,
    ) -> None:
        kinds = evidence_kinds(self._standing.signed.order, verdicts)
        evidence = self._seal(finding, verdicts, seen, kinds)
        sealed_at = self._clock.monotonic_ns()
        stages = {
            "read_ms": _ms(begun - seen.seen_ns) if seen.seen_ns else 0.0,
            "detect_ms": _ms(examined - begun),
            "seal_ms": _ms(sealed_at - examined),
        }
        body = finding_body(finding, verdicts, permission, self._thread(finding.thread or seen.thread)) | {
            "observed_at": utc_text(seen.at),
            "evidence": evidence,
            "stages": stages,
        }
        if self._journal.append(EntryKind.FINDING, body) is None and evidence is not None:
            self._journal.refuse("disk-full", {"evidence": 1}, evidence["size"])
            self._blobs.drop(evidence["digest"])
        self._health.count("finding")

    def _seal(
        self, finding: Finding, verdicts: tuple[Verdict, ...], seen: Observation, kinds: frozenset[str]
    ) -> dict[str, Any] | None:
        """Seal what the clauses allow and put it on disk; what cannot be kept is counted for the gap entry."""
        if not kinds:
            return None
        pictures = self._pictures(seen) if "picture" in kinds else []
        order = self._standing.signed
        document = self._document(finding, verdicts, seen, words="text" in kinds)
        try:
            sealed = seal(document, pictures, order.order.recipient_keys)
        except SealingError:
            if not pictures:
                raise
            self.warn("picture-not-sealed", seen.id)
            pictures = []
            sealed = seal(document, (), order.order.recipient_keys)
        held = sorted((kinds & {"text"}) | ({"picture"} if pictures else set()))
        return {"digest": sealed.digest, "size": sealed.size, "kinds": held} if self._keep(sealed) else None

    def _keep(self, sealed: Sealed) -> bool:
        try:
            self._blobs.put(sealed)
        except OSError as problem:
            self._journal.refuse("disk-full" if problem.errno else "overflow", {"evidence": 1}, sealed.size)
            return False
        return True

    def _document(
        self, finding: Finding, verdicts: tuple[Verdict, ...], seen: Observation, *, words: bool
    ) -> dict[str, Any]:
        order = self._standing.signed
        document: dict[str, Any] = {
            "finding": finding.id,
            "order": order.digest,
            "device": self._journal.device,
            "at": utc_text(finding.at),
            "category": str(finding.category),
            "severity": finding.severity,
            "confidence": finding.confidence,
            "signals": [_signal(s) for s in finding.signals],
            "clauses": [_clause(v, order.order.clause(v.clause)) for v in verdicts],
        }
        if words:
            speakers = {quote.text: str(quote.speaker) for quote in finding.quotes}
            ring = self._rings.get(finding.thread or seen.thread, ())
            document |= {
                "app": finding.app or seen.app,
                "title": finding.title or seen.title,
                "why": finding.why,
                "quotes": [
                    {
                        "text": quote.text,
                        "speaker": str(quote.speaker),
                        "at": utc_text(quote.at) if quote.at else None,
                        "spans": [list(span) for span in quote.spans],
                    }
                    for quote in finding.quotes
                ],
                "context": [line | {"speaker": speakers.get(line["text"], line["speaker"])} for line in ring],
            }
        if isinstance(seen.body, MediaSeen):
            document["media"] = sealed_media(finding, seen.body, words=words)
        return document

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

    def _thread(self, thread: str) -> str:
        return hashlib.sha256(f"{self._salt}:{thread}".encode()).hexdigest()[:16] if thread else ""


def finding_body(
    finding: Finding, verdicts: tuple[Verdict, ...], permission: Permission, thread: str
) -> dict[str, Any]:
    """Return what the hub may read of a finding: no words, no titles, no names of programs."""
    allowed = permission.signals
    return {
        "id": finding.id,
        "detector": finding.detector,
        "version": finding.version,
        "category": str(finding.category),
        "severity": finding.severity,
        "confidence": round(finding.confidence, 4),
        "signals": [_signal(s) for s in finding.signals if allowed is None or s.name in allowed],
        "not_seen": list(finding.not_seen),
        "benign": list(finding.benign),
        "verdicts": [
            {
                "rule": v.rule,
                "clause": v.clause,
                "condition": v.condition,
                "status": str(v.status),
                "coverage": round(v.coverage, 4),
                "method": v.method,
                "exceptions": len(v.exceptions),
            }
            for v in verdicts
        ],
        "thread": thread,
        "refines": finding.refines,
        **({"matches": journal_matches(finding)} if finding.matches else {}),
    }


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


def _signal(signal: Any) -> dict[str, Any]:
    return {"name": signal.name, "direction": str(signal.direction), "confidence": round(signal.confidence, 4)}


def _clause(verdict: Verdict, clause: Any) -> dict[str, Any]:
    text = clause.text if clause is not None else ""
    return {"number": verdict.clause, "text": text, "exceptions": list(verdict.exceptions)}


def _ms(ns: int) -> float:
    return round(min(_SLOWEST_MS, max(0.0, ns / 1e6)), 2)
