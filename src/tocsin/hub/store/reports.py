"""Tables of review and reporting: who looked at what, and what goes to the authority. Part of the one schema."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.hub.store.schema import Base


class View(Base):
    """That a person looked at one item of sealed evidence: when, how and why. Rows are added by people's browsers only.

    ``item`` counts the pictures of the sealed document and then its files, from 1; 0 is its words. ``how`` is a code
    of hub/views.py.
    """

    __tablename__ = "views"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"), index=True)
    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.id"), index=True)
    evidence: Mapped[str] = mapped_column(String(64))
    item: Mapped[int] = mapped_column(Integer)
    how: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)
    __table_args__ = (Index("ix_views_evidence_item", "evidence", "item"),)


class ContentVerdict(Base):
    """What a person decided of one content of an alert that gathers several, and of which entries of lists.

    ``number`` is the content's in the alert, ``entries`` are pairs of a list's name and an entry's.
    """

    __tablename__ = "content_verdicts"
    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    verdict: Mapped[str] = mapped_column(String(20))
    entries: Mapped[list[Any]] = mapped_column(default=list)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"))
    at: Mapped[datetime]


class Report(Base):
    """A report to an authority, from draft to the end of its preservation. States are in hub/reports/states.py.

    ``facts`` is JSON sealed with the hub's secret, since it holds what identifies a user; ``user_key`` names that user
    to this hub only. ``files`` are what is sent of which evidence. ``attempt`` counts the permissions to submit that
    were given, ``journal`` is the worker's journal that holds the present one, ``remote_id`` the authority's number of
    the report that is open or filed there, ``undo_id`` one to be retracted first. ``drafted_by`` is nobody while it is
    what a platform asked for and no person has taken up.
    """

    __tablename__ = "reports"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, unique=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("units.id"))
    alert_id: Mapped[str | None] = mapped_column(ForeignKey("alerts.id"), index=True)
    state: Mapped[str] = mapped_column(String(12))
    held_for: Mapped[str] = mapped_column(String(40), default="")
    sentence: Mapped[str] = mapped_column(Text, default="")
    environment: Mapped[str] = mapped_column(String(12), default="")
    incident_type: Mapped[str] = mapped_column(String(80))
    escalated: Mapped[bool] = mapped_column(default=False)
    facts: Mapped[str] = mapped_column(Text)
    user_key: Mapped[str] = mapped_column(String(32), default="", index=True)
    files: Mapped[list[Any]] = mapped_column(default=list)
    supplements: Mapped[str | None] = mapped_column(String(32))
    drafted_by: Mapped[str | None] = mapped_column(ForeignKey("people.id"))
    drafted_at: Mapped[datetime]
    approved_by: Mapped[str | None] = mapped_column(ForeignKey("people.id"))
    approved_at: Mapped[datetime | None]
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    journal: Mapped[str] = mapped_column(String(32), default="")
    heard_at: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    remote_id: Mapped[int | None] = mapped_column(BigInteger)
    undo_id: Mapped[int | None] = mapped_column(BigInteger)
    hint_id: Mapped[int | None] = mapped_column(BigInteger)
    sent: Mapped[list[Any]] = mapped_column(default=list)
    filed_at: Mapped[datetime | None]
    preserve_until: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    __table_args__ = (Index("ix_reports_unit_state", "unit_id", "state", "number"),)


class ReportEvent(Base):
    """What people and the worker did to a report, in order. No personal data of the reported user."""

    __tablename__ = "report_events"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    report_id: Mapped[str] = mapped_column(ForeignKey("reports.id"), index=True)
    at: Mapped[datetime]
    person_id: Mapped[str | None] = mapped_column(ForeignKey("people.id"))
    kind: Mapped[str] = mapped_column(String(20))
    detail: Mapped[str] = mapped_column(Text, default="")


class ReportRequest(Base):
    """That a platform's gateway asked for a report. ``key`` and ``body`` name the request's key and contents to this
    hub only; ``said`` is JSON sealed with the hub's secret: the key and the finding, for the gateway to read back."""

    __tablename__ = "report_requests"
    report_id: Mapped[str] = mapped_column(ForeignKey("reports.id"), primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"))
    key: Mapped[str] = mapped_column(String(32))
    body: Mapped[str] = mapped_column(String(32))
    said: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("device_id", "key"),)


class ReportWorker(Base):
    """A program that files a unit's reports; only the SHA-256 of its token is kept."""

    __tablename__ = "report_workers"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("units.id"))
    name: Mapped[str] = mapped_column(String(100))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(32))
    last_seen: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
