"""The hub's tables: one schema for SQLite and PostgreSQL. Words and pictures of a screen are never columns here."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator


class Utc(TypeDecorator[datetime]):
    """A moment, aware, in UTC; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store in UTC; SQLite keeps no zone, so it is dropped there after conversion."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored time needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Whole = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit whole number that SQLite accepts as a primary key."""


class Base(DeclarativeBase):
    """Root of the tables."""

    type_annotation_map: ClassVar = {datetime: Utc, dict[str, Any]: JSON, list[str]: JSON, list[Any]: JSON}


class Unit(Base):
    """A team. People see only their unit's subjects."""

    __tablename__ = "units"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)


class Person(Base):
    """Someone who signs in. ``role``: officer, supervisor, auditor, administrator."""

    __tablename__ = "people"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("units.id"))
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(320), unique=True)
    role: Mapped[str] = mapped_column(String(20))
    password_hash: Mapped[str] = mapped_column(String(300), default="")
    totp_secret: Mapped[str] = mapped_column(String(300), default="")
    totp_confirmed: Mapped[bool] = mapped_column(default=False)
    totp_last_step: Mapped[int] = mapped_column(BigInteger, default=0)
    recovery_hashes: Mapped[list[str]] = mapped_column(default=list)
    age_recipient: Mapped[str] = mapped_column(String(200), default="")
    notify_urls: Mapped[list[str]] = mapped_column(default=list)
    notify_severity: Mapped[int] = mapped_column(Integer, default=3)
    on_call: Mapped[int] = mapped_column(Integer, default=0)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    unit: Mapped[Unit] = relationship(lazy="joined")


class WebSession(Base):
    """A signed-in browser; only the SHA-256 of the cookie is kept."""

    __tablename__ = "sessions"
    id_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    second_factor: Mapped[bool] = mapped_column(default=False)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime]
    last_seen: Mapped[datetime]
    expires_at: Mapped[datetime]


class Throttle(Base):
    """Refused sign-ins of one account or address; ``key`` is a keyed digest, so no names or addresses are kept."""

    __tablename__ = "throttles"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    last_at: Mapped[datetime]
    blocked_until: Mapped[datetime | None]


class Token(Base):
    """A one-time token; only its SHA-256 is kept. ``kind``: setup, invite, enrol."""

    __tablename__ = "tokens"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(32), default="")
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    person_id: Mapped[str | None] = mapped_column(ForeignKey("people.id"))
    order_id: Mapped[str | None] = mapped_column(ForeignKey("orders.id"))


class Subject(Base):
    """A person under an order, by reference; the name is optional and never leaves the hub."""

    __tablename__ = "subjects"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("units.id"), index=True)
    reference: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime]
    legal_hold: Mapped[str] = mapped_column(Text, default="")
    erased_at: Mapped[datetime | None]
    __table_args__ = (UniqueConstraint("unit_id", "reference"),)


class OrderRecord(Base):
    """A signed order as received: ``signed`` is the whole signed JSON, ``digest`` its SHA-256 (hex)."""

    __tablename__ = "orders"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    subject_id: Mapped[str] = mapped_column(ForeignKey("subjects.id"), index=True)
    reference: Mapped[str] = mapped_column(String(100))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    signed: Mapped[str] = mapped_column(Text)
    signer: Mapped[str] = mapped_column(String(100))
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime]
    added_at: Mapped[datetime]
    added_by: Mapped[str] = mapped_column(String(32), default="")
    superseded_by: Mapped[str | None] = mapped_column(String(32))
    discharged_at: Mapped[datetime | None]
    subject: Mapped[Subject] = relationship(lazy="joined")


class Device(Base):
    """An enrolled device and the head of its journal. ``status``: active, silent, stopped, removed."""

    __tablename__ = "devices"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    subject_id: Mapped[str] = mapped_column(ForeignKey("subjects.id"), index=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"))
    label: Mapped[str] = mapped_column(String(100))
    public_key: Mapped[str] = mapped_column(String(100))
    platform: Mapped[str] = mapped_column(String(100), default="")
    software: Mapped[str] = mapped_column(String(40), default="")
    status: Mapped[str] = mapped_column(String(10), default="active")
    enrolled_at: Mapped[datetime]
    last_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    last_hash: Mapped[str] = mapped_column(String(64), default="0" * 64)
    last_boot: Mapped[str] = mapped_column(String(64), default="")
    last_mono_ns: Mapped[int] = mapped_column(BigInteger, default=0)
    last_at: Mapped[datetime | None]
    last_received: Mapped[datetime | None]
    last_heartbeat: Mapped[datetime | None]
    last_evidence: Mapped[datetime | None]
    silent_since: Mapped[datetime | None]
    health: Mapped[dict[str, Any]] = mapped_column(default=dict)
    subject: Mapped[Subject] = relationship(lazy="joined")


class JournalEntry(Base):
    """One verified journal entry as received; ``raw`` is its canonical JSON with the signature."""

    __tablename__ = "entries"
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime]
    received_at: Mapped[datetime]
    hash: Mapped[str] = mapped_column(String(64))
    raw: Mapped[str] = mapped_column(Text)
    __table_args__ = (Index("ix_entries_device_at", "device_id", "at"), Index("ix_entries_kind_at", "kind", "at"))


