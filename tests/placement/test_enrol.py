import json
import stat

import pytest

from tocsin import orders
from tocsin.evidence.journal import canonical
from tocsin.evidence.keys import DeviceKey, fingerprint, verify_signature
from tocsin.placement import config as configs
from tocsin.placement import wire
from tocsin.placement.config import Folders, PlacementError
from tocsin.placement.enrol import enrol, unenrol
from tocsin.placement.journal import Journal
from tocsin.placement.platform import boot_identity
from tocsin.placement.uplink import flush


@pytest.fixture
def folders(tmp_path):
    return Folders(tmp_path / "agent")


def test_enrolment_pins_authority_certificate_and_hub_and_writes_closed_files(
    fake_hub_class, tls_files, signed_order, folders, clock, authority
):
    hub = fake_hub_class(tls_files("hub"))
    try:
        signed = signed_order()
        done = enrol(hub.url, "good-token", signed, folders, clock, roots=[orders.public_key(authority)])
        asked = hub.enrolments[0]
        question = {"token": "good-token", "public_key": asked["public_key"], "order_digest": done.order.digest}
        assert verify_signature(asked["public_key"], asked["proof"], canonical(question))
        assert asked["label"] == "laptop"
        assert done.certificate == wire.certificate_fingerprint(wire.certificate_of(hub.url))
        assert done.hub_key == fingerprint(hub.key.public)
        config = configs.load(folders)
        assert config.roots == (orders.public_key(authority),)
        assert config.certificate.startswith("-----BEGIN CERTIFICATE")
        for path in (folders.config, folders.key, folders.order):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(folders.data.stat().st_mode) == 0o700
        assert "good-token" not in folders.config.read_text()
        journal = Journal(folders.journal, DeviceKey.load(folders.key), config.device, clock, boot_identity())
        assert flush(config, journal, seconds=10)
        journal.close()
        assert hub.of("enrolled")[0]["order"] == done.order.digest
    finally:
        hub.close()


def test_with_no_root_the_orders_signer_is_pinned_and_shown(hub, signed_order, folders, clock, authority):
    done = enrol(hub.url, "good-token", signed_order(), folders, clock)
    assert done.config.roots == (orders.public_key(authority),)
    assert done.order.fingerprint == fingerprint(orders.public_key(authority))


def test_nobodys_computer_is_enrolled_under_a_services_policy(hub, signed_order, folders, clock):
    with pytest.raises(PlacementError, match=r"an internet service's policy.*nobody's computer"):
        enrol(hub.url, "good-token", signed_order(kind="platform-policy"), folders, clock)
    assert hub.enrolments == []
    assert not folders.config.exists()
    enrol(hub.url, "good-token", signed_order(kind="school-policy"), folders, clock)


def altered(signed):
    raw = json.loads(signed)
    raw["order"]["title"] = "Another title"
    return json.dumps(raw)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda s, other: altered(s()), "altered"),
        (lambda s, other: "{}", "not a signed order"),
        (lambda s, other: s(until="2026-02-01T00:00:00Z"), "ended"),
        (lambda s, other: s(other), "not an authority that is trusted"),
        (lambda s, other: s(devices=[{"label": "a"}, {"label": "b"}]), "several devices"),
    ],
    ids=["altered", "no-order", "ended", "foreign-signer", "which-device"],
)
def test_an_order_that_does_not_hold_enrols_nobody_and_nothing_is_sent(
    hub, signed_order, folders, clock, authority, other_authority, make, says
):
    with pytest.raises(PlacementError, match=says):
        enrol(
            hub.url,
            "good-token",
            make(signed_order, other_authority),
            folders,
            clock,
            roots=[orders.public_key(authority)],
        )
    assert hub.requests == []
    assert not folders.config.exists()


def test_a_token_that_is_used_or_unknown_enrols_nobody(hub, signed_order, folders, clock):
    with pytest.raises(PlacementError, match="not known, or was used"):
        enrol(hub.url, "other", signed_order(), folders, clock)
    assert not folders.config.exists()
    with pytest.raises(PlacementError, match="not enrolled"):
        configs.load(folders)


@pytest.mark.parametrize("fault", ["garbage", "half", "close", 500])
def test_a_hub_that_answers_badly_is_a_sentence(hub, signed_order, folders, clock, fault):
    hub.faults = [fault]
    with pytest.raises(PlacementError, match="hub"):
        enrol(hub.url, "good-token", signed_order(), folders, clock)
    assert not folders.config.exists()


def test_another_certificate_than_the_one_expected_stops_before_the_token_is_sent(
    fake_hub_class, tls_files, signed_order, folders, clock
):
    hub = fake_hub_class(tls_files("hub"))
    try:
        with pytest.raises(PlacementError, match="another certificate"):
            enrol(hub.url, "good-token", signed_order(), folders, clock, certificate="SHA256:" + "AB:" * 31 + "AB")
        assert hub.requests == []
    finally:
        hub.close()


@pytest.mark.parametrize(
    "url", ["http://hub.example.org", "ftp://127.0.0.1", "hub", "https://u:p@h", "https://", "http://127.0.0.1:99999"]
)
def test_a_hub_is_reached_by_tls_or_on_this_machine(url, signed_order, folders, clock):
    with pytest.raises(PlacementError):
        enrol(url, "good-token", signed_order(), folders, clock)


def test_nobody_is_enrolled_twice(hub, signed_order, folders, clock):
    enrol(hub.url, "good-token", signed_order(), folders, clock)
    with pytest.raises(PlacementError, match="already"):
        enrol(hub.url, "good-token", signed_order(), folders, clock)


def test_removal_works_and_is_reported(hub, signed_order, folders, clock):
    enrol(hub.url, "good-token", signed_order(), folders, clock)
    assert unenrol(folders, clock)
    assert hub.kinds() == ["enrolled", "stop"]
    assert hub.of("stop")[0]["reason"] == "unenrolled"
    assert list(folders.data.iterdir()) == []


def test_removal_works_without_the_hub(hub, signed_order, folders, clock):
    enrol(hub.url, "good-token", signed_order(), folders, clock)
    hub.close()
    assert not unenrol(folders, clock, send_seconds=0.2)
    assert list(folders.data.iterdir()) == []
