"""Devices over HTTP: honest health for one's own unit; only a supervisor takes one out, with a reason."""

from sqlalchemy import select

from tocsin.hub.store.schema import AuditEntry


def test_health_tells_how_old_the_evidence_is(client, device, clock, sign_in) -> None:
    sign_in()
    device.beat()
    clock.forward(40)
    shown = client.get(f"/api/v1/devices/{device.id}").json()
    assert shown["evidence_age_s"] == 40
    assert shown["health"]["state"] == "ok"
    assert shown["fingerprint"].startswith("SHA256:")
    assert [each["id"] for each in client.get("/api/v1/devices").json()["devices"]] == [device.id]


def test_another_units_devices_are_not_there(client, hub, device, sign_in) -> None:
    from tocsin.hub.store.schema import Unit

    with hub.store.session() as session:
        session.add(Unit(id="south", name="south"))
    sign_in(unit_id="south")
    assert client.get("/api/v1/devices").json() == {"devices": []}
    assert client.get(f"/api/v1/devices/{device.id}").status_code == 404


def test_a_removed_device_is_turned_away_and_its_removal_logged(client, hub, device, sign_in) -> None:
    url = f"/api/v1/devices/{device.id}/remove"
    sign_in()
    assert client.post(url, json={"reason": "The laptop was handed in."}).status_code == 403
    boss = sign_in("supervisor")
    assert client.post(url, json={"reason": ""}).status_code == 422
    assert client.post(url, json={"reason": "The laptop was handed in."}).json()["status"] == "removed"
    assert device.beat().status == 403
    with hub.store.reading() as session:
        last = session.scalars(select(AuditEntry).order_by(AuditEntry.seq.desc())).first()
    assert (last.actor, last.object) == (boss.id, f"device:{device.id}")
