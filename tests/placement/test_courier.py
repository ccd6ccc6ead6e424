import pytest

from tocsin.evidence.sealing import Sealed, digest
from tocsin.model import EntryKind
from tocsin.placement import wire
from tocsin.placement.blobs import Blobs
from tocsin.placement.config import Config
from tocsin.placement.courier import EvidenceCourier, OrderCourier
from tocsin.placement.uplink import Uplink


@pytest.fixture
def road(tmp_path, hub, open_journal, device_key):
    hub.public = device_key.public
    config = Config(hub.url, hub.device, hub.key.public, "u", 15.0, "", (), "00", "l")
    journal, blobs, sent = open_journal(bounds=None), Blobs(tmp_path / "e"), []

    def courier():
        return EvidenceCourier(config, device_key, journal, blobs, on_sent=lambda d, n: sent.append((d, n)))

    with wire.connect(config) as client:
        yield journal, blobs, courier, client, sent, Uplink(config, journal, seed=1)


def record(journal, blobs, data=b"sealed"):
    sealed = Sealed(data, digest(data), len(data))
    blobs.put(sealed)
    named = {"digest": sealed.digest, "size": sealed.size, "kinds": ["text"]}
    journal.append(EntryKind.FINDING, {"evidence": named, "severity": 3})
    return sealed.digest


def drain(uplink, client):
    while uplink.step(client) is not None:
        pass


def test_evidence_follows_its_entry(road, hub):
    journal, blobs, make, client, sent, uplink = road
    courier = make()
    name = record(journal, blobs)
    assert courier.step(client)
    assert hub.requests == []
    drain(uplink, client)
    courier.acknowledged(tuple(journal.entries()))
    assert courier.step(client)
    assert hub.blobs == {name: b"sealed"}
    assert sent == [(name, 6)]
    assert blobs.waiting() == []


def test_after_a_crash_what_waits_goes(road, hub):
    journal, blobs, make, client, _, uplink = road
    make()
    name = record(journal, blobs)
    drain(uplink, client)
    again = make()
    assert again.step(client)
    assert name in hub.blobs


@pytest.mark.parametrize("fault", [500, 503, 429, 403, "close", "half", "garbage", 200, 201])
def test_failures_are_tried_again(road, hub, fault):
    journal, blobs, make, client, _, uplink = road
    make()
    name = record(journal, blobs)
    drain(uplink, client)
    courier = make()
    hub.evidence_faults = [fault]
    assert not courier.step(client)
    assert courier.step(client)
    assert name in hub.blobs


def test_what_is_refused_for_good_is_told_and_kept_aside(road, hub):
    journal, blobs, make, client, _, uplink = road
    make()
    name = record(journal, blobs)
    drain(uplink, client)
    courier = make()
    hub.evidence_faults = [(422, "digest")] * 5
    for _ in range(5):
        courier.step(client)
    drain(uplink, client)
    assert hub.of("dead-letter")[0]["entry_hash"] == name
    assert (journal.folder / "dead-letter" / name).exists()


def test_a_status_in_other_words_than_the_hubs_never_makes_it_give_up(road, hub):
    journal, blobs, make, client, _, uplink = road
    make()
    name = record(journal, blobs)
    drain(uplink, client)
    courier = make()
    hub.evidence_faults = [404, 410, 413, 422] * 5
    for _ in range(20):
        assert not courier.step(client)
    assert courier.step(client)
    assert name in hub.blobs
    assert hub.of("dead-letter") == []


def test_a_sealed_file_damaged_on_disk_is_told(road, hub):
    journal, blobs, make, client, _, uplink = road
    make()
    name = record(journal, blobs)
    (blobs.folder / name).write_bytes(b"other")
    drain(uplink, client)
    make().step(client)
    drain(uplink, client)
    assert "damaged" in hub.of("dead-letter")[0]["reason"]


def test_the_hub_is_asked_for_the_order_and_bad_answers_are_ignored(hub, device_key):
    config = Config(hub.url, hub.device, hub.key.public, "u", 15.0, "", (), "00", "l")
    courier = OrderCourier(config, device_key, lambda _: None)
    with wire.connect(config) as client:
        assert courier.ask(client) is None
        hub.order_answer = {"status": "in-force"}
        assert courier.ask(client) == {"status": "in-force"}
        hub.order_answer = ["what"]
        assert courier.ask(client) is None
        hub.close()
        assert courier.ask(client) is None
