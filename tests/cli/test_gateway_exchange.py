import json

import pytest
from click.testing import CliRunner

from tocsin.cli.gateway import command

MD5 = "ab" * 16


@pytest.fixture
def run(tmp_path):
    def call(*arguments, code=0):
        done = CliRunner().invoke(command, ["--data", str(tmp_path / "data"), "exchange", *arguments])
        assert done.exit_code == code, done.output + repr(done.exception)
        return done.output

    return call


@pytest.fixture
def feed(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(f"id,md5\n1,{MD5}\n2,broken\n")
    return path


def test_a_list_on_a_disk_is_added_read_and_shown(run, feed):
    assert "is added" in run("add", "MINE", "--api", "local_file", "--set", f"filename={feed}")
    told = run("run", "MINE")
    assert "1 taken, 0 withdrawn, 1 left out" in told
    assert MD5 not in told
    assert "up to date" in run("list")
    [shown] = [json.loads(line) for line in run("list", "--json").splitlines()]
    assert (shown["name"], shown["fetched_items"], shown["last_fetch_succeeded"]) == ("MINE", 1, True)
    assert "fetched_items" in run("status", "MINE")
    assert json.loads(run("status", "MINE", "--json"))["up_to_date"] is True
    assert "its bank stays" in run("remove", "MINE")
    assert run("list") == ""


def test_what_cannot_be_read_exits_with_2_and_a_sentence(run, feed):
    run("add", "MINE", "--api", "local_file", "--set", f"filename={feed}")
    feed.unlink()
    assert "is not read to its end. The file cannot be read" in run("run", "MINE", code=2)
    assert json.loads(run("run", "MINE", "--json", code=2).splitlines()[0])["complete"] is False
    assert "no exchange named" in run("run", "NOBODY", code=2)
    assert "no exchange api" in run("add", "X", "--api", "smell", code=2)
    assert "form FIELD=VALUE" in run("add", "X", "--api", "ncmec", "--set", "x", code=2)
    assert "environment is needed" in run("add", "X", "--api", "ncmec", code=2)


def test_a_credentials_file_that_others_read_is_refused(run, tmp_path):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"user": "u", "password": "p"}))
    path.chmod(0o644)
    run(
        "add",
        "N",
        "--api",
        "ncmec",
        "--set",
        "environment=NGO",
        "--set",
        "only_esp_ids=1,2",
        "--credentials",
        str(path),
    )
    assert "chmod 600" in run("run", "N", code=2)


def test_banks_are_shared_and_no_longer(run, feed):
    assert "may read: nothing" in run("share", "acme", "--title", "Acme")
    assert "acme" in run("partners")
    assert json.loads(run("partners", "--json"))["title"] == "Acme"
    run("add", "MINE", "--api", "local_file", "--set", f"filename={feed}")
    assert "terms forbid" in run("share", "acme", "--bank", "MINE", code=2)
    assert "no longer reads anything" in run("unshare", "acme")
    assert run("partners") == ""


def test_pushing_is_for_exchanges_that_take_hashes_and_for_banks_that_may_be_given(run, feed, tmp_path):
    run("add", "LIST", "--api", "local_file", "--set", f"filename={feed}")
    run("run", "LIST")
    run("add", "NCII", "--api", "stop_ncii")
    assert "takes no hashes" in run("push", "LIST", "--bank", "LIST", code=2)
    assert "terms forbid" in run("push", "NCII", "--bank", "LIST", code=2)
    assert "no bank named" in run("push", "NCII", "--bank", "NOWHERE", code=2)
    assert "is not given" in run("push", "NCII", "--bank", "LIST", "--stop", code=2)
    assert "Choose one" in run("push", "NCII", "--bank", "LIST", "--stop", "--once", code=2)
    assert json.loads(run("status", "NCII", "--json"))["pushes"] == []


def test_a_push_that_cannot_be_finished_exits_with_2_and_is_shown(run, tmp_path):
    from datetime import UTC, datetime

    from tocsin.gateway.banks_tables import Bank
    from tocsin.gateway.store import Store
    from tocsin.matching.lists import Entry, Terms, build

    run("add", "NCII", "--api", "stop_ncii")
    store = Store.open(tmp_path / "data" / "gateway.db")
    with store.session() as session:
        session.add(Bank(name="MINE", folder="mine", labels=[], created_at=datetime.now(UTC)))
    store.close()
    build(tmp_path / "data" / "banks" / "mine", Terms(name="MINE"), [("t", [Entry(1, [("md5", bytes(16))], id="e")])])
    assert "No credentials are set" in run("push", "NCII", "--bank", "MINE", "--once", code=2)
    assert "from now on" in run("push", "NCII", "--bank", "MINE", "--tag", "one")
    [shown] = json.loads(run("status", "NCII", "--json"))["pushes"]
    assert (shown["bank"], shown["scheduled"], shown["waiting"], shown["tags"]) == ("MINE", True, 1, ["one"])
    assert "0 hashes of MINE" in run("push", "NCII", "--bank", "MINE", "--held", "leave")
    assert "stop that first" in run("remove", "NCII", code=2)
    assert "taken back" in run("push", "NCII", "--bank", "MINE", "--take-back")
    assert "no longer given" in run("push", "NCII", "--bank", "MINE", "--stop")
    assert "its bank stays" in run("remove", "NCII")


def test_feedback_is_switched_on_and_off(run):
    run("add", "NCII", "--api", "stop_ncii")
    assert "hears from now on" in run("feedback", "NCII", "--on")
    assert json.loads(run("status", "NCII", "--json"))["hub_feedback"] is True
    assert "no longer hears" in run("feedback", "NCII", "--off")
    assert "no exchange named" in run("feedback", "NOBODY", "--on", code=2)
