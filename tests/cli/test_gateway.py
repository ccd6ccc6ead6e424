import json
import subprocess
import sys
import urllib.request

import pytest
from click.testing import CliRunner

from tocsin.cli import main


def run(*arguments):
    return CliRunner().invoke(main, ["gateway", *map(str, arguments)])


def test_help_has_an_example():
    done = run("--help")
    assert done.exit_code == 0
    assert "Example:" in done.output
    assert "--fetch-from" in done.output


def test_a_key_is_made_shown_once_listed_without_its_text_and_revoked(tmp_path):
    made = json.loads(run("key", "new", "coop", "--scope", "lookup,curate", "--json", "--data", tmp_path).output)
    assert made["key"].startswith("tg_1_")
    listed = run("--data", tmp_path, "key", "list").output
    assert "coop" in listed
    assert "curate, lookup" in listed
    assert made["key"] not in listed
    assert run("key", "revoke", "coop", "--data", tmp_path).exit_code == 0
    assert json.loads(run("key", "list", "--json", "--data", tmp_path).output)["state"] == "revoked"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("key", "new", "coop", "--scope", "nonsense"), "is no scope"),
        (("key", "new", "a b", "--scope", "lookup"), "name has"),
        (("key", "new", "coop", "--scope", ","), "Say what"),
        (("key", "revoke", "nobody"), "no key named"),
    ],
)
def test_what_makes_no_key_is_said_with_exit_code_2(tmp_path, arguments, said):
    done = run(*arguments, "--data", tmp_path)
    assert done.exit_code == 2
    assert said in done.output


def test_ports_that_are_none_are_said(tmp_path):
    done = run("--data", tmp_path, "--listen-ports", "1935,9000-")
    assert done.exit_code == 2
    assert "--listen-ports" in done.output
    assert "'9000-' is no port" in " ".join(done.output.split())


def test_a_url_is_no_host_to_fetch_from(tmp_path):
    done = run("--data", tmp_path, "--fetch-from", "https://media.example.org/")
    assert done.exit_code == 2
    assert "without scheme, port and path" in " ".join(done.output.split())


def test_another_host_needs_tls(tmp_path):
    done = run("--data", tmp_path, "--host", "0.0.0.0")
    assert done.exit_code == 2
    assert "without TLS" in done.output


def test_a_folder_that_is_no_list_is_said(tmp_path):
    done = run("--data", tmp_path / "data", "--list", tmp_path, "--port", 0)
    assert done.exit_code == 2
    assert "is not a hash list" in done.output


def test_it_serves_until_it_is_told_to_stop_and_no_second_one_takes_its_folder(tmp_path):
    command = [sys.executable, "-m", "tocsin", "gateway", "--data", str(tmp_path), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert line.startswith("The gateway is up at http://127.0.0.1:")
        assert "loopback" in process.stdout.readline()
        with urllib.request.urlopen(f"{line.split()[-1]}/status", timeout=60) as answer:
            assert answer.read() == b"I-AM-ALIVE"
        with urllib.request.urlopen(f"{line.split()[-1]}/m/lookup?signal_type=pdq&signal={'0' * 64}") as answer:
            assert answer.read() == b"{}"
        second = run("--data", tmp_path, "--port", 0)
        assert (second.exit_code, "runs on" in second.output) == (2, True)
    finally:
        process.terminate()
    assert process.wait(60) == 0
    assert "has stopped" in process.stdout.read()
    log = CliRunner().invoke(main, ["audit", "verify", str(tmp_path / "audit")])
    assert (log.exit_code, "core: 1 entries follow each other" in log.output) == (0, True)
