import json

import pytest
from click.testing import CliRunner

from tocsin.cli import main


def run(*arguments, given=""):
    return CliRunner().invoke(main, ["gateway", *map(str, arguments)], input=given)


@pytest.fixture
def enrolled(hub, signed_order, tmp_path):
    order = tmp_path / "order.json"
    order.write_text(signed_order(kind="platform-policy"))
    asked = ("enrol", "--hub", hub.url, "--token", "-", "--order", order, "--data", tmp_path / "gateway")
    return run(*asked, given="good-token\n"), tmp_path / "gateway"


def test_enrolling_prints_what_to_compare_and_status_says_where(enrolled, hub):
    done, data = enrolled
    assert done.exit_code == 0, done.output
    for told in ("Enrolled as 'laptop'", "Signer", "pinned at first use", "Hub key", "tocsin gateway"):
        assert told in done.output
    told = json.loads(run("status", "--json", "--data", data).output)
    assert (told["enrolled"], told["running"], told["hub"], told["banks"]) == (True, False, hub.url, {})
    assert told["policy"]["state"] == "in-force"
    said = run("status", "--data", data).output
    assert f"is enrolled at {hub.url}" in said
    assert f"Its policy {told['policy']['id']} is in force as it was signed." in said


def test_a_policy_that_is_over_is_said_with_what_it_means(enrolled, monkeypatch):
    _, data = enrolled
    monkeypatch.setattr("tocsin.orders.order.Order.state", lambda *_: "ended")
    assert "is over: nothing that matches is recorded." in run("status", "--data", data).output


def test_enrolling_twice_is_refused_by_name(enrolled, hub, tmp_path):
    _, data = enrolled
    again = run("enrol", "--hub", hub.url, "--token", "x", "--order", tmp_path / "order.json", "--data", data)
    assert again.exit_code == 2
    assert "The gateway is enrolled already; see tocsin gateway status." in again.output


def test_a_token_that_is_not_known_leaves_nothing_behind(hub, signed_order, tmp_path):
    order = tmp_path / "order.json"
    order.write_text(signed_order(kind="platform-policy"))
    data = tmp_path / "gateway"
    done = run("enrol", "--hub", hub.url, "--token", "bad", "--order", order, "--data", data)
    assert done.exit_code == 2
    assert json.loads(run("status", "--json", "--data", data).output)["enrolled"] is False


def test_unenrolling_tells_the_hub(enrolled, hub):
    _, data = enrolled
    assert run("unenrol", "--data", data, given="n\n").exit_code == 2
    done = run("unenrol", "--yes", "--data", data)
    assert (done.exit_code, "The hub was told" in done.output) == (0, True)
    assert "gateway was removed" in hub.of("stop")[0]["sentence"]
    assert "is not enrolled" in run("unenrol", "--yes", "--data", data).output


@pytest.mark.parametrize(
    ("kind", "says"), [("court-order", "a court's order about a person"), ("school-policy", "a school's policy")]
)
def test_a_gateway_is_not_enrolled_under_an_order_about_people(hub, signed_order, tmp_path, kind, says):
    order = tmp_path / "order.json"
    order.write_text(signed_order(kind=kind))
    data = tmp_path / "gateway"
    done = run("enrol", "--hub", hub.url, "--token", "good-token", "--order", order, "--data", data)
    assert done.exit_code == 2
    assert says in done.output
    assert "tocsin order new platform-policy" in done.output
    assert hub.enrolments == []
    assert json.loads(run("status", "--json", "--data", data).output)["enrolled"] is False
