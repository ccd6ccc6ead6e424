"""The hub keeps what continues a device's chain, and refuses the rest with a code and a sentence."""

import base64
from dataclasses import replace

import pytest
from sqlalchemy import select

from tocsin.evidence.journal import canonical, sign_entry
from tocsin.evidence.keys import DeviceKey, verify_signature
from tocsin.hub import ingest
from tocsin.hub.store.schema import Alert, Device, JournalEntry


def stored(hub) -> list[int]:
    with hub.store.reading() as session:
        return list(session.scalars(select(JournalEntry.seq).order_by(JournalEntry.seq)))


def alerts(hub) -> list[Alert]:
    with hub.store.reading() as session:
        return list(session.scalars(select(Alert).order_by(Alert.number)))


def test_a_batch_is_stored_and_its_receipt_is_signed_by_the_hub(hub, device) -> None:
    outcome = device.send(device.entry("start"), device.entry("heartbeat", {"state": "ok"}))
    assert outcome.status == 200
    assert outcome.body["accepted"] == 2
    assert outcome.body["head"] == {"seq": 2, "hash": device.head.hash}
    signed = {"device": device.id, "seq": 2, "hash": device.head.hash, "at": outcome.body["at"]}
    assert verify_signature(hub.key.public, base64.b64decode(outcome.body["receipt"]), canonical(signed))
    assert stored(hub) == [1, 2]


def test_an_exact_resend_changes_nothing(hub, device) -> None:
    batch = [device.entry("start"), device.entry("finding", device.finding())]
    device.send(*batch)
    again = device.send(*batch, device.entry("heartbeat"))
    assert (again.body["accepted"], again.body["duplicates"]) == (1, 2)
    assert stored(hub) == [1, 2, 3]
    assert [alert.findings_count for alert in alerts(hub)] == [1]


def test_an_entry_twice_in_one_batch_counts_once(hub, device) -> None:
    entry = device.entry("start")
    outcome = device.send(entry, entry)
    assert (outcome.status, outcome.body["accepted"], outcome.body["duplicates"]) == (200, 1, 1)


def test_what_comes_before_a_refused_entry_is_kept(hub, device) -> None:
    good, bad, later = device.entry("start"), device.entry("heartbeat"), device.entry("heartbeat")
    outcome = device.send(good, replace(bad, body={"state": "altered"}), later)
    assert outcome.status == 409
    assert outcome.body["error"] == "bad-signature"
    assert outcome.body["refused_seq"] == 2
    assert outcome.body["head"]["seq"] == 1
    assert stored(hub) == [1]
    assert device.send(bad, later).status == 200


def test_a_gap_is_refused_with_how_many_are_missing(device) -> None:
    device.entry("start")
    outcome = device.send(device.entry("heartbeat"))
    assert outcome.body["error"] == "gap"
    assert "1 missing" in outcome.body["sentence"]


def test_another_history_is_a_fork(hub, device) -> None:
    device.send(device.entry("start"), device.entry("heartbeat"))
    for seq in (1, 2):
        other = sign_entry(replace(device.sent[seq - 1], body={"other": True}), device.key)
        assert device.send(other).body["error"] == "fork"
    forked = device.entry("heartbeat", prev="f" * 64)
    assert device.send(forked).body["error"] == "fork"
    assert stored(hub) == [1, 2]


def test_an_entry_from_the_past_whose_row_was_erased_is_a_replay(hub, device) -> None:
    device.send(device.entry("start"), device.entry("heartbeat"))
    with hub.store.session() as session:
        session.delete(session.get(JournalEntry, (device.id, 1)))
    assert device.send(device.sent[0]).body["error"] == "replay"


def test_time_going_back_within_a_boot_is_refused(device) -> None:
    device.send(device.entry("start"))
    outcome = device.send(device.entry("heartbeat", mono_ns=1))
    assert outcome.body["error"] == "clock"


def test_another_device_in_the_batch_is_refused(hub, device, another_device) -> None:
    other = another_device()
    outcome = device.send(device.entry("start"), other.entry("start"))
    assert outcome.body["error"] == "wrong-device"
    assert stored(hub) == [1]


def test_a_stranger_and_a_removed_device_are_turned_away(hub, device) -> None:
    stranger = sign_entry(replace(device.entry("start"), device="f" * 32), DeviceKey.generate())
    assert device.send(stranger).status == 403
    with hub.store.session() as session:
        session.get(Device, device.id).status = "removed"
    outcome = device.send(device.sent[0])
    assert outcome.status == 403
    assert outcome.body["sentence"]


def test_batches_of_one_group_share_a_transaction_and_keep_their_own_answers(hub, device, another_device) -> None:
    other = another_device()
    batches = [
        [device.entry("start").as_dict()],
        [other.entry("start").as_dict()],
        [{"device": "nobody"}],
        [device.entry("heartbeat").as_dict()],
    ]
    with hub.store.session() as session:
        outcomes = ingest.take(session, hub, batches)
    assert [outcome.status for outcome in outcomes] == [200, 200, 403, 200]
    assert outcomes[3].body["head"]["seq"] == 2


@pytest.mark.parametrize("ahead_s", [-3 * 3600, 3 * 3600])
def test_a_wrong_clock_is_never_a_reason_to_refuse(hub, device, clock, ahead_s) -> None:
    device.send(device.entry("start"))
    clock.forward(15)
    wrong = clock.now().fromtimestamp(clock.now().timestamp() + ahead_s, clock.now().tzinfo)
    outcome = device.send(device.entry("heartbeat", {"state": "ok"}, at=wrong))
    assert outcome.status == 200
    (alert,) = alerts(hub)
    assert alert.signals == ["clock-jump"]
    assert {clause["status"] for clause in alert.clauses} == {"not-observed"}


def test_a_clock_that_stays_ahead_rings_once(hub, device, clock) -> None:
    for _ in range(5):
        clock.forward(15)
        device.send(device.entry("heartbeat", {"state": "ok"}, at=clock.now().replace(hour=23)))
    (alert,) = alerts(hub)
    assert alert.findings_count == 1
