"""What runs while the gateway's core runs, listed by hand: each is entered at the start and left at the end."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from tocsin.gateway.conversations import forgetting
from tocsin.gateway.exchanges.schedule import exchanging
from tocsin.gateway.report_changes import telling_of_reports
from tocsin.gateway.streams.watches import watching
from tocsin.gateway.webhooks import delivering

if TYPE_CHECKING:
    from tocsin.gateway.gateway import Gateway

Service = Callable[["Gateway"], AbstractAsyncContextManager[None]]

SERVICES: tuple[Service, ...] = (forgetting, exchanging, delivering, telling_of_reports, watching)
"""In the order in which they start; they end in the opposite order."""
