"""One report's way to the service: submit, upload, file info, finish, or undo what was begun.

The rules of section 3 of the reference. The journal is written before each step that could be at the service after a
crash. What may or may not have been opened there is told to the hub as held and never sent again from here; what was
opened and could not be finished is retracted, and only then taken anew. Before each step the hub is asked whether a
person wants the report stopped: until the last one has left, what is open is then retracted.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from pydantic import TypeAdapter, ValidationError
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt, wait_exponential

from tocsin.evidence.sealing import SealingError, digest, open_sealed
from tocsin.exchange.cybertip import answers
from tocsin.exchange.cybertip.answers import Answer, Outcome
from tocsin.exchange.cybertip.codes import ReportError
from tocsin.exchange.cybertip.facts import Report
from tocsin.exchange.cybertip.schema import SchemaError
from tocsin.exchange.cybertip.writing import file_details_xml, report_xml
from tocsin.model import utc_text
from tocsin.reporting.desk import Desk, DeskError, SupersededError
from tocsin.reporting.exhibits import Exhibit, exhibits_of
from tocsin.reporting.journal import Journal, Row, Step

QUICK_TRIES: Final = 5
LATER: Final = (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4))
"""How long a report waits after its first, second, … failed attempt."""
_STOPPED: Final = "A person stopped it."
_FACTS: Final = TypeAdapter(Report)
_GONE: Final = frozenset({answers.OK, answers.NO_SUCH_REPORT, answers.ALREADY_RETRACTED})


class Service(Protocol):
    """The authority's five calls; see tocsin/exchange/cybertip/client.py."""

    def submit(self, xml: bytes) -> Answer:
        """Open a report."""
        ...

    def upload(self, report_id: int, name: str, data: bytes) -> Answer:
        """Add a file."""
        ...

    def fileinfo(self, xml: bytes) -> Answer:
        """Say what a file is."""
        ...

    def finish(self, report_id: int) -> Answer:
        """Close a report."""
        ...

    def retract(self, report_id: int) -> Answer:
        """Undo a report."""
        ...


class Checker(Protocol):
    """Holds XML against the schema of record."""

    def check(self, xml: bytes) -> None:
        """Raise SchemaError for XML that does not fit."""
        ...


class Failed(Exception):  # noqa: N818 - it is a step's outcome, not a fault
    """An attempt that cannot go on.

    ``reason`` empty: it may be tried again later; else a person must look. ``gone``: nothing of it is at the service.
    """

    def __init__(self, sentence: str, reason: str = "", *, gone: bool = False) -> None:
        super().__init__(sentence)
        self.sentence, self.reason, self.gone = sentence, reason, gone


