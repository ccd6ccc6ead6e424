"""The tables of banks, of what was put into them by hand, and of the signal types' own settings."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.gateway.tables import Base


class Bank(Base):
    """A bank: how it is asked. What it holds lies in ``banks/<folder>``, a hash list.

    ``rings`` is whether a match goes to the hub; ``radius`` is in bits. ``exchange`` names what feeds it, if anything.
    """

    __tablename__ = "banks"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    folder: Mapped[str] = mapped_column(String(255), unique=True)
    enabled_ratio: Mapped[float] = mapped_column(default=1.0)
    negative: Mapped[bool] = mapped_column(default=False)
    radius: Mapped[int] = mapped_column(default=31)
    severity: Mapped[int] = mapped_column(default=4)
    rings: Mapped[bool] = mapped_column(default=True)
    labels: Mapped[list[str]]
    scheme: Mapped[str] = mapped_column(String(200), default="")
    source: Mapped[str] = mapped_column(String(200), default="")
    exchange: Mapped[str] = mapped_column(String(255), default="")
    created_at: Mapped[datetime]


class Content(Base):
    """Something put into a bank by hand. ``state`` is ``adding``, ``live`` or ``removing``: a change cut short is
    finished at the next start. ``disable_until_ts``: 0 disabled, 1 enabled, else disabled until then (Unix time)."""

    __tablename__ = "contents"
    __table_args__ = (Index("contents_of_bank", "bank_id", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    bank_id: Mapped[int] = mapped_column(ForeignKey("banks.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(String(8), index=True)
    signals: Mapped[dict[str, Any]]
    disable_until_ts: Mapped[int] = mapped_column(default=1, index=True)
    note: Mapped[str] = mapped_column(String(255), default="")
    media_uri: Mapped[str] = mapped_column(String(2048), default="")
    content_id: Mapped[str] = mapped_column(String(255), default="")
    content_uri: Mapped[str] = mapped_column(String(2048), default="")
    metadata_json: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class DisabledEntry(Base):
    """An entry of a list that came from elsewhere, disabled here: until a time, or (0) until it is enabled again."""

    __tablename__ = "disabled_entries"

    bank: Mapped[str] = mapped_column(String(255), primary_key=True)
    entry_id: Mapped[int] = mapped_column(primary_key=True)
    disable_until_ts: Mapped[int]
    note: Mapped[str] = mapped_column(String(255), default="")


class SignalTypeRow(Base):
    """How far a signal type is enabled, where that was changed."""

    __tablename__ = "signal_types"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    enabled_ratio: Mapped[float]
