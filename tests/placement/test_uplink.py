import threading
from types import SimpleNamespace

import httpx
import pytest

from tocsin.model import EntryKind
from tocsin.placement import wire
from tocsin.placement.config import Config
from tocsin.placement.uplink import Uplink, flush


def config_of(hub, certificate=""):
    return Config(hub.url, hub.device, hub.key.public, "u", 15.0, certificate, (), "00", "laptop")


@pytest.fixture
def road(hub, open_journal, device_key, clock):
    """A journal, an uplink to the fake hub, and a client to step it with."""
    hub.public = device_key.public
    journal = open_journal(bounds=None)
    sent = []
    uplink = Uplink(config_of(hub), journal, on_sent=sent.extend, seed=1)
    with wire.connect(config_of(hub)) as client:
        client.timeout = httpx.Timeout(60.0)
        yield journal, uplink, client, sent


def fill(journal, n, severity=3):
    for number in range(n):
        journal.append(EntryKind.FINDING, {"n": number, "severity": severity})


def drain(uplink, client, most=200):
    for _ in range(most):
        if uplink.step(client) is None:
            return
    pytest.fail("the journal never drained")


def numbers(hub):
    return [body["n"] for body in hub.of("finding")]


@pytest.mark.parametrize(
    "faults",
    [[status] for status in (400, 401, 402, 404, 405, 408, 409, 410, 413, 418, 422, 425, 429, 431, 451)]
    + [[status] for status in (500, 501, 502, 503, 504, 507, 511, 599)]
    + [["close"], ["half"], ["garbage"], ["forged"], ["conflict"], [500, "half", "close", 409, "garbage"]],
    ids=lambda f: "-".join(map(str, f)),
)
def test_no_answer_loses_an_entry(road, hub, faults):
    journal, uplink, client, sent = road
    fill(journal, 5)
    hub.faults = list(faults)
    uplink.step(client)
    assert not uplink.state.connected
    assert uplink.state.sentence
    drain(uplink, client)
    assert numbers(hub) == [0, 1, 2, 3, 4]
    assert [e.body["n"] for e in sent] == [0, 1, 2, 3, 4]
    assert hub.kinds() == ["finding"] * 5
    assert uplink.state.connected


def test_every_status_from_400_to_599_in_a_row_loses_nothing(road, hub):
    journal, uplink, client, _ = road
    fill(journal, 3)
    hub.faults = list(range(400, 600))
    drain(uplink, client, 300)
    assert numbers(hub) == [0, 1, 2]
    assert hub.kinds() == ["finding"] * 3


def test_a_hub_that_is_down_loses_nothing(hub, open_journal, device_key, fake_hub_class):
    journal = open_journal(bounds=None)
    fill(journal, 3)
    uplink = Uplink(config_of(hub), journal, seed=1)
    hub.close()
    with wire.connect(config_of(hub)) as client:
        delays = [uplink.step(client) for _ in range(12)]
    assert journal.pending == 3
    assert all(0 < delay <= 5 for delay in delays)
    assert delays[-1] > delays[0]


def test_an_answer_that_never_comes_is_tried_again(road, hub, open_journal):
    journal, uplink, client, _ = road
    client.timeout = httpx.Timeout(0.1)
    fill(journal, 1)
    with hub.lock:
        uplink.step(client)
    assert journal.pending == 1
    client.timeout = httpx.Timeout(60.0)
    drain(uplink, client)
    assert numbers(hub) == [0]


def test_a_new_entry_is_sent_at_once_and_severity_5_does_not_wait_for_the_back_off(road, hub, until):
    journal, uplink, _, _ = road
    uplink._random = SimpleNamespace(uniform=lambda *_: 1000.0)  # back-offs of several minutes
    stop = threading.Event()
    thread = threading.Thread(target=uplink.run, args=(stop,))
    thread.start()
    try:
        fill(journal, 1)
        until(lambda: len(numbers(hub)) == 1)
        hub.faults = [503] * 2
        fill(journal, 1)
        until(lambda: uplink.state.failures == 2)
        fill(journal, 1, severity=5)
        until(lambda: len(numbers(hub)) == 3)
    finally:
        stop.set()
        uplink.wake()
        thread.join(60)
    assert not thread.is_alive()


