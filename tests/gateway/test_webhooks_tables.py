"""The tables of webhooks."""

from tocsin.gateway.store import TABLES
from tocsin.gateway.webhooks_tables import Delivery, Webhook, WebhookOwner


def test_they_are_created_with_the_store() -> None:
    assert {Webhook.__module__, WebhookOwner.__module__, Delivery.__module__} <= {*TABLES}
