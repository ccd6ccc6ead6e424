"""Recording: a finding that bears on a clause → sealed evidence → the journal. Every placement records in this one way.

What is written to disk is sealed; what the hub can read has no words in it. What the clauses do not allow is never
sealed, and what cannot be kept is counted for the gap entry.
"""

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tocsin.evidence.sealing import Attachment, Sealed, SealingError, seal
from tocsin.model import Clock, EntryKind, Finding, MediaSeen, Observation, Signal, Verdict, utc_text
from tocsin.orders import Clause, Permission, evidence_kinds
from tocsin.placement.blobs import Blobs
from tocsin.placement.journal import Journal
from tocsin.placement.matches import journal_matches, sealed_media
from tocsin.placement.standing import Standing

Pictures = Callable[[], Sequence[bytes]] | Sequence[bytes]
"""PNG or JPEG files, or what gives them when they are allowed (reading a picture may cost)."""
Files = Callable[[], Sequence[Attachment]] | Sequence[Attachment]

_WARN_EVERY_NS = 10_000_000_000
_MAX_WARNINGS = 1000
_SLOWEST_MS = 3_600_000.0


class Recorder:
    """Records findings of one enrolment. Thread-safe.

    ``salt`` keeps the names of threads (a window, a conversation) from being read or compared by the hub.
    """

    def __init__(self, standing: Standing, journal: Journal, blobs: Blobs, clock: Clock, salt: str) -> None:
        self._standing, self._journal, self._blobs = standing, journal, blobs
        self._clock, self._salt = clock, salt
        self._lock = threading.Lock()
        self._warned: dict[str, tuple[int, int]] = {}

    def record(
        self,
        finding: Finding,
        verdicts: Sequence[Verdict],
        seen: Observation,
        permission: Permission,
        *,
        context: Iterable[Mapping[str, Any]] = (),
        pictures: Pictures = (),
        files: Files = (),
        facts: Mapping[str, Any] | None = None,
        begun: int | None = None,
        examined: int | None = None,
    ) -> bool:
        """Seal what the clauses behind ``verdicts`` allow and append the finding; False when it was refused (counted).

        ``context`` are the lines around it (``{"text", "speaker", "at"}``) and ``facts`` what else is sealed with
        words; ``pictures`` and ``files`` are sealed only where a clause allows pictures. ``begun`` and ``examined``
        are the monotonic moments that examining began and ended.
        """
        examined = self._clock.monotonic_ns() if examined is None else examined
        begun = examined if begun is None else begun
        kinds = evidence_kinds(self._standing.signed.order, verdicts)
        document = self._document(finding, verdicts, seen, context, facts or {}, words="text" in kinds)
        evidence = self._seal(document, kinds, seen, pictures, files) if kinds else None
        stages = {
            "read_ms": _ms(begun - seen.seen_ns) if seen.seen_ns else 0.0,
            "detect_ms": _ms(examined - begun),
            "seal_ms": _ms(self._clock.monotonic_ns() - examined),
        }
        body = finding_body(finding, verdicts, permission, self.opaque(finding.thread or seen.thread)) | {
            "observed_at": utc_text(seen.at),
            "evidence": evidence,
            "stages": stages,
        }
        if self._journal.append(EntryKind.FINDING, body) is not None:
            return True
        if evidence is not None:
            self._journal.refuse("disk-full", {"evidence": 1}, evidence["size"])
            self._blobs.drop(evidence["digest"])
        return False

    def warn(self, what: str, observation: str = "") -> None:
        """Record a warning; the same one at most every ten seconds, with how often it happened."""
        mono = self._clock.monotonic_ns()
        with self._lock:
            count, last = self._warned.get(what, (0, -_WARN_EVERY_NS))
            if mono - last < _WARN_EVERY_NS:
                self._warned[what] = (count + 1, last)
                return
            if len(self._warned) >= _MAX_WARNINGS:
                self._warned.clear()
            self._warned[what] = (0, mono)
        body: dict[str, Any] = {"what": what[:120], "count": count + 1}
        self._journal.append(EntryKind.WARNING, body | ({"observation": observation[:64]} if observation else {}))

    def opaque(self, thread: str) -> str:
        """Return the name that the hub knows a thread by."""
        found = hashlib.sha256(f"{self._salt}:{thread}".encode("utf-8", "surrogatepass"))
        return found.hexdigest()[:16] if thread else ""

    def _seal(
        self, document: dict[str, Any], kinds: frozenset[str], seen: Observation, pictures: Pictures, files: Files
    ) -> dict[str, Any] | None:
        """Seal and put on disk; without the files, then without the pictures, where they are too much."""
        allowed = "picture" in kinds
        shown = self._gather("picture", pictures, seen) if allowed else []
        attached = self._gather("file", files, seen) if allowed else []
        sealed = None
        while sealed is None:
            try:
                sealed = seal(document, shown, self._standing.signed.order.recipient_keys, attached)
            except SealingError:
                if not (shown or attached):
                    self.warn("evidence-not-sealed", seen.id)
                    self._journal.refuse("overflow", {"evidence": 1}, 0)
                    return None
                self.warn("file-not-sealed" if attached else "picture-not-sealed", seen.id)
                document = document | {"left_out": [*document.get("left_out", ()), "files" if attached else "pictures"]}
                shown, attached = (shown, []) if attached else ([], [])
        held = sorted((kinds & {"text"}) | ({"picture"} if shown or attached else set()))
        return {"digest": sealed.digest, "size": sealed.size, "kinds": held} if self._keep(sealed) else None

    def _gather(self, what: str, given: Callable[[], Sequence[Any]] | Sequence[Any], seen: Observation) -> list[Any]:
        try:
            return list(given() if callable(given) else given)
        except Exception as problem:
            self.warn(f"{what}-failed {type(problem).__name__}", seen.id)
            return []

    def _keep(self, sealed: Sealed) -> bool:
        try:
            self._blobs.put(sealed)
        except OSError as problem:
            self._journal.refuse("disk-full" if problem.errno else "overflow", {"evidence": 1}, sealed.size)
            return False
        return True

    def _document(
        self,
        finding: Finding,
        verdicts: Sequence[Verdict],
        seen: Observation,
        context: Iterable[Mapping[str, Any]],
        facts: Mapping[str, Any],
        *,
        words: bool,
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
                "context": [
                    {**line, "speaker": speakers.get(line["text"], line.get("speaker", "unknown"))} for line in context
                ],
            }
            if facts:
                document["facts"] = dict(facts)
        if isinstance(seen.body, MediaSeen):
            document["media"] = sealed_media(finding, seen.body, words=words)
        return document


def finding_body(finding: Finding, verdicts: Sequence[Verdict], permission: Permission, thread: str) -> dict[str, Any]:
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


def _signal(signal: Signal) -> dict[str, Any]:
    return {"name": signal.name, "direction": str(signal.direction), "confidence": round(signal.confidence, 4)}


def _clause(verdict: Verdict, clause: Clause | None) -> dict[str, Any]:
    text = clause.text if clause is not None else ""
    return {"number": verdict.clause, "text": text, "exceptions": list(verdict.exceptions)}


def _ms(ns: int) -> float:
    return round(min(_SLOWEST_MS, max(0.0, ns / 1e6)), 2)
