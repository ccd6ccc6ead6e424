import pytest

from tocsin.gateway.exchanges import sharing
from tocsin.gateway.refusals import Refused
from tocsin.matching.lists import remove


@pytest.fixture
def reader(desk, bank):
    bank("MINE", [1, 2, 3])
    return desk.partners.grant("acme", ["MINE"])


def values(page):
    return {one["hashValue"]: one["hashStatus"] for one in page["hashRecords"]}


def test_a_bank_that_is_shared_later_is_told_whole_to_who_reads_already(desk, bank, reader, clock, pdq):
    first = desk.sharing.fetch_hashes(reader, 10, 100, "")
    bank("MORE", [7, 8])
    clock.forward(5)
    reader = desk.partners.grant("acme", ["MORE"])
    second = desk.sharing.fetch_hashes(reader, first["nextSetTimestamp"], 100, "")
    assert values(second) == {pdq(7): "Active", pdq(8): "Active"}
    clock.forward(5)
    third = desk.sharing.fetch_hashes(reader, second["nextSetTimestamp"], 100, "")
    assert values(third) == {}


def test_a_token_dies_after_half_a_day(desk, reader, clock):
    token = desk.sharing.fetch_hashes(reader, 10, 2, "")["nextPageToken"]
    clock.forward(sharing.TOKEN_LIVES_S - 1)
    assert desk.sharing.fetch_hashes(reader, 10, 2, token)["hasMoreRecords"] is False
    clock.forward(2)
    with pytest.raises(Refused, match="older than 12 hours"):
        desk.sharing.fetch_hashes(reader, 10, 2, token)


def test_nothing_shared_is_an_empty_page_and_not_an_error(desk):
    reader = desk.partners.grant("nobody", [])
    page = desk.sharing.fetch_hashes(reader, 10, 100, "")
    assert (page["count"], page["hasMoreRecords"], page["nextSetTimestamp"]) == (0, False, 10)
    assert b"<images" in desk.sharing.entries(reader, {"from": "1970-01-01T00:00:00Z", "to": "2030-01-01T00:00:00Z"})


def test_a_client_hours_ahead_misses_nothing(desk, reader, clock, folders, pdq):
    from tocsin.exchange.ncmec import moment, parse_page

    ahead = clock.now().timestamp() + 9 * 3600
    whole = parse_page(desk.sharing.entries(reader, {"from": moment(9 * 3600), "to": moment(ahead)}))
    assert len(whole.rows) == 3
    clock.forward(600)
    remove(folders["MINE"], ["e2"])
    desk.ledger.sync("MINE", folders["MINE"], at_once=True)
    later = parse_page(desk.sharing.entries(reader, {"from": moment(ahead), "to": moment(ahead + 600)}))
    assert [row.status for row in later.rows if row.status] == [2]


def test_two_partners_who_submit_the_same_take_back_their_own_only(desk, settings, store, clock, folders, pdq):
    from tocsin.gateway.banks_tables import Bank
    from tocsin.matching.lists import HashList

    with store.session() as session:
        session.add(Bank(name="INBOX", folder="inbox", labels=[], created_at=clock.now()))
    folders["INBOX"] = settings.banks / "inbox"
    one, two = (desk.partners.grant(name, [], inbox="INBOX") for name in ("one", "two"))
    body = {"hashRecords": [{"signalType": "ImagePDQ", "hashValue": pdq(1)}]}
    for reader in (one, two):
        assert desk.sharing.submit_hashes(reader, body)["count"] == 1
    back = {"hashFeedbacks": [{"hashValue": pdq(1), "feedbackValue": "Deleted", "tags": []}]}
    desk.sharing.submit_feedback(one, back)
    [left] = HashList.open(folders["INBOX"]).view.all_entries()
    assert left.source == "two"
    desk.sharing.submit_feedback(two, back)
    assert HashList.open(folders["INBOX"]).view.entries == 0


def test_keeping_up_goes_on_past_a_bank_that_cannot_be_read(desk, reader, bank, folders):
    import shutil

    bank("GONE", [1])
    desk.partners.grant("beta", ["GONE"])
    (folders["GONE"] / "state.json").write_text("{")
    desk.ledger._looked.clear()
    desk.ledger._lists.clear()
    desk.sharing.keep_up()
    shutil.rmtree(folders["GONE"])
    desk.sharing.keep_up()
