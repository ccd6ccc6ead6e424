"""Schemathesis over the hub's API as its own OpenAPI says it: nothing it can think of is a fault of ours."""

import itertools
import shutil

import pytest
from sqlalchemy import select

schemathesis = pytest.importorskip("schemathesis")

from documented import faults  # noqa: E402

from tocsin.hub import sessions  # noqa: E402
from tocsin.hub.store.schema import Alert  # noqa: E402

ENDLESS = "GET /api/v1/events"
LAST = ("DELETE /api/v1/session", "DELETE /api/v1/sessions")
"""What ends the session that the rest needs."""
EXAMPLES = 6


@pytest.fixture
def store_url(sqlite_template, tmp_path):
    """What is refused does not depend on the engine: SQLite only."""
    path = tmp_path / "store.sqlite3"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def people(hub, person):
    """The headers of somebody signed in, for each of three roles and for nobody."""
    found = [{}]
    for role in ("supervisor", "auditor", "administrator"):
        made = person(role)
        with hub.store.session() as session:
            cookie = sessions.start(session, made, hub.clock.now(), second_factor=True)
            csrf = sessions.find(session, cookie, hub.clock.now()).csrf
        found.append({"Cookie": f"{sessions.COOKIE}={cookie}", sessions.CSRF_HEADER: csrf})
    return found


@pytest.fixture
def known(hub, device, exhibit, held):
    """What there is, by the name that a path has for it: half of the questions are about that."""
    with hub.store.reading() as session:
        alert = session.scalars(select(Alert)).unique().one()
        return {
            "alert_id": alert.id, "device_id": device.id, "digest": exhibit.digest, "subject_id": alert.subject_id,
            "order_id": alert.order_id, "key": "retention",
        }  # fmt: skip


def test_every_call_is_answered_as_documented_and_without_a_fault_of_ours(app, people, known) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    operations = [made.ok() for made in schema.get_all_operations()]
    operations = [each for each in operations if each.label != ENDLESS]
    operations.sort(key=lambda each: each.label in LAST)
    whose = itertools.cycle(people)
    real = itertools.cycle((True, True, False))

    def ask(case, checks):
        if next(real):
            case.path_parameters.update({k: v for k, v in known.items() if k in case.path_parameters})
        case.call_and_validate(checks=checks, headers=next(whose))

    assert faults(operations, EXAMPLES, ask) == []
