import json

from click.testing import CliRunner

from tocsin.agent.ledger import Ledger
from tocsin.cli.agent import command
from tocsin.model import Entry
from tocsin.placement import config as configs
from tocsin.placement.config import Config, Folders


def run(*argv, stdin=""):
    return CliRunner().invoke(command, argv, input=stdin)


def test_every_command_has_help_with_an_example():
    for name in command.commands:
        done = run(name, "--help")
        assert done.exit_code == 0
        assert "Example:" in done.output


def test_an_unenrolled_computer_is_told_how_to_enrol(tmp_path):
    for name in ("run", "status", "ledger"):
        done = run(name, "--data", str(tmp_path))
        assert done.exit_code == 2
        assert "tocsin agent enrol" in done.output
    done = run("unenrol", "--data", str(tmp_path))
    assert done.exit_code == 2
    assert "not enrolled" in done.output
    assert "[y/N]" not in done.output


def test_removal_asks_first(tmp_path):
    config = Config("https://hub.example:8420", "d", "k", "u", 15.0, "", (), "00", "laptop")
    configs.save(Folders(tmp_path), config)
    for answer in ("n\n", ""):
        done = run("unenrol", "--data", str(tmp_path), stdin=answer)
        assert done.exit_code == 2
        assert "will be told" in done.output
        assert "Nothing was removed." in done.output
    assert Folders(tmp_path).config.exists()


def test_the_ledger_fits_a_terminal(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    entry = Entry("d", 1, "2026-11-22T20:01:33.591Z", 1, "b", "finding", {}, "", "")
    Folders(tmp_path).data.mkdir(exist_ok=True)
    configs.save(Folders(tmp_path), Config("https://hub.example:8420", "d", "k", "u", 15.0, "", (), "00", "laptop"))
    book = Ledger(Folders(tmp_path).ledger)
    book.sent([entry])
    book.close()
    done = run("ledger", "--data", str(tmp_path))
    assert done.exit_code == 0
    assert done.output.count("2026-11-22 20:01:33") == 3


def test_a_bad_order_or_hub_is_one_sentence_and_exit_2(tmp_path):
    order = tmp_path / "order.json"
    order.write_text(json.dumps({}))
    argv = ("enrol", "--hub", "https://127.0.0.1:1", "--order", str(order), "--data", str(tmp_path / "a"))
    done = run(*argv, "--token", "-", stdin="token\n")
    assert done.exit_code == 2
    assert done.output.count("\n") == 1
    assert "not a signed order" in done.output
    order.write_bytes(b"\xff\xfe")
    assert run(*argv, "--token", "t").exit_code == 2


def test_lists_on_this_computer_are_chosen_by_name_and_only_the_authoritys_own(tmp_path):
    data, own, theirs = tmp_path / "agent", tmp_path / "own", tmp_path / "theirs"
    for folder, origin in ((own, "own"), (theirs, "shared")):
        folder.mkdir()
        (folder / "list.yaml").write_text(f"name: x\norigin: {origin}\n")
    Folders(data).create()
    configs.save(Folders(data), Config("https://hub.example:8420", "d", "k", "u", 15.0, "", (), "00", "laptop"))
    at = ("--data", str(data))
    assert "the hub's are asked" in run("lists", "show", *at).output
    refused = run("lists", "add", str(theirs), *at)
    assert refused.exit_code == 2
    assert "stay on the hub" in refused.output
    assert run("lists", "add", str(own), *at).exit_code == 0
    assert run("lists", "add", str(own), *at).exit_code == 0
    assert configs.load(Folders(data)).lists == (str(own),)
    assert run("lists", "show", *at).output.strip() == str(own)
    assert run("lists", "remove", str(own), *at).exit_code == 0
    assert configs.load(Folders(data)).lists == ()
