"""The tables of webhooks: where events are sent, and what is still to be delivered."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.gateway.tables import Base


class Webhook(Base):
    """An address that events are sent to, the secret they are signed with, and which events (none named: all)."""

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    url: Mapped[str] = mapped_column(String(4096))
    secret: Mapped[str] = mapped_column(String(128))
    events: Mapped[list[str]]
    created_at: Mapped[datetime]


class WebhookOwner(Base):
    """The key that added a webhook; ``whole``: it is told of what belongs to other keys too.

    A webhook that was added before there were owners has none: it is told everything, and admin's to see.
    """

    __tablename__ = "webhook_owners"

    webhook: Mapped[str] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True)
    owner: Mapped[int]
    whole: Mapped[bool]


class Delivery(Base):
    """One event on its way to one webhook: ``waiting``, ``delivered`` or ``given-up``."""

    __tablename__ = "deliveries"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    webhook: Mapped[str] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"), index=True)
    event: Mapped[str] = mapped_column(String(80))
    key: Mapped[str] = mapped_column(String(200), index=True)
    body: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(12), index=True)
    tries: Mapped[int]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime] = mapped_column(index=True)
    problem: Mapped[str] = mapped_column(String(200))
