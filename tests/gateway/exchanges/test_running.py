import sqlite3

import httpx
import pytest

from tocsin.exchange.files import WholeFile
from tocsin.exchange.pages import Page
from tocsin.gateway.exchanges import running
from tocsin.matching.lists import Entry, HashList, Rejected


def test_what_others_share_is_matched_and_what_they_withdraw_is_not(desk, exchange, upstream, live, pdq):
    for number in range(5):
        upstream.put(number)
    done = desk.exchanges.run(exchange, source=upstream.source())
    assert (done.complete, done.message) == (True, "")
    assert live(exchange) == {pdq(n) for n in range(5)}
    upstream.put(3, "Withdrawn")
    assert desk.exchanges.run(exchange, source=upstream.source()).complete
    assert live(exchange) == {pdq(n) for n in (0, 1, 2, 4)}
    upstream.put(3)
    assert desk.exchanges.run(exchange, source=upstream.source()).complete
    assert live(exchange) == {pdq(n) for n in range(5)}


def test_a_hash_that_returns_in_the_second_of_its_withdrawal_returns(desk, exchange, upstream, live, pdq):
    upstream.put(1)
    desk.exchanges.run(exchange, source=upstream.source())
    upstream.put(1, "Withdrawn")
    desk.exchanges.run(exchange, source=upstream.source())
    assert live(exchange) == set()
    upstream.records[1]["hashStatus"] = "Active"
    desk.exchanges.run(exchange, source=upstream.source())
    assert live(exchange) == {pdq(1)}


FAULTS = {
    "half a page": httpx.Response(200, content=b'{"count": 2, "hashRecords": [{"lastM'),
    "fewer than it says": httpx.Response(
        200, json={"count": 2, "hasMoreRecords": False, "nextSetTimestamp": 9, "hashRecords": []}
    ),
    "no json": httpx.Response(200, content=b"<html>maintenance</html>"),
    "a redirect": httpx.Response(302, headers={"location": "https://elsewhere.example/"}),
    "no credentials": httpx.Response(401),
}


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_a_service_does_wrong_the_checkpoint_waits_for_a_whole_range(
    desk, exchange, upstream, live, fault, at
):
    for number in range(5):
        upstream.put(number)
    upstream.faults = [None] * at + [FAULTS[fault]]
    failed = desk.exchanges.run(exchange, source=upstream.source())
    row = desk.exchanges.get(exchange)
    assert not failed.complete
    assert failed.message
    assert (row.checkpoint, row.succeeded) == (None, False)
    assert len(live(exchange)) == 2 * at
    done = desk.exchanges.run(exchange, source=upstream.source())
    assert done.complete
    assert len(live(exchange)) == 5
    assert done.progress.pages == 3 - at


def test_busy_answers_are_asked_again_within_a_run(desk, exchange, upstream, live, pdq):
    upstream.put(1)
    upstream.faults = [httpx.Response(429), httpx.Response(503)]
    assert desk.exchanges.run(exchange, source=upstream.source()).complete
    assert live(exchange) == {pdq(1)}


def test_an_expired_token_begins_the_range_anew(desk, exchange, upstream, live):
    for number in range(4):
        upstream.put(number)
    upstream.faults = [None, httpx.Response(404)]
    assert desk.exchanges.run(exchange, source=upstream.source()).complete
    assert len(live(exchange)) == 4
    assert ["nextPageToken" in one for one in upstream.asked] == [False, True, False, True]


@pytest.mark.parametrize(("after", "filled"), [("rows", False), ("rows", True), ("seen", True)])
def test_a_kill_at_any_point_loses_nothing_and_doubles_nothing(
    desk, exchange, upstream, live, monkeypatch, after, filled, pdq
):
    monkeypatch.setattr(running, "BATCH", 1)
    for number in range(6):
        upstream.put(number)

    if filled:  # a full reading over what is there already, after a long absence
        desk.exchanges.run(exchange, source=upstream.source())
        upstream.asked.clear()
        with desk.exchanges._store.session() as session:
            session.get(running.Exchange, exchange).checkpoint = {"since": 1_600_000_000, "fetched": 0}

    class Kill(BaseException):
        pass

    real_add, calls = running.add, []

    def dying(*given, **more):
        real_add(*given, **more)
        calls.append(1)
        if len(calls) == 2 and after == "rows":
            raise Kill

    monkeypatch.setattr(running, "add", dying)
    if after != "rows":
        real = running.Seen.add

        def seen(self, keys):
            real(self, keys)
            if len(calls) == 2:
                raise Kill

        monkeypatch.setattr(running.Seen, "add", seen)
    with pytest.raises(Kill):
        desk.exchanges.run(exchange, source=upstream.source())
    monkeypatch.undo()
    done = desk.exchanges.run(exchange, source=upstream.source())
    assert done.complete
    assert live(exchange) == {pdq(n) for n in range(6)}
    assert len(upstream.asked) <= 5


def test_what_a_full_reading_no_longer_has_is_withdrawn(desk, exchange, upstream, live, pdq):
    for number in range(6):
        upstream.put(number)
    desk.exchanges.run(exchange, source=upstream.source())
    del upstream.records[2]
    with desk.exchanges._store.session() as session:
        row = session.get(running.Exchange, exchange)
        row.checkpoint = {"since": 1_600_000_000, "fetched": 0}
    done = desk.exchanges.run(exchange, source=upstream.source())
    assert (done.complete, done.progress.swept) == (True, 1)
    assert live(exchange) == {pdq(n) for n in range(6) if n != 2}
    assert not list(desk.exchanges.scratch.glob("*.seen*"))


