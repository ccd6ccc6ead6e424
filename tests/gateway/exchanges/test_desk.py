def test_the_parts_work_on_one_store(desk, exchange, bank):
    bank("MINE", [1])
    desk.partners.grant("acme", ["MINE"])
    desk.sharing.keep_up()
    assert desk.ledger.latest()[0] > 0
    assert desk.exchanges.names() == [exchange]
    assert desk.verdicts.waiting() == []


def test_a_second_desk_on_the_same_folder_reads_what_the_first_kept(desk, exchange, settings, store, folders):
    from tocsin.gateway.exchanges.desk import Desk

    other = Desk.open(settings, store, folders.__getitem__)
    try:
        assert other.exchanges.names() == [exchange]
        assert other.exchanges.secret.read_token(desk.exchanges.secret.token({"a": 1})) == {"a": 1}
    finally:
        other.close()
