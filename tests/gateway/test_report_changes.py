"""What became of reports reaches the platform's webhooks: each change once, whatever fails in between."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from tocsin.gateway import report_changes
from tocsin.gateway.refusals import Refused
from tocsin.gateway.report_changes import EVENT, ReportChanges
from tocsin.gateway.store import Store
from tocsin.gateway.webhooks import Webhooks
from tocsin.gateway.webhooks_tables import Delivery
from tocsin.model import utc_text

BEGAN = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
URL = "https://platform.example/hook"


class Hub:
    """Answers as the hub would, from a list of changes; ``away`` fails that many questions first."""

    def __init__(self) -> None:
        self.changes: list[dict] = []
        self.asked: list[tuple[int, datetime]] = []
        self.away = 0
        self.page = 200

    def happens(self, state: str, at: datetime = BEGAN) -> None:
        self.changes.append({"change": len(self.changes) + 1, "at": utc_text(at), "state": state})

    def __call__(self, after: int, since: datetime) -> dict:
        self.asked.append((after, since))
        if self.away:
            self.away -= 1
            raise Refused(503, "The hub cannot be reached.")
        told = [each for each in self.changes if each["change"] > after][: self.page]
        more = len(told) == self.page
        return {"changes": told, "next": told[-1]["change"] if more else len(self.changes), "more": more}


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def parts(tmp_path, hub):
    clock = SimpleNamespace(now=lambda: BEGAN)
    store = Store.open(tmp_path / "gateway.db")
    webhooks = Webhooks(store, clock)

    def waiting() -> list[str]:
        with store.reading() as session:
            rows = session.scalars(select(Delivery).where(Delivery.event == EVENT).order_by(Delivery.created_at))
            return [row.body["data"]["state"] for row in rows]

    yield SimpleNamespace(
        webhooks=webhooks, waiting=waiting, store=store, changes=lambda: ReportChanges(webhooks, store, "d1", hub)
    )
    store.close()


def test_each_change_is_put_on_its_way_once(parts, hub) -> None:
    parts.webhooks.add(URL, [EVENT])
    hub.happens("draft")
    hub.happens("approved")
    changes = parts.changes()
    assert changes.hear() == 2
    hub.happens("filed")
    assert changes.hear() == 1
    assert parts.changes().hear() == 0, "a restart goes on where it was"
    assert sorted(parts.waiting()) == ["approved", "draft", "filed"]


def test_nothing_is_asked_while_no_webhook_wants_to_know(parts, hub) -> None:
    hub.happens("draft")
    parts.webhooks.add(URL, ["stream.ring"])
    assert parts.changes().hear() == 0
    assert hub.asked == []
    parts.webhooks.add(URL)
    assert parts.changes().hear() == 1


def test_what_happened_before_a_webhook_was_there_is_not_told_to_it(parts, hub) -> None:
    hub.happens("draft", BEGAN - timedelta(hours=1))
    hub.happens("held", BEGAN + timedelta(seconds=5))
    parts.webhooks.add(URL, [EVENT])
    parts.changes().hear()
    assert parts.waiting() == ["held"]
    assert hub.asked[0][1] <= BEGAN


def test_a_hub_that_is_away_delays_and_loses_nothing(parts, hub) -> None:
    parts.webhooks.add(URL, [EVENT])
    hub.happens("filed")
    hub.away = 2
    changes = parts.changes()
    assert [changes.hear() for _ in range(4)] == [0, 0, 1, 0]
    assert parts.waiting() == ["filed"]


def test_a_crash_before_it_counts_as_heard_tells_nothing_twice(parts, hub, monkeypatch) -> None:
    parts.webhooks.add(URL, [EVENT])
    hub.happens("filed")
    monkeypatch.setattr(ReportChanges, "_remember", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        parts.changes().hear()
    monkeypatch.undo()
    parts.changes().hear()
    assert parts.waiting() == ["filed"]


def test_pages_are_followed_and_nonsense_stops_them(parts, hub, monkeypatch) -> None:
    parts.webhooks.add(URL, [EVENT])
    hub.page = 2
    for state in ("draft", "approved", "filing", "opened", "filed"):
        hub.happens(state)
    assert parts.changes().hear() == 5
    for answer in ({}, {"next": "x", "changes": []}, {"next": 1, "changes": []}, {"next": 9, "changes": 4}):
        assert ReportChanges(parts.webhooks, parts.store, "d1", lambda *_, said=answer: said).hear() == 0
    assert len(parts.waiting()) == 5
    assert report_changes.HEAR_S <= 30