def test_a_service_that_lost_most_of_its_list_is_not_believed_until_a_person_says_so(
    desk, exchange, upstream, live, monkeypatch, pdq
):
    monkeypatch.setattr(running, "FEW", 2)
    for number in range(6):
        upstream.put(number)
    desk.exchanges.run(exchange, source=upstream.source())

    def stale():
        with desk.exchanges._store.session() as session:
            session.get(running.Exchange, exchange).checkpoint = {"since": 1_600_000_000, "fetched": 0}

    upstream.records = {5: upstream.records[5]}
    stale()
    held = desk.exchanges.run(exchange, source=upstream.source())
    assert not held.complete
    assert "--allow-shrink" in held.message
    assert len(live(exchange)) == 6
    desk.exchanges.allow_shrink(exchange)
    assert desk.exchanges.run(exchange, source=upstream.source()).complete
    assert live(exchange) == {pdq(5)}
    assert not desk.exchanges.get(exchange).allow_shrink


@pytest.mark.parametrize("emptied", ["", "id,pdq_hash_v2\n1,zz\n", "pdq\n" + "zz\n" * 9])
def test_a_file_without_one_entry_empties_no_bank_until_a_person_says_so(desk, exchange, live, pdq, tmp_path, emptied):
    path = tmp_path / "list.csv"
    path.write_text("pdq\n" + "".join(f"{pdq(n)}\n" for n in range(3)))
    assert desk.exchanges.run(exchange, source=WholeFile(path)).complete
    path.write_text(emptied)
    held = desk.exchanges.run(exchange, source=WholeFile(path))
    assert not held.complete
    assert live(exchange) == {pdq(n) for n in range(3)}
    path.write_text(f"pdq\n{pdq(7)}\n")
    assert desk.exchanges.run(exchange, source=WholeFile(path)).complete
    assert live(exchange) == {pdq(7)}
    path.write_text("")
    desk.exchanges.allow_shrink(exchange)
    assert desk.exchanges.run(exchange, source=WholeFile(path)).complete
    assert live(exchange) == set()


def test_bad_records_are_left_out_counted_and_kept_with_their_reason(desk, exchange, upstream, live, pdq):
    upstream.put(1)
    upstream.records["bad"] = {"lastModtimestamp": 2_000_000_000, "signalType": "ImagePDQ", "hashValue": "no hash"}
    upstream.records["text"] = upstream.records["bad"] | {"signalType": "Text"}
    done = desk.exchanges.run(exchange, source=upstream.source())
    assert done.complete
    assert (done.progress.left_out, done.progress.other) == (1, {"Text": 1})
    assert live(exchange) == {pdq(1)}
    kept = desk.exchanges.scratch / f"{exchange}.left-out.jsonl"
    assert "digits where 64 are needed" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0


def test_a_page_of_bad_records_only_hurts_nothing(desk, exchange):
    class Source:
        def pages(self, checkpoint, resume):
            yield Page([Rejected(1, "odd", "raw")], checkpoint={"x": 1}, full=True)

        def close(self):
            pass

    assert desk.exchanges.run(exchange, source=Source()).complete


def test_a_stop_is_heeded_between_pages_and_the_next_run_goes_on(desk, exchange, upstream, live):
    for number in range(6):
        upstream.put(number)
    stopped = desk.exchanges.run(exchange, source=upstream.source(), stop=lambda: True)
    assert not stopped.complete
    assert len(live(exchange)) == 2
    assert desk.exchanges.run(exchange, source=upstream.source()).complete
    assert [one.get("nextPageToken", "") for one in upstream.asked] == ["", "2", "4"]


def test_entries_keep_the_id_and_the_words_of_their_source(desk, exchange, upstream):
    upstream.put(1)
    upstream.records[1]["CSPFeedbacks"] = [{"source": "P", "feedbackValue": "Blocked", "tags": ["Nude"]}]
    desk.exchanges.run(exchange, source=upstream.source())
    [entry] = HashList.open(desk.exchanges.folder(exchange)).view.all_entries()
    assert (entry.source, entry.scheme) == ("StopNCII", "stopncii")
    assert entry.extra["raw"]["CSPFeedbacks"][0]["source"] == "P"
    assert isinstance(entry, Entry)


def test_two_do_not_read_one_exchange_at_the_same_time(desk, exchange, upstream):
    from tocsin.placement.platform import alone

    with alone(desk.exchanges.scratch / f"{exchange}.lock"):
        assert "being read already" in desk.exchanges.run(exchange, source=upstream.source()).message


def test_the_store_never_holds_a_credential_in_the_clear(desk, exchange, settings):
    desk.exchanges.set_credentials("ncmec", {"user": "u", "password": "hunter-two-two"})
    with sqlite3.connect(settings.data / "gateway.db") as database:
        dump = "\n".join(database.iterdump())
    assert "hunter-two-two" not in dump
    assert "https://api.example" not in dump


def test_what_a_person_put_into_the_bank_is_not_swept(desk, exchange, upstream, live, pdq):
    upstream.put(1)
    desk.exchanges.run(exchange, source=upstream.source())
    running.add(
        desk.exchanges.folder(exchange), [("hand", [Entry(1, [("pdq", bytes.fromhex(pdq(9)))], id="content-7")])]
    )
    with desk.exchanges._store.session() as session:
        session.get(running.Exchange, exchange).checkpoint = {"since": 1_600_000_000, "fetched": 0}
    assert desk.exchanges.run(exchange, source=upstream.source()).complete
    assert live(exchange) == {pdq(1), pdq(9)}
