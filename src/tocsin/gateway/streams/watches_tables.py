"""The table of watched streams: what is taken up again when the gateway starts anew."""

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.gateway.tables import Base


class StreamWatch(Base):
    """A stream that is or was watched: its address, the service's own name for it, how, and how it ended."""

    __tablename__ = "stream_watches"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    url: Mapped[str] = mapped_column(String(4096))
    name: Mapped[str] = mapped_column(String(200))
    terms: Mapped[dict[str, Any]]
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    last: Mapped[dict[str, Any]]
