from datetime import timedelta

from tocsin.console.order_rows import STATES, OrderRow
from tocsin.hub.store.schema import OrderRecord


def test_an_order_says_where_it_stands(site):
    with site.hub.store.reading() as session:
        record = session.get(OrderRecord, site.seeded.orders["laptop D-2"])
        now = site.clock.now()
        assert OrderRow.of(record, now).state == "in force"
        assert OrderRow.of(record, now - timedelta(days=500)).state == "not yet in force"
        ended = OrderRow.of(record, now + timedelta(days=900))
        assert (ended.state, ended.live) == ("ended", False)
        assert OrderRow.of(record, now).example is False


def test_every_status_has_words():
    assert set(STATES) == {"in-force", "not-yet", "ended", "superseded", "discharged"}
