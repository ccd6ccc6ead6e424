"""Settings are checked, and each change is on the record."""

import json

import pytest
from sqlalchemy import select

from tocsin.hub import configuration
from tocsin.hub.refusals import Refused
from tocsin.hub.store.schema import AuditEntry


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("retention", {"entries": 0}),
        ("retention", {"audit": 5}),
        ("retention", {"entries": "30"}),
        ("escalation", {"minutes": 0}),
        ("escalation", {}),
        ("public_url", {"url": "javascript:alert(1)"}),
        ("public_url", {"url": "http://[bad"}),
        ("authorities", {"keys": ["short"]}),
        ("authorities", {"keys": "x"}),
        ("origin", {"name": "other"}),
        ("health", {}),
    ],
)
def test_values_that_do_not_fit_are_refused(hub, who, clock, key, value):
    by = who("administrator")
    with hub.store.session() as session, pytest.raises(Refused):
        configuration.write(session, by, key, value, clock.now())


def test_a_change_is_read_back_and_logged(hub, who, clock):
    by = who("administrator")
    for days in (30, 60):
        with hub.store.session() as session:
            configuration.write(session, by, "retention", {"entries": days}, clock.now())
    with hub.store.reading() as session:
        assert configuration.retention_days(session) == {"entries": 60}
        assert configuration.read_all(session)["retention"] == {"entries": 60}
        newest = session.scalars(select(AuditEntry.entry).order_by(AuditEntry.seq.desc())).first()
    assert json.loads(newest or "")["detail"] == {"value": {"entries": 60}}


def test_the_logs_name_is_shown(hub):
    with hub.store.reading() as session:
        assert configuration.read_all(session)["origin"]["name"].startswith("tocsin.hub/")
