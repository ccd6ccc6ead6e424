"""A confirmed alert with evidence, somebody who reports, and a worker: what a report begins with."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from tocsin.hub import alerts, configuration, consultation
from tocsin.hub.hub import Hub
from tocsin.hub.reports import drafting, filing, workers
from tocsin.hub.sessions import Who
from tocsin.hub.store.reports import Report, ReportWorker
from tocsin.hub.store.schema import Alert, Person

FACTS = {
    "incident_type": "Child Pornography (possession, manufacture, and distribution)",
    "incident_at": "2026-11-22T16:58:00Z",
    "reported": [{"identifier": "user-17", "service": "Example"}],
}
JOURNAL = "a" * 32


@dataclass
class Desk:
    """A reporting unit at work; every call is one transaction, as over HTTP."""

    hub: Hub
    who: Who
    administrator: Who
    alert_id: str
    digest: str
    worker: ReportWorker
    token: str
    made: list[str] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return self.hub.clock.now()

    def set(self, key: str, **value: Any) -> None:
        with self.hub.store.session() as session:
            configuration.write(session, self.administrator, key, value, self.now)

    def draft(self, who: Who | None = None, files: Any = None, supplements: str | None = None, **facts: Any) -> str:
        given = [drafting.File(**each) for each in (files if files is not None else [{"evidence": self.digest}])]
        with self.hub.store.session() as session:
            alert = session.get_one(Alert, self.alert_id)
            made = drafting.draft(
                session, self.hub, who or self.who, alert, FACTS | facts, given, self.now, supplements
            )
            return made.id

    def act(self, report_id: str, deed: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        with self.hub.store.session() as session:
            report = session.get_one(Report, report_id)
            return deed(session, report, *arguments, **named)

    def ready(self, report_id: str, who: Who | None = None) -> None:
        self.act(report_id, lambda s, r: drafting.ready(s, self.hub, who or self.who, r, self.now))

    def approved(self, **facts: Any) -> str:
        report_id = self.draft(**facts)
        self.ready(report_id)
        return report_id

    def take(self, report_id: str, journal: str = JOURNAL, environment: str = "sandbox") -> dict[str, Any]:
        return self.act(
            report_id, lambda s, r: filing.take(s, self.hub, self.worker, r, journal, environment, self.now)
        )

    def tell(self, report_id: str, attempt: int, state: str, journal: str = JOURNAL, **told: Any) -> str:
        said = {"state": state, **told}
        return self.act(report_id, lambda s, r: filing.tell(s, self.worker, r, journal, attempt, said, self.now))

    def queue(self, journal: str = JOURNAL, environment: str = "sandbox") -> list[str]:
        with self.hub.store.session() as session:
            worker = session.get_one(ReportWorker, self.worker.id)
            return [each["report"] for each in filing.queue(session, worker, journal, environment, self.now)]

    def read(self, report_id: str) -> Report:
        with self.hub.store.reading() as session:
            return session.get_one(Report, report_id)

    def consult(self, who: Who | None = None) -> None:
        with self.hub.store.session() as session:
            alert = session.get_one(Alert, self.alert_id)
            consultation.consult(session, who or self.who, alert, "Preparing a report", self.now)


@pytest.fixture
def store_url(sqlite_template, tmp_path) -> str:
    """Reports do not depend on the engine: SQLite only."""
    import shutil

    path = tmp_path / "store.sqlite3"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def desk(hub: Hub, exhibit, who, held) -> Desk:
    """A unit whose officer took an alert on, with a reporter named and a worker made."""
    officer, administrator = who("officer"), who("administrator")
    with hub.store.session() as session:
        alert = session.scalars(select(Alert)).one()
        alerts.acknowledge(session, hub, alert, session.get_one(Person, officer.id), hub.clock.now())
        configuration.write(
            session, administrator, "reporting", {"email": "reports@platform.example", "platform": "Example"},
            hub.clock.now(),
        )  # fmt: skip
        worker, token = workers.add(
            session, administrator, held.unit_id, "worker " + uuid.uuid4().hex[:4], hub.clock.now()
        )
    return Desk(hub, officer, administrator, exhibit.alert_id, exhibit.digest, worker, token)
