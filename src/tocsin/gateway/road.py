"""The one way through, on the gateway: observation → detectors → the order's clauses → sealed evidence → journal.

A gateway that is enrolled nowhere still gives its findings to whoever asked; it records nothing.
"""

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tocsin.detectors import KnownMedia
from tocsin.gateway.enrolment import Enrolment
from tocsin.model import Clock, Detector, Finding, Observation, TextSeen
from tocsin.orders import is_privileged, judge
from tocsin.placement.recording import Files, Pictures

_log = logging.getLogger(__name__)


NO_ROOM: Final = "disk-full; look it up again"
NO_ORDER: Final = "no-order-in-force; see the gateway's log"


class NotRecordedError(Exception):
    """What was found is not recorded, though this gateway records; the text is ``NO_ROOM`` or ``NO_ORDER``."""


class Road:
    """From an observation to the journal. Thread-safe; detectors are asked one observation at a time."""

    def __init__(self, clock: Clock, enrolment: Enrolment | None = None) -> None:
        self._clock, self.enrolment = clock, enrolment
        self._known = KnownMedia()
        self._usual: tuple[Detector, ...] = (self._known,)
        self._lock = threading.Lock()

    @property
    def records(self) -> bool:
        """Whether findings are recorded: the gateway is enrolled, and its order is in force."""
        return self.enrolment is not None and not self.enrolment.idle()

    def see(
        self,
        seen: Observation,
        *,
        detectors: Sequence[Detector] | None = None,
        context: Iterable[Mapping[str, Any]] = (),
        attachments: Files = (),
        pictures: Pictures = (),
        facts: Mapping[str, Any] | None = None,
    ) -> list[Finding]:
        """Examine one observation, record what the order calls for, and return all findings.

        ``detectors`` with a state of their own (a conversation's, a stream's) are the caller's, who then asks them
        from one thread at a time; without, known media is what is looked for. ``attachments`` and ``pictures`` are
        sealed where a clause allows pictures.
        """
        begun = self._clock.monotonic_ns()
        if detectors is None:
            with self._lock:
                found = self._examine(self._usual, seen)
        else:
            found = self._examine(detectors, seen)
        if found:
            self._record(found, seen, context, attachments, pictures, facts, begun)
        return found

    def note(self, seen: Observation, *, attachments: Files = (), facts: Mapping[str, Any] | None = None) -> list[str]:
        """Look for known media in one observation, record what the order calls for; return the recorded findings' ids.

        They are what a report can be asked for by. Raises NotRecordedError where the order is over, and where a finding
        found no room on the disk; the next look at the same then tells it anew.
        """
        if self.enrolment is None:
            return []
        if not self.records:
            raise NotRecordedError(NO_ORDER)
        begun = self._clock.monotonic_ns()
        with self._lock:
            found = self._examine(self._usual, seen)
        recorded, refused = self._record(found, seen, (), attachments, (), facts, begun)
        if refused:
            with self._lock:
                self._known.forget(seen)
            raise NotRecordedError(NO_ROOM)
        return recorded

    def record(
        self,
        findings: Sequence[Finding],
        seen: Observation,
        *,
        context: Iterable[Mapping[str, Any]] = (),
        attachments: Files = (),
        pictures: Pictures = (),
        facts: Mapping[str, Any] | None = None,
    ) -> int:
        """Record findings that were made already; return how many the order called for."""
        begun = self._clock.monotonic_ns()
        return len(self._record(findings, seen, context, attachments, pictures, facts, begun)[0])

    def _examine(self, detectors: Sequence[Detector], seen: Observation) -> list[Finding]:
        found: list[Finding] = []
        for detector in detectors:
            if seen.kind not in detector.reads:
                continue
            try:
                found += detector.examine(seen)
            except Exception as problem:
                what = f"detector-failed {detector.name} {detector.version} {type(problem).__name__}"
                _log.exception("A detector failed on observation %s", seen.id)
                if self.enrolment is not None:
                    self.enrolment.recorder.warn(what, seen.id)
        return found

    def _record(
        self,
        findings: Sequence[Finding],
        seen: Observation,
        context: Iterable[Mapping[str, Any]],
        attachments: Files,
        pictures: Pictures,
        facts: Mapping[str, Any] | None,
        begun: int,
    ) -> tuple[list[str], int]:
        """Record what the order calls for; return the ids of what was, and how many found no room."""
        enrolment = self.enrolment
        if enrolment is None:
            return [], 0
        examined = self._clock.monotonic_ns()
        now = self._clock.now()
        permission = enrolment.standing.permission(now)
        order = enrolment.standing.signed.order
        if not permission.active or enrolment.standing.discharged:
            return [], 0
        if is_privileged(order, seen.app, seen.title, _texts(seen)):
            enrolment.counts.add("privileged")
            return [], 0
        recorded, refused = [], 0
        for finding in findings:
            if finding.detector not in permission.detectors:
                continue
            verdicts = judge(finding, order, now)
            if not verdicts:
                continue
            if enrolment.recorder.record(
                finding,
                verdicts,
                seen,
                permission,
                context=context,
                pictures=pictures,
                files=attachments,
                facts=facts,
                begun=begun,
                examined=examined,
            ):
                recorded.append(finding.id)
            else:
                refused += 1
        enrolment.counts.add("finding", len(recorded))
        return recorded, refused


def _texts(seen: Observation) -> list[str]:
    """Return the words by which a privileged contact is known. A file's name is its sender's to choose: it is none."""
    return [line.text for line in seen.body.lines] if isinstance(seen.body, TextSeen) else []
