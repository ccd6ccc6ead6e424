"""A unit with a hub, a worker and the made CyberTipline, in one process and on one clock moved by hand."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from clocks import HandClock

from tocsin.evidence import sealing
from tocsin.exchange.cybertip.client import Credentials, CyberTip
from tocsin.hub import configuration
from tocsin.hub.blobs import BlobError
from tocsin.hub.hub import Hub
from tocsin.hub.refusals import Refused
from tocsin.hub.reports import deciding, drafting, filing, workers
from tocsin.hub.sessions import Who
from tocsin.hub.settings import HubSettings
from tocsin.hub.store.reports import Report, ReportWorker, View
from tocsin.hub.store.schema import (
    Alert,
    Device,
    EvidenceRecord,
    FindingRecord,
    OrderRecord,
    Person,
    Subject,
    Unit,
    WebSession,
)
from tocsin.reporting.desk import DeskError, SupersededError
from tocsin.reporting.filing import Filing
from tocsin.reporting.journal import Journal
from tocsin.reporting.worker import Worker

PNG = b"\x89PNG\r\n\x1a\n"


class Fits:
    """Stands for the schema where NCMEC's is not at hand."""

    def check(self, xml: bytes) -> None:
        return


class LocalDesk:
    """The hub's own functions, one transaction a call, with the errors that HTTP would make of them.

    ``reachable`` is asked before each call with its name.
    """

    def __init__(self, hub: Hub, worker_id: str) -> None:
        self.hub, self.worker_id = hub, worker_id
        self.reachable = lambda call: True

    def queue(self, journal: str, environment: str) -> list[dict[str, Any]]:
        return self._call("queue", lambda s, w: filing.queue(s, w, journal, environment, self.hub.clock.now()))

    def take(self, report: str, journal: str, environment: str) -> dict[str, Any]:
        def act(session: Any, worker: ReportWorker) -> dict[str, Any]:
            row = session.get_one(Report, report)
            return filing.take(session, self.hub, worker, row, journal, environment, self.hub.clock.now())

        return self._call("take", act)

    def evidence(self, report: str, digest: str) -> bytes:
        def act(session: Any, worker: ReportWorker) -> bytes:
            filing.disclose(session, worker, session.get_one(Report, report), digest, self.hub.clock.now())
            return self.hub.blobs.get(digest)

        return self._call("evidence", act)

    def tell(self, report: str, told: Mapping[str, Any]) -> str:
        said = dict(told)
        journal, attempt = said.pop("journal"), said.pop("attempt")
        if said.get("not_before"):
            said["not_before"] = datetime.fromisoformat(said["not_before"])

        def act(session: Any, worker: ReportWorker) -> str:
            row = session.get_one(Report, report)
            return filing.tell(session, worker, row, journal, attempt, said, self.hub.clock.now())

        return self._call(f"tell-{said['state']}", act)

    def _call(self, name: str, act: Any) -> Any:
        if not self.reachable(name):
            raise DeskError("The hub cannot be reached.")
        try:
            with self.hub.store.session() as session:
                return act(session, session.get_one(ReportWorker, self.worker_id))
        except (Refused, BlobError) as refused:
            superseded = isinstance(refused, Refused) and refused.status == 409 and name != "queue"
            raise (SupersededError if superseded else DeskError)(str(refused)) from refused