class Alert(Base):
    """Findings that belong together, for one person to decide on.

    ``status``: new, acknowledged, escalated, closed. ``key`` groups: an open alert of the same key takes
    further findings in instead of ringing again. ``matches`` are the entries of hash lists that its findings named,
    each once. ``verdict`` is a ReviewVerdict once closed.
    """

    __tablename__ = "alerts"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, unique=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("units.id"))
    subject_id: Mapped[str] = mapped_column(ForeignKey("subjects.id"), index=True)
    device_id: Mapped[str | None] = mapped_column(ForeignKey("devices.id"))
    order_id: Mapped[str | None] = mapped_column(ForeignKey("orders.id"))
    key: Mapped[str] = mapped_column(String(200), index=True)
    category: Mapped[str] = mapped_column(String(40))
    severity: Mapped[int] = mapped_column(Integer)
    confidence: Mapped[float] = mapped_column(Float)
    signals: Mapped[list[str]] = mapped_column(default=list)
    not_seen: Mapped[list[str]] = mapped_column(default=list)
    benign: Mapped[list[str]] = mapped_column(default=list)
    clauses: Mapped[list[Any]] = mapped_column(default=list)
    matches: Mapped[list[Any]] = mapped_column(default=list)
    status: Mapped[str] = mapped_column(String(12), default="new")
    findings_count: Mapped[int] = mapped_column(Integer, default=0)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None] = mapped_column(ForeignKey("people.id"))
    assigned_to: Mapped[str | None] = mapped_column(ForeignKey("people.id"))
    escalation_level: Mapped[int] = mapped_column(Integer, default=0)
    escalate_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(ForeignKey("people.id"))
    verdict: Mapped[str | None] = mapped_column(String(20))
    verdict_category: Mapped[str | None] = mapped_column(String(40))
    verdict_severity: Mapped[int | None]
    note: Mapped[str] = mapped_column(Text, default="")
    subject: Mapped[Subject] = relationship(lazy="joined")
    device: Mapped[Device | None] = relationship(lazy="joined")
    __table_args__ = (Index("ix_alerts_unit_status", "unit_id", "status", "created_at"),)


class FindingRecord(Base):
    """The readable part of a finding: category, severity, clause, signal names, list entries, versions, times."""

    __tablename__ = "findings"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), index=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.id"), index=True)
    category: Mapped[str] = mapped_column(String(40))
    severity: Mapped[int] = mapped_column(Integer)
    confidence: Mapped[float] = mapped_column(Float)
    detector: Mapped[str] = mapped_column(String(40))
    version: Mapped[str] = mapped_column(String(20))
    signals: Mapped[list[Any]] = mapped_column(default=list)
    not_seen: Mapped[list[str]] = mapped_column(default=list)
    benign: Mapped[list[str]] = mapped_column(default=list)
    verdicts: Mapped[list[Any]] = mapped_column(default=list)
    matches: Mapped[list[Any]] = mapped_column(default=list)
    thread: Mapped[str] = mapped_column(String(64), default="")
    at: Mapped[datetime]
    received_at: Mapped[datetime]
    evidence: Mapped[str | None] = mapped_column(String(64))


class EvidenceRecord(Base):
    """Sealed evidence the hub stores and cannot open. ``status``: pending, stored, erased."""

    __tablename__ = "evidence"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), index=True)
    kinds: Mapped[list[str]] = mapped_column(default=list)
    size: Mapped[int] = mapped_column(BigInteger)
    declared_at: Mapped[datetime]
    stored_at: Mapped[datetime | None]
    status: Mapped[str] = mapped_column(String(10), default="pending")


class AlertEvent(Base):
    """What people and the hub did to an alert, in order."""

    __tablename__ = "alert_events"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.id"), index=True)
    at: Mapped[datetime]
    person_id: Mapped[str | None] = mapped_column(ForeignKey("people.id"))
    kind: Mapped[str] = mapped_column(String(20))
    detail: Mapped[str] = mapped_column(Text, default="")


class Consultation(Base):
    """A person's stated reason to open a subject's record or an alert's evidence, good for one session and a while.

    ``alert_id`` is None for the subject's record.
    """

    __tablename__ = "consultations"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"))
    session_hash: Mapped[str] = mapped_column(String(64))
    subject_id: Mapped[str] = mapped_column(ForeignKey("subjects.id"), index=True)
    alert_id: Mapped[str | None] = mapped_column(ForeignKey("alerts.id"), index=True)
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    expires_at: Mapped[datetime]


class AuditEntry(Base):
    """A leaf of the hub's Merkle log: ``entry`` is canonical JSON, ``leaf`` its RFC 6962 leaf hash."""

    __tablename__ = "audit"
    seq: Mapped[int] = mapped_column(Whole, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64), index=True)
    action: Mapped[str] = mapped_column(String(40), index=True)
    object: Mapped[str] = mapped_column(String(200), index=True)
    entry: Mapped[str] = mapped_column(Text)
    leaf: Mapped[bytes] = mapped_column(LargeBinary(32))


class CheckpointRecord(Base):
    """A signed checkpoint of the log."""

    __tablename__ = "checkpoints"
    size: Mapped[int] = mapped_column(Whole, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    note: Mapped[str] = mapped_column(Text)


class Notification(Base):
    """An outgoing message: it carries ids, never content."""

    __tablename__ = "notifications"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"))
    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.id"))
    created_at: Mapped[datetime]
    next_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    sent_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(Text, default="")


class Setting(Base):
    """Settings that people change at run time: retention days per kind, escalation minutes, origin name."""

    __tablename__ = "settings"
    key: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[dict[str, Any]] = mapped_column(default=dict)
