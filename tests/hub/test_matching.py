"""Who may ask about known media, what is answered, and that nothing is kept of what did not match."""

import base64
import json
import secrets
from hashlib import sha256

import pytest
from sqlalchemy import select

from tocsin.evidence.journal import canonical
from tocsin.evidence.keys import DeviceKey
from tocsin.hub import gate, matching
from tocsin.hub.media_lists import MediaLists
from tocsin.hub.refusals import Refused
from tocsin.hub.store.schema import AuditEntry, Device, OrderRecord
from tocsin.model.media import Fingerprints

SHA = "a" * 40


@pytest.fixture(autouse=True)
def demo_list(hub, shelf, made_list, tmp_path):
    """A hub with a list of one entry, and with a list of what is known to be good."""
    made_list(tmp_path / "data" / "lists" / "demo", "demo", {SHA: "lamp 1"}, severity=3, category="x", scheme="own")
    made_list(tmp_path / "data" / "lists" / "good", "good", {"c" * 40: "logo", SHA[:-1] + "b": "g"}, negative=True)
    hub.lists = MediaLists(shelf, hub.settings.own_lists)
    yield hub.lists
    hub.lists.close()


@pytest.fixture
def ask(hub, device):
    """Be admitted with a body; the headers can be changed."""

    def admit(body: bytes = b"{}", **changes) -> matching.Asker:
        given = {
            "device": device.id,
            "nonce": secrets.token_hex(16),
            "path": matching.PATH,
            "key": device.key,
        } | changes
        signed = {"device": given["device"], "path": given["path"], "nonce": given["nonce"]}
        signed["digest"] = changes.get("digest", sha256(body).hexdigest())
        signature = base64.b64encode(given["key"].sign(canonical(signed))).decode()
        return matching.admit(hub, given["device"], given["nonce"], changes.get("signature", signature), body)

    return admit


def refusal(call, *given, **changes) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        call(*given, **changes)
    assert str(caught.value).endswith(".")
    return caught.value.status, caught.value.code


def test_a_device_proves_itself_over_path_nonce_and_body(ask, device) -> None:
    assert ask().id == device.id
    assert refusal(ask, key=DeviceKey.generate()) == (403, "bad-signature")
    assert refusal(ask, path="/api/v1/device/order") == (403, "bad-signature")
    assert refusal(ask, b"{ }", digest=sha256(b"{}").hexdigest()) == (403, "bad-signature")
    assert refusal(ask, signature="") == (403, "bad-signature")
    assert refusal(ask, nonce="short") == (400, "malformed")
    assert refusal(ask, device="f" * 32) == (403, "unknown-device")
    assert refusal(ask, device="../../etc") == (403, "unknown-device")


def test_a_request_is_good_once(ask) -> None:
    nonce = secrets.token_hex(16)
    ask(nonce=nonce)
    assert refusal(ask, nonce=nonce) == (409, "replay")


def test_a_forged_request_uses_up_nothing_of_the_devices(hub, ask) -> None:
    for _ in range(gate.BURST * 2):
        refusal(ask, key=DeviceKey.generate())
    ask()


def test_a_removed_device_and_an_order_that_is_over_are_refused(hub, device, held, ask, clock) -> None:
    with hub.store.session() as session:
        session.get(OrderRecord, held.order_id).discharged_at = clock.now()
    assert refusal(ask) == (409, "order-over")
    with hub.store.session() as session:
        session.get(Device, device.id).status = "removed"
    assert refusal(ask) == (403, "unknown-device")


def test_an_order_that_does_not_call_for_known_media_is_refused(hub, ask, monkeypatch) -> None:
    monkeypatch.setattr(matching, "DETECTOR", "something-else")
    assert refusal(ask) == (403, "not-permitted")


def test_a_device_that_asks_too_often_is_told_how_long_to_wait(ask, monkeypatch) -> None:
    monkeypatch.setattr(gate, "BURST", 2)
    monkeypatch.setattr(gate, "A_SECOND", 0.1)
    ask()
    ask()
    with pytest.raises(matching.TooFast) as caught:
        ask()
    assert 0 < caught.value.wait <= 10
    assert caught.value.status == 429


def items(*sha1: str) -> list[tuple[str, Fingerprints]]:
    return [(str(number), Fingerprints(media="picture", sha1=each)) for number, each in enumerate(sha1)]


def rows(hub) -> list[AuditEntry]:
    with hub.store.reading() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.action == "match")))


def test_answers_come_in_order_and_name_list_and_entry(hub, ask) -> None:
    answer = matching.answer(hub, ask(), items("b" * 40, SHA, "c" * 40))
    assert answer["lists"] == {"count": 2, "entries": 3, "version": hub.lists.version, "broken": 0, "missed": 0}
    assert [each["id"] for each in answer["answers"]] == ["0", "1", "2"]
    nothing, one, good = (each["matches"] for each in answer["answers"])
    assert nothing == []
    assert [(m["list"], m["entry"], m["by"], m["distance"], m["severity"]) for m in one] == [
        ("demo", "lamp 1", "sha1", 0, 3)
    ]
    assert [m["negative"] for m in good] == [True]
    assert json.loads(json.dumps(answer)) == answer


def test_a_list_that_cannot_be_searched_is_counted_and_never_looks_like_no_match(hub, ask, made_list, tmp_path) -> None:
    made_list(tmp_path / "data" / "lists" / "torn", "bad-torn", {"d" * 40: "e"})
    hub.lists.look()
    answer = matching.answer(hub, ask(), items("d" * 40, SHA))
    assert [len(each["matches"]) for each in answer["answers"]] == [0, 1]
    assert (answer["lists"]["count"], answer["lists"]["broken"], answer["lists"]["missed"]) == (2, 1, 1)
    assert "torn" not in json.dumps(answer), "lists are named to a device by what they match only"
    assert b"tocsin_match_incomplete_total 1.0" in hub.metrics.text()


def test_only_that_a_match_was_answered_is_written_down_once_and_without_hashes(hub, ask, device, held) -> None:
    asker = ask()
    for _ in range(3):
        matching.answer(hub, asker, items("b" * 40, SHA, "c" * 40))
    (row,) = rows(hub)
    told = json.loads(row.entry)
    assert (row.actor, row.object, told["order"]) == (device.id, f"device:{device.id}", held.order_id)
    assert told["detail"] == {"matches": [{"list": "demo", "entry": "lamp 1", "by": "sha1", "distance": 0}]}


def test_nothing_is_kept_of_what_did_not_match(hub, ask, tmp_path, caplog) -> None:
    caplog.set_level(0)
    matching.answer(hub, ask(), items("b" * 40, "c" * 40))
    assert rows(hub) == []
    assert "b" * 40 not in caplog.text
    hub.store.close()
    for path in (tmp_path / "data").rglob("*"):
        if path.is_file() and "lists" not in path.parts:
            assert b"b" * 40 not in path.read_bytes()
    text = hub.metrics.text().decode()
    assert "tocsin_match_items_total 2.0" in text
    assert "tocsin_match_found_total 1.0" in text


def test_a_hub_without_lists_says_so(hub, ask, tmp_path, shelf) -> None:
    hub.lists = MediaLists(shelf, tmp_path / "none")
    answer = matching.answer(hub, ask(), items(SHA))
    assert answer["lists"] == {"count": 0, "entries": 0, "version": "", "broken": 0, "missed": 0}
    assert answer["answers"] == [{"id": "0", "matches": []}]