@dataclass(slots=True, kw_only=True)
class Filing:
    """Files reports one after the other. ``sleep`` and ``now`` are handed in, so that tests own the time."""

    desk: Desk
    service: Service
    journal: Journal
    identities: Sequence[str]
    schema: Checker
    environment: str
    now: Callable[[], datetime]
    sleep: Callable[[float], None]

    def recover(self) -> None:
        """Settle what an earlier run left open, before anything new is taken.

        Raises DeskError, after every attempt was looked at, when the hub could not be told of one.
        """
        trouble: DeskError | None = None
        for row in self.journal.unsettled():
            try:
                self._settle(row)
            except DeskError as error:
                trouble = error
        if trouble is not None:
            raise trouble

    def _settle(self, row: Row) -> None:
        """Bring one attempt to an end as far as that can be done now, and tell the hub. Raises DeskError."""
        if row.step is Step.SUBMITTING:
            sentence = "The worker stopped after sending the report and before an answer came."
            row = self.journal.write(
                row.report, row.attempt, Step.UNKNOWN, reason="ambiguous-submit", sentence=sentence
            )
        elif row.step in (Step.OPENED, Step.FINISHING):
            row = self._undo(row, "The worker stopped while the report was open; it was retracted.")
        self._tell(row)

    def do(self, item: dict[str, Any]) -> str:
        """File or withdraw one report of the hub's queue; return its step. Raises DeskError to be tried later."""
        report = str(item["report"])
        job = self.desk.take(report, self.journal.id, self.environment)
        attempt = int(job["attempt"])
        before = self.journal.read(report, attempt)
        if job["do"] == "withdraw":
            return self._withdraw(report, attempt, job)
        if before is not None and before.step is not Step.GRANTED:
            self._tell(before)  # a hub that was restored from a copy may have forgotten
            return before.step
        self.journal.write(report, attempt, Step.GRANTED)
        if job["do"] == "stop":
            row = self._give_up(report, attempt, Failed(_STOPPED), int(job["undo"]) if job.get("undo") else None)
        else:
            row = self._file(report, attempt, job)
        self._tell(row)
        return row.step

    def _file(self, report: str, attempt: int, job: dict[str, Any]) -> Row:
        undo = int(job["undo"]) if job.get("undo") else None
        try:
            xml, exhibits = self._prepare(report, job)
            self._still_ours(report, attempt)
            if undo is not None:
                filed = self._retract_first(report, attempt, undo)
                if filed is not None:
                    return filed
                undo = None
                self._still_ours(report, attempt)
            return self._send(report, attempt, xml, exhibits)
        except Failed as failed:
            return self._give_up(report, attempt, failed, undo)

    def _prepare(self, report: str, job: dict[str, Any]) -> tuple[bytes, list[Exhibit]]:
        """Build everything that will be sent, and check it, before anything is. Raises Failed."""
        try:
            xml = report_xml(_FACTS.validate_python(job["facts"]))
            self.schema.check(xml)
            exhibits: list[Exhibit] = []
            for name in dict.fromkeys(str(each["evidence"]) for each in job["files"]):
                sealed = self.desk.evidence(report, name)
                if digest(sealed) != name:
                    raise SealingError(f"The evidence {name[:12]}… that the hub sent is not the one it names.")
                chosen = [each for each in job["files"] if each["evidence"] == name]
                document = open_sealed(sealed, self.identities)
                exhibits += exhibits_of(name, document, chosen, job["views"], job["notes"].get(name, ()))
            for one in exhibits:
                self.schema.check(file_details_xml(one.details_for(1, "x")))
        except SealingError as error:
            raise Failed(str(error), "evidence") from error
        except (SchemaError, ReportError) as error:
            raise Failed(str(error), "invalid") from error
        except ValidationError as error:
            raise Failed("The hub's copy of the report cannot be read; is it of another version?", "invalid") from error
        except SupersededError:
            raise
        except DeskError as error:
            if "not at the hub" not in str(error):
                raise  # nothing was sent and the permission stays ours: the next round goes on
            raise Failed(str(error), "evidence") from error
        return xml, exhibits

    def _send(self, report: str, attempt: int, xml: bytes, exhibits: Sequence[Exhibit]) -> Row:
        """Open, fill and finish a report. Raises Failed."""
        remote = self._submit(report, attempt, xml)
        row = self.journal.write(report, attempt, Step.OPENED, remote)  # before anything else
        try:
            sent = [self._upload(row, one) for one in exhibits]
            row = self.journal.write(report, attempt, Step.FINISHING, remote, files=sent)
            answer = self._quickly(lambda: self._finish(row), unknown_again=True)
            if answer.outcome is not Outcome.DONE:
                raise _failed(answer, "finished")
            return self.journal.write(report, attempt, Step.FILED, remote, files=sent)
        except Failed as failed:
            if failed.gone:
                raise
            undone = self._undo(row, failed.sentence)
            if undone.step is Step.UNDONE and failed.reason:
                return self.journal.write(report, attempt, Step.REFUSED, reason=failed.reason, sentence=failed.sentence)
            return undone

    def _submit(self, report: str, attempt: int, xml: bytes) -> int:
        """Open the report at the service and return its number. Raises Failed."""

        def once() -> Answer:
            self.journal.write(report, attempt, Step.SUBMITTING)
            answer = self.service.submit(xml)
            if answer.outcome in (Outcome.UNSENT, Outcome.AGAIN):
                self.journal.write(report, attempt, Step.GRANTED)  # it took no effect
                self._still_ours(report, attempt)
            return answer

        answer = self._quickly(once)
        if answer.outcome is Outcome.DONE and answer.report_id is not None:
            return answer.report_id
        if answer.outcome is Outcome.UNKNOWN:
            self.journal.write(
                report,
                attempt,
                Step.UNKNOWN,
                reason="ambiguous-submit",
                sentence=answer.sentence,
                hint_id=answer.report_id,
            )
        raise _failed(answer, "opened")

    def _still_ours(self, report: str, attempt: int) -> None:
        """Ask again for the permission before something is sent. Raises SupersededError, and Failed once stopped."""
        job = self.desk.take(report, self.journal.id, self.environment)
        if int(job["attempt"]) != attempt:
            raise SupersededError("The hub has given this report out anew.")
        if job["do"] == "stop":
            raise Failed(_STOPPED)

    def _upload(self, row: Row, one: Exhibit) -> dict[str, Any]:
        """Send a file and what it is, unless a person has stopped the report. Raises Failed."""
        self._say(row)
        remote = row.remote_id or 0
        answer = self._quickly(lambda: self.service.upload(remote, one.name, one.data))
        if answer.outcome is not Outcome.DONE:
            raise _failed(answer, "sent a file")
        md5 = hashlib.md5(one.data, usedforsecurity=False).hexdigest()
        if answer.md5 and answer.md5 != md5:
            raise Failed("The service's digest of a file differs from ours.", "damaged")
        details = file_details_xml(one.details_for(remote, answer.file_id))
        told = self._quickly(lambda: self.service.fileinfo(details), unknown_again=True)
        if told.outcome is not Outcome.DONE:
            raise _failed(told, "told about a file")
        return {"evidence": one.evidence, "item": one.item, "file_id": answer.file_id, "md5": md5}

    def _finish(self, row: Row) -> Answer:
        """Close the report, unless a person has stopped it. Raises Failed."""
        self._say(row)
        return self.service.finish(row.remote_id or 0)

    def _undo(self, row: Row, sentence: str) -> Row:
        """Retract what is open at the service; return the attempt undone, filed, or as it was, to be tried again."""
        remote = row.remote_id or 0
        answer = self._quickly(lambda: self.service.retract(remote), unknown_again=True)
        if answer.code == answers.ALREADY_FINISHED:
            return self.journal.write(row.report, row.attempt, Step.FILED, remote, files=row.detail.get("files", []))
        if answer.code in _GONE:
            return self.journal.write(
                row.report, row.attempt, Step.UNDONE, remote, sentence=sentence, **self._later(row)
            )
        if answer.outcome is Outcome.PERSON:
            said = f"It could not be retracted. {answer.sentence}"
            return self.journal.write(
                row.report, row.attempt, Step.REFUSED, remote, reason="refused", sentence=said, open=True
            )
        return row

    def _retract_first(self, report: str, attempt: int, undo: int) -> Row | None:
        """Retract an earlier report of the same; return a row only if that one turns out to be filed. Raises Failed."""
        answer = self._quickly(lambda: self.service.retract(undo), unknown_again=True)
        if answer.code == answers.ALREADY_FINISHED:
            return self.journal.write(report, attempt, Step.FILED, undo, files=[])
        if answer.code in _GONE:
            return None
        raise _failed(answer, "retracted")

    def _withdraw(self, report: str, attempt: int, job: dict[str, Any]) -> str:
        """Retract a report that a person does not want to be filed, and tell the hub. Raises DeskError."""
        undo = int(job["undo"]) if job.get("undo") else None
        answer = Answer(outcome=Outcome.DONE, code=0)
        if undo is not None:
            answer = self._quickly(lambda: self.service.retract(undo), unknown_again=True)
        told: dict[str, Any] = {"journal": self.journal.id, "attempt": attempt}
        if answer.code == answers.ALREADY_FINISHED:
            told |= {"state": "filed", "remote_id": undo}
        elif answer.code in _GONE:
            told |= {"state": "withdrawn"}
        elif answer.outcome is Outcome.PERSON:
            told |= {"state": "held", "reason": "refused", "sentence": answer.sentence, "remote_id": undo}
        else:
            raise DeskError(answer.sentence)
        return self.desk.tell(report, told)

    def _give_up(self, report: str, attempt: int, failed: Failed, undo: int | None) -> Row:
        """End an attempt of which nothing is at the service: later again, or a person looks."""
        before = self.journal.read(report, attempt)
        if before is not None and before.step in (Step.UNKNOWN, Step.REFUSED):
            return before
        assert before is not None
        if failed.reason:
            kept = {"reason": failed.reason, "sentence": failed.sentence, "undo_id": undo}
            return self.journal.write(report, attempt, Step.REFUSED, None, **kept)
        later = self._later(before)
        return self.journal.write(report, attempt, Step.UNDONE, sentence=failed.sentence, undo_id=undo, **later)

    def _later(self, row: Row) -> dict[str, Any]:
        return {"not_before": utc_text(self.now() + LATER[min(row.attempt, len(LATER)) - 1])}

    def _tell(self, row: Row) -> None:
        """Tell the hub how an attempt ended. Raises DeskError; one that does not count is dropped."""
        if row.step not in (Step.FILED, Step.UNDONE, Step.UNKNOWN, Step.REFUSED):
            return
        told: dict[str, Any] = {"journal": self.journal.id, "attempt": row.attempt}
        kept = {name: row.detail[name] for name in ("reason", "sentence", "hint_id") if row.detail.get(name)}
        if row.step is Step.FILED:
            told |= {"state": "filed", "remote_id": row.remote_id, "files": row.detail.get("files", [])}
        elif row.step is Step.UNDONE:
            told |= {"state": "again", "sentence": row.detail.get("sentence", "")}
            told |= {name: row.detail[name] for name in ("not_before", "undo_id") if row.detail.get(name)}
        else:
            told |= {"state": "held"} | kept
            remote = row.remote_id if row.detail.get("open") else row.detail.get("undo_id")
            told |= {"remote_id": remote} if remote else {}
        told["sentence"] = str(told.get("sentence", ""))[:1000]
        try:
            self.desk.tell(row.report, told)
        except SupersededError:
            if row.step is not Step.FILED:
                self.journal.write(row.report, row.attempt, Step.DROPPED)
                return
            raise
        self.journal.tell(row)

    def _say(self, row: Row) -> None:
        """Tell the hub that a report is open, and hear whether it is to go on. Raises Failed where it is not.

        If the hub cannot be told now, the end of the attempt will say it.
        """
        told = {"journal": self.journal.id, "attempt": row.attempt, "state": "opened", "remote_id": row.remote_id}
        try:
            state = self.desk.tell(row.report, told)
        except SupersededError as error:
            raise Failed(str(error)) from error
        except DeskError:
            return
        if state == "stopping":
            raise Failed(_STOPPED)

    def _quickly(self, call: Callable[[], Answer], *, unknown_again: bool = False) -> Answer:
        """Make a call, and again a few times while it took no effect, or, where that is safe, while nobody knows."""
        wanted = {Outcome.UNSENT, Outcome.AGAIN} | ({Outcome.UNKNOWN} if unknown_again else set())
        answer: Answer = Retrying(
            stop=stop_after_attempt(QUICK_TRIES),
            wait=wait_exponential(multiplier=1, max=30),
            retry=retry_if_result(lambda answer: answer.outcome in wanted),
            retry_error_callback=_last,
            sleep=self.sleep,
        )(call)
        return answer


def _last(state: RetryCallState) -> Any:
    assert state.outcome is not None
    return state.outcome.result()


def _failed(answer: Answer, what: str) -> Failed:
    """Return what an answer that is not success means for the attempt."""
    gone = answer.code in (answers.NO_SUCH_REPORT, answers.ALREADY_RETRACTED)
    if answer.outcome is Outcome.PERSON and not gone:
        return Failed(f"It could not be {what}. {answer.sentence}", "refused")
    return Failed(f"It could not be {what}. {answer.sentence}", gone=gone)