def test_a_part_taken_is_not_sent_as_new(road, hub):
    journal, uplink, client, sent = road
    fill(journal, 6)
    tries = []

    def refuse(entry):
        tries.append(entry.body.get("n"))
        return "It cannot be read." if entry.body.get("n") == 3 else ""

    hub.refuse = refuse
    drain(uplink, client)
    assert numbers(hub) == [0, 1, 2, 4, 5]
    assert tries.count(3) >= 3, "it was not given up at the first refusal"
    [letter] = hub.of("dead-letter")
    assert letter["kind"] == "finding"
    assert letter["status"] == 409
    assert "It cannot be read." in letter["reason"]
    assert [e.body["n"] for e in sent if e.kind == "finding"] == [0, 1, 2, 4, 5]


def test_a_hub_that_refuses_everything_is_not_fed_dead_letters_without_end(road, hub):
    journal, uplink, client, _ = road
    fill(journal, 2)
    hub.refuse = lambda _: "No."
    for _ in range(200):
        uplink.step(client)
    assert journal.pending <= 3
    assert sum(1 for _ in (journal.folder / "dead-letter").iterdir()) <= 20


def test_a_hub_restored_from_a_backup_gets_again_what_it_lost(road, hub):
    journal, uplink, client, _ = road
    fill(journal, 3)
    drain(uplink, client)
    with hub.lock:
        kept_head, kept = hub.head, dict(hub.entries)
    fill(journal, 2)
    drain(uplink, client)
    with hub.lock:
        hub.head, hub.entries = kept_head, kept
    fill(journal, 1)
    drain(uplink, client)
    assert numbers(hub) == [0, 1, 2, 0, 1, 0]
    assert hub.kinds() == ["finding"] * 6


def test_where_the_hub_holds_entries_that_this_device_no_longer_knows_the_record_goes_on_after_them(
    road, hub, open_journal, device_key, tmp_path, clock
):
    journal, uplink, client, _ = road
    fill(journal, 4)
    drain(uplink, client)
    from tocsin.placement.journal import Journal

    fresh = Journal(tmp_path / "restored", device_key, "device-1", clock, "b")
    fill(fresh, 2)
    again = Uplink(config_of(hub), fresh, seed=1)
    drain(again, client)
    assert hub.kinds() == ["finding"] * 6 + ["gap"]
    assert hub.of("gap")[0]["reason"] == "spool-corrupt"
    fresh.close()


def test_a_removed_device_keeps_its_record_and_says_so(road, hub):
    journal, uplink, client, _ = road
    fill(journal, 2)
    hub.faults = [403]
    assert uplink.step(client) >= 10
    assert uplink.state.removed
    assert "no longer" in uplink.state.sentence
    assert journal.pending == 2


def test_much_that_waits_goes_in_batches_within_the_wires_bounds(road, hub):
    journal, uplink, client, _ = road
    for n in range(1300):
        journal.append(EntryKind.FINDING, {"n": n, "pad": "é" * 200})
    drain(uplink, client)
    assert numbers(hub) == list(range(1300))
    sizes = [size for method, _, size in hub.requests if method == "POST"]
    assert max(sizes) <= 1 << 20
    assert len(sizes) < 10


def test_the_certificate_is_pinned(tls_files, fake_hub_class, open_journal, device_key):
    hub = fake_hub_class(tls_files("hub"))
    impostor = fake_hub_class(tls_files("impostor"))
    try:
        hub.public = impostor.public = device_key.public
        pem = wire.certificate_of(hub.url)
        journal = open_journal(bounds=None)
        fill(journal, 1)
        uplink = Uplink(config_of(impostor, pem), journal)
        with wire.connect(config_of(impostor, pem)) as client:
            uplink.step(client)
        assert impostor.requests == []
        assert journal.pending == 1
        assert flush(config_of(hub, pem), journal, seconds=60)
        assert numbers(hub) == [0]
    finally:
        hub.close()
        impostor.close()