class World:
    """Everything together. ``sandbox`` is made by the caller on ``clock``."""

    def __init__(self, folder: Path, sandbox: Any, clock: HandClock, schema: Any = None) -> None:
        self.folder, self.sandbox, self.clock = folder, sandbox, clock
        self.schema = schema or Fits()
        self.hub = Hub.open(HubSettings(data=folder / "hub", clock=clock))
        self.identity, self.recipient = sealing.new_identity()
        self.count = 0
        self.users: dict[str, str] = {}
        self._people()
        self.desk = LocalDesk(self.hub, self.worker_id)
        self.start_worker()

    def start_worker(self) -> None:
        """Start the worker's process (again), on the journal that is on its disk."""
        if hasattr(self, "journal"):
            self.journal.close()
        self.journal = Journal(self.folder / "worker" / "journal.sqlite3")
        service = CyberTip(Credentials("u", "p"), transport=self.sandbox.transport())
        self.filing = Filing(
            desk=self.desk,
            service=service,
            journal=self.journal,
            identities=[self.identity],
            schema=self.schema,
            environment="sandbox",
            now=self.clock.now,
            sleep=self.clock.sleep,
        )
        self.worker = Worker(self.filing)

    def lose_journal(self) -> None:
        """Lose the worker's disk: what starts then is another worker."""
        self.journal.close()
        for path in (self.folder / "worker").iterdir():
            path.unlink()
        del self.journal
        self.start_worker()

    def close(self) -> None:
        self.journal.close()
        self.hub.close()

    def approved(self, *, pictures: int = 1, viewed: tuple[int, ...] = (), **facts: Any) -> str:
        """Make an alert that the officer took on, and an approved report of it; return the report's id."""
        self.count += 1
        user = f"user-{self.count}"
        document = {"finding": "f", "context": [{"text": "hello", "speaker": "other", "at": ""}]}
        sealed = sealing.seal(document, [PNG + f"{user} {each}".encode() for each in range(pictures)], [self.recipient])
        self.hub.blobs.put(sealed.digest, sealed.data)
        now = self.clock.now()
        with self.hub.store.session() as session:
            alert = Alert(
                id=uuid.uuid4().hex, number=self.count, unit_id=self.unit_id, subject_id=self.subject_id,
                device_id=self.device_id, key=user, category="known-media-match", severity=4, confidence=0.9,
                status="acknowledged", acknowledged_by=self.who.id, acknowledged_at=now, first_at=now, last_at=now,
                created_at=now, updated_at=now, findings_count=1,
            )  # fmt: skip
            session.add(alert)
            session.add(
                EvidenceRecord(
                    digest=sealed.digest, device_id=self.device_id, size=sealed.size, declared_at=now, stored_at=now,
                    status="stored", kinds=["picture"],
                )
            )  # fmt: skip
            session.flush()
            session.add(
                FindingRecord(
                    id=uuid.uuid4().hex, device_id=self.device_id, seq=self.count, alert_id=alert.id,
                    category="known-media-match", severity=4, confidence=0.9, detector="known-media", version="1",
                    at=now, received_at=now, evidence=sealed.digest,
                )
            )  # fmt: skip
            for item in viewed:
                session.add(
                    View(
                        person_id=self.who.id, alert_id=alert.id, evidence=sealed.digest, item=item, how="grey", at=now,
                        reason="Review of the alert",
                    )
                )  # fmt: skip
            said = {
                "incident_type": "Child Pornography (possession, manufacture, and distribution)",
                "incident_at": now,
                "reported": [{"identifier": user}],
            } | facts
            files = [drafting.File(evidence=sealed.digest)]
            report = drafting.draft(session, self.hub, self.who, alert, said, files, now)
            drafting.ready(session, self.hub, self.who, report, now)
            self.users[report.id] = user
            return report.id

    def decide(self, report_id: str, decision: str, remote_id: int | None = None) -> None:
        """Let the officer decide on a held report."""
        with self.hub.store.session() as session:
            row = session.get_one(Report, report_id)
            deciding.decide(session, self.who, row, decision, "Looked at it and decided", self.clock.now(), remote_id)
        self.sandbox.decided(self.users[report_id])

    def stop(self, report_id: str) -> None:
        """Let the officer say that a report is not to be sent, whoever has it."""
        with self.hub.store.session() as session:
            row = session.get_one(Report, report_id)
            drafting.discard(session, self.who, row, "It was the wrong account", self.clock.now())

    def read(self, report_id: str) -> Report:
        with self.hub.store.reading() as session:
            return session.get_one(Report, report_id)

    def round(self) -> int:
        """Let the worker go round once, and the hub's watch look."""
        done = self.worker.round()
        with self.hub.store.session() as session:
            filing.hold_lost(session, self.clock.now())
        return done

    def _people(self) -> None:
        now = self.clock.now()
        self.unit_id, self.subject_id, self.device_id = (uuid.uuid4().hex for _ in range(3))
        order = uuid.uuid4().hex
        with self.hub.store.session() as session:
            session.add(Unit(id=self.unit_id, name="Trust and safety"))
            session.flush()
            officer, administrator = (
                Person(id=uuid.uuid4().hex, unit_id=self.unit_id, name=role, email=f"{role}@p.example", role=role,
                       created_at=now)
                for role in ("officer", "administrator")
            )  # fmt: skip
            session.add_all([officer, administrator])
            session.add(Subject(id=self.subject_id, unit_id=self.unit_id, reference="platform", created_at=now))
            session.flush()
            session.add(
                OrderRecord(id=order, subject_id=self.subject_id, reference="o", digest=order * 2, signed="{}",
                            signer="", valid_from=now, valid_until=now + timedelta(days=900), added_at=now)
            )  # fmt: skip
            session.flush()
            session.add(
                Device(id=self.device_id, subject_id=self.subject_id, order_id=order, label="gateway", public_key="",
                       enrolled_at=now, health={})
            )  # fmt: skip
            session.flush()
            session.refresh(officer)
            session.refresh(administrator)
            self.who, by = (
                Who(each, WebSession(id_hash=each.id, person_id=each.id, csrf="")) for each in (officer, administrator)
            )
            configuration.write(session, by, "reporting", {"email": "reports@p.example", "platform": "Example"}, now)
            worker, self.token = workers.add(session, by, self.unit_id, "worker", now)
            self.worker_id = worker.id
