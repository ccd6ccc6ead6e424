"""The table of reports: how far the hub's changes to this gateway's reports were heard."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.gateway.tables import Base


class ReportCursor(Base):
    """The number of the last change that was put on its way to the webhooks, for one enrolment."""

    __tablename__ = "report_cursors"

    device: Mapped[str] = mapped_column(String(64), primary_key=True)
    after: Mapped[int] = mapped_column(default=0)
