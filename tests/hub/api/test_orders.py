"""Orders over HTTP: taken in, shown, a token given out, discharged."""

import re

from tocsin import orders


def test_from_signed_order_to_enrolment_token_to_discharge(client, sign_in, authority, held, clock):
    sign_in("officer")
    text = orders.template("school-aup", example=True)
    text = re.sub(r"(?m)^from: .*$", "from: 2026-01-01T00:00:00Z", text)
    signed = orders.sign(re.sub(r"(?m)^until: .*$", "until: 2036-01-01T00:00:00Z", text), authority)
    clock.forward(60)
    added = client.post("/api/v1/orders", json={"signed": signed})
    assert added.status_code == 201
    order = added.json()
    assert order["fingerprint"].startswith("SHA256:")
    url = f"/api/v1/orders/{order['id']}"
    assert client.get(url).json()["signed"] == signed
    assert [each["id"] for each in client.get("/api/v1/orders").json()] == [order["id"], held.order_id]
    assert len(client.post(f"{url}/token").json()["token"]) > 20
    reason = {"reason": "The school withdrew its policy"}
    assert client.post(f"{url}/discharge", json=reason).status_code == 204
    assert client.get(url).json()["status"] == "discharged"
    assert client.post(f"{url}/token").status_code == 409


def test_a_bad_order_is_refused_with_the_reason(client, sign_in):
    sign_in("officer")
    answer = client.post("/api/v1/orders", json={"signed": '{"format":"x"}'})
    assert (answer.status_code, answer.json()["error"]) == (422, "bad-order")
    assert answer.json()["sentence"].endswith(".")


def test_another_units_order_does_not_exist(client, sign_in, held, other_unit):
    sign_in("supervisor", unit_id=other_unit)
    assert client.get(f"/api/v1/orders/{held.order_id}").status_code == 404
    assert client.post(f"/api/v1/orders/{held.order_id}/token").status_code == 404
