"""Templates of orders: placeholders where the real order's words go, and a filled EXAMPLE for trying out."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tocsin import packs
from tocsin.evidence.sealing import new_identity
from tocsin.orders.document import OrderError

TEMPLATES = ("uk-shpo", "us-supervised-release", "school-aup", "platform-policy")


def schema() -> dict[str, Any]:
    """Return the published JSON Schema (draft 2020-12) of order documents."""
    found: dict[str, Any] = json.loads(packs.read_text("orders/order.schema.json"))
    return found


def template(
    name: str,
    example: bool = False,
    *,
    recipient: str = "",
    recovery: str = "",
    now: datetime | None = None,
) -> str:
    """Return a template's text, or with ``example`` a filled order plainly marked EXAMPLE.

    An example takes the two age recipients given, or keys made for it and thrown away, to which nobody can
    open anything; it runs from the day before ``now`` for a year. Raises OrderError for an unknown name.
    """
    if name not in TEMPLATES:
        raise OrderError(f"There is no template {name!r}; there are {', '.join(TEMPLATES)}.")
    if not example:
        return packs.read_text(f"orders/{name}.yaml")
    begins = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0) - timedelta(days=1)
    values: Mapping[str, str] = {
        "@FROM@": begins.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "@UNTIL@": (begins + timedelta(days=366)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "@OFFICER@": recipient or new_identity()[1],
        "@RECOVERY@": recovery or new_identity()[1],
    }
    text = packs.read_text(f"orders/{name}.example.yaml")
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text
