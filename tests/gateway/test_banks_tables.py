from tocsin.gateway.banks_tables import Bank, Content
from tocsin.gateway.store import Store


def test_numbers_of_contents_and_banks_are_never_used_again(tmp_path, clock):
    store = Store.open(tmp_path / "gateway.db")

    def made():
        with store.session() as session:
            bank = Bank(name="A", folder="A", labels=[], created_at=clock.now())
            session.add(bank)
            session.flush()
            content = Content(bank_id=bank.id, state="live", signals={}, metadata_json={}, created_at=clock.now())
            session.add(content)
            session.flush()
            numbers = bank.id, content.id
            session.delete(bank)
        return numbers

    first, second = made(), made()
    store.close()
    assert second[0] > first[0]
    assert second[1] > first[1]
