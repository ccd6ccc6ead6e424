import pytest

from tocsin.gateway.banks_tables import Bank
from tocsin.gateway.refusals import Refused


def test_a_partner_reads_what_was_shared_until_it_is_no_longer(desk, bank):
    bank("MINE", [1])
    reader = desk.partners.grant("acme", ["MINE"], title="Acme")
    assert (reader.name, reader.title, [name for name, _ in reader.banks]) == ("acme", "Acme", ["MINE"])
    assert desk.partners.named("acme") == reader
    assert desk.partners.shared() == ["MINE"]
    again = desk.partners.grant("acme", ["MINE"])
    assert again.banks == reader.banks
    desk.partners.withdraw("acme", "MINE")
    assert desk.partners.named("acme").banks == ()
    desk.partners.withdraw("acme")
    with pytest.raises(Refused, match="no partner"):
        desk.partners.named("acme")
    with pytest.raises(Refused, match="no partner"):
        desk.partners.withdraw("acme")


def test_what_may_not_be_passed_on_is_not_shared(desk, bank):
    bank("GOOD", [1], negative=True)
    with pytest.raises(Refused, match="known-good"):
        desk.partners.grant("acme", ["GOOD"])


def test_an_inbox_is_a_bank_that_no_exchange_feeds(desk, exchange, store, clock):
    with pytest.raises(Refused, match="no bank"):
        desk.partners.grant("acme", [], inbox="NOTHING")
    with pytest.raises(Refused, match="fed by an exchange"):
        desk.partners.grant("acme", [], inbox=exchange)
    with store.session() as session:
        session.add(Bank(name="INBOX", folder="inbox", labels=[], created_at=clock.now()))
    assert desk.partners.grant("acme", [], inbox="INBOX").inbox == "INBOX"
