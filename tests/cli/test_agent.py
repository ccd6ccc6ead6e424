import json

from click.testing import CliRunner

from tocsin.cli.agent import command


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
    assert run("unenrol", "--yes", "--data", str(tmp_path)).exit_code == 2


def test_removal_asks_first(tmp_path):
    done = run("unenrol", "--data", str(tmp_path), stdin="n\n")
    assert done.exit_code == 1
    assert "will be told" in done.output


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
