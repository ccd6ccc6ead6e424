"""The table of API keys: what is kept of one opens nothing."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.gateway.tables import Base


class ApiKey(Base):
    """A key: its name, the SHA-256 (hex) of its text, its scopes, its rate (calls a second, 0 without bound)."""

    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]]
    rate: Mapped[float]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
