"""The tables of exchanges: what is read, how far, with what success; verdicts on their way; partners who read here."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.gateway.tables import Base


class Exchange(Base):
    """One exchange, which feeds the bank of the same name.

    ``checkpoint`` moves only once a whole range is kept; ``resume`` is where a range goes on that was cut.
    ``credentials_file`` is read at each run; without it the credentials of the api hold. ``trusted`` ones were added
    at this machine and may lie on a private network.
    """

    __tablename__ = "exchanges"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    api: Mapped[str] = mapped_column(String(40))
    config: Mapped[dict[str, Any]]
    enabled: Mapped[bool] = mapped_column(default=True)
    trusted: Mapped[bool] = mapped_column(default=False)
    interval_s: Mapped[int]
    credentials_file: Mapped[str] = mapped_column(String(1024), default="")
    due_at: Mapped[datetime]
    checkpoint: Mapped[dict[str, Any] | None]
    resume: Mapped[dict[str, Any] | None]
    checkpoint_at: Mapped[datetime | None]
    running_since: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    succeeded: Mapped[bool | None]
    up_to_date: Mapped[bool] = mapped_column(default=False)
    failures: Mapped[int] = mapped_column(default=0)
    message: Mapped[str] = mapped_column(String(500), default="")
    counts: Mapped[dict[str, Any]]
    allow_shrink: Mapped[bool] = mapped_column(default=False)


class ApiCredential(Base):
    """The credentials of one api, sealed with the gateway's secret."""

    __tablename__ = "exchange_credentials"

    api: Mapped[str] = mapped_column(String(40), primary_key=True)
    sealed: Mapped[str]


class Verdict(Base):
    """A person's verdict on a match, on its way upstream. It stays until it is acknowledged or cannot be taken.

    ``state``: waiting, sent, not-taken (this exchange takes none of the kind) or refused.
    """

    __tablename__ = "exchange_verdicts"
    __table_args__ = (Index("verdicts_due", "state", "next_at"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    exchange: Mapped[str] = mapped_column(String(255))
    entry: Mapped[str] = mapped_column(String(500))
    kind: Mapped[str] = mapped_column(String(12))
    value: Mapped[str] = mapped_column(String(300))
    good: Mapped[bool]
    extra: Mapped[dict[str, Any]]
    said_by: Mapped[str] = mapped_column(String(200), default="")
    said_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime]
    message: Mapped[str] = mapped_column(String(500), default="")


class Push(Base):
    """A bank that is given to an exchange. ``seq`` is how far the ledger (``ledger`` tells which) is taken up.

    ``scheduled``: it goes on by itself. ``ending``: what was given is being taken back, and nothing new is given.
    """

    __tablename__ = "exchange_pushes"

    exchange: Mapped[str] = mapped_column(String(255), primary_key=True)
    bank: Mapped[str] = mapped_column(String(255), primary_key=True)
    scheduled: Mapped[bool] = mapped_column(default=False)
    ending: Mapped[bool] = mapped_column(default=False)
    tags: Mapped[list[str]]
    ledger: Mapped[str] = mapped_column(String(30), default="")
    seq: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    message: Mapped[str] = mapped_column(String(500), default="")


class OutgoingHash(Base):
    """A hash of a pushed bank, and what the exchange knows of it. ``remote`` is what the exchange calls it.

    ``state``: waiting, given, refused (by the exchange, for good) or held (for a person: its answer was lost and it may
    not be sent twice); on the way back: leaving, gone, kept (the exchange refuses to take it back) or untold (it cannot
    be told: nobody knows what the exchange calls it). ``unsure``: it was sent and the answer has not come.
    """

    __tablename__ = "exchange_outgoing"
    __table_args__ = (
        UniqueConstraint("exchange", "bank", "kind", "value"),
        Index("outgoing_due", "exchange", "bank", "state", "next_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    exchange: Mapped[str] = mapped_column(String(255))
    bank: Mapped[str] = mapped_column(String(255))
    kind: Mapped[str] = mapped_column(String(12))
    value: Mapped[str] = mapped_column(String(300))
    state: Mapped[str] = mapped_column(String(8), default="waiting")
    remote: Mapped[str] = mapped_column(String(64), default="")
    unsure: Mapped[bool] = mapped_column(default=False)
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime]
    message: Mapped[str] = mapped_column(String(200), default="")


class FeedbackSwitch(Base):
    """An exchange that is told, from a moment on, what people decide at the hub on matches with its bank."""

    __tablename__ = "exchange_feedback"

    exchange: Mapped[str] = mapped_column(String(255), primary_key=True)
    since: Mapped[datetime]


class HubCursor(Base):
    """How far the hub's decisions are heard, for one enrolment."""

    __tablename__ = "exchange_hub_cursors"

    device: Mapped[str] = mapped_column(String(64), primary_key=True)
    after: Mapped[int] = mapped_column(default=0)


class Partner(Base):
    """Somebody who reads banks here; the key of the same name (scope exchange) is theirs. ``inbox``: the bank that
    takes what they submit, if any."""

    __tablename__ = "exchange_partners"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    title: Mapped[str] = mapped_column(String(200), default="")
    inbox: Mapped[str] = mapped_column(String(255), default="")
    created_at: Mapped[datetime]


class PartnerBank(Base):
    """A bank that a partner may read, since a moment of the ledger's clock (Unix seconds)."""

    __tablename__ = "exchange_partner_banks"

    partner_id: Mapped[int] = mapped_column(primary_key=True)
    bank: Mapped[str] = mapped_column(String(255), primary_key=True)
    granted_at: Mapped[int]
