import pytest
from sqlalchemy.exc import IntegrityError

from tocsin.gateway.exchanges.tables import Partner, PartnerBank, Verdict


def test_the_tables_of_exchanges_are_part_of_every_store(store):
    with store.reading() as session:
        assert session.query(Verdict).count() == 0
        assert session.query(PartnerBank).count() == 0


def test_two_partners_do_not_share_a_name(store, clock):
    with store.session() as session:
        session.add(Partner(name="acme", created_at=clock.now()))
    with pytest.raises(IntegrityError), store.session() as session:
        session.add(Partner(name="acme", created_at=clock.now()))
