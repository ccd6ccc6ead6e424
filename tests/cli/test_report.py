"""The report commands: referrals out and in, reports shown, and a worker that nobody points elsewhere by accident."""

import importlib.util
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from click.testing import CliRunner
from clocks import HandClock

from tocsin.cli.report import command, credentials_in
from tocsin.cli.speaking import Failure
from tocsin.evidence.sealing import key_file, new_identity
from tocsin.hub.app import create_app
from tocsin.hub.settings import HubSettings

REPORTING = Path(__file__).parents[1] / "reporting"


def load(name: str) -> Any:
    if str(REPORTING) not in sys.path:
        sys.path.insert(0, str(REPORTING))
    spec = importlib.util.find_spec(name)
    assert spec is not None
    return importlib.import_module(name)


@pytest.fixture
def world(tmp_path: Path) -> Any:
    sandbox, worlds = load("sandbox"), load("world")
    clock = HandClock()
    made = worlds.World(tmp_path / "w", sandbox.Sandbox(clock.now), clock)
    made.report = made.approved(pictures=2)
    made.hub.log.checkpoint(made.hub.store, clock.now())
    made.close()
    (tmp_path / "key").write_text(key_file(made.identity))
    return made


def run(*arguments: str) -> Any:
    return CliRunner().invoke(command, [str(each) for each in arguments])


def test_the_worker_files_what_was_approved(tmp_path: Path, serving) -> None:
    """The real hub over HTTP, the real command, the made service over HTTP: one report, filed once."""
    xsd = Path(__file__).resolve().parents[3] / "shared" / "reference" / "cybertipline.xsd"
    if not xsd.is_file():
        pytest.skip("NCMEC's schema is not beside the repository (shared/reference)")
    sandbox, worlds = load("sandbox"), load("world")
    clock = HandClock()
    clock.at = datetime.now(UTC)
    service = sandbox.Sandbox(clock.now, xsd=xsd.read_bytes())
    made = worlds.World(tmp_path / "w", service, clock)
    report = made.approved(pictures=2, viewed=(1,))
    (tmp_path / "key").write_text(key_file(made.identity))
    (tmp_path / "token").write_text(made.token)
    (tmp_path / "c").write_text('{"username": "u", "password": "p"}')
    (tmp_path / "c").chmod(0o600)
    made.close()
    with sandbox.served(service) as address, serving(made.folder / "hub") as (url, hub):
        done = run(
            "worker", "--hub", url, "--token-file", tmp_path / "token", "--credentials", tmp_path / "c",
            "--key", tmp_path / "key", "--data", tmp_path / "d", "--service", address, "--once",
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        with hub.store.reading() as session:
            from tocsin.hub.store.reports import Report

            row = session.get_one(Report, report)
            assert (row.state, row.remote_id, len(row.sent)) == ("filed", 4001, 2)
    assert "reaches nobody" in done.output
    assert service.filed() == {"user-1": 1}
    assert service.wrongs == []
    assert (tmp_path / "d" / "sandbox.xsd").read_bytes() == service.xsd


@pytest.fixture
def serving() -> Any:
    """Serve a hub's data folder over HTTP on this machine."""

    @contextmanager
    def serve(data: Path) -> Iterator[Any]:
        app = create_app(HubSettings(data=data, watch_s=3600))
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + 60
        while not server.started and time.monotonic() < deadline:
            threading.Event().wait(0.02)
        try:
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", app.state.hub
        finally:
            server.should_exit = True
            thread.join(60)

    return serve


def test_an_alert_s_evidence_is_referred_and_opened(world, tmp_path: Path) -> None:
    identity, recipient = new_identity()
    (tmp_path / "police").write_text(key_file(identity))
    out = tmp_path / "a.age"
    done = run(
        "referral", "--data", world.folder / "hub", "--alert", "A-1", "--key", tmp_path / "key", "--to", recipient,
        "--recipient", "Northport Police", "--reason", "referral 7", "--out", out,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert out.read_bytes().startswith(b"age-encryption.org/v1")
    opened = run("open", out, "--key", tmp_path / "police", "--out", tmp_path / "opened")
    assert opened.exit_code == 0, opened.output
    assert "every digest right" in opened.output
    names = sorted(path.name.split("-", 2)[-1] for path in (tmp_path / "opened" / "items").iterdir())
    assert names == ["evidence.json", "picture-1.png", "picture-2.png"]
    custody = [json.loads(each) for each in (tmp_path / "opened" / "custody.jsonl").read_text().splitlines()]
    assert custody[-1]["reason"] == "referral 7"
    assert run("open", out, "--key", tmp_path / "key", "--out", tmp_path / "no").exit_code == 2


def test_a_report_is_shown_as_it_would_be_sent(world) -> None:
    done = run("cybertip", "--data", world.folder / "hub", "--alert", "1", "--reason", "looking at it", "--json")
    assert done.exit_code == 0, done.output
    shown = json.loads(done.stdout)
    assert (shown["report"], shown["state"]) == ("R-1", "approved")
    assert "<espIdentifier>user-1<" in shown["xml"]
    assert "reports@p.example" in shown["xml"]


def test_errors_are_sentences(world, tmp_path: Path) -> None:
    for arguments, words in (
        (("--data", tmp_path, "--alert", "1"), "not the data folder"),
        (("--data", world.folder / "hub", "--alert", "99"), "no alert"),
        (("--data", world.folder / "hub", "--alert", "one"), "no alert"),
    ):
        done = run("cybertip", *arguments, "--reason", "looking at it")
        assert done.exit_code == 2
        assert words in done.output


def test_credentials_say_nothing_of_where_reports_go(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text('{"username": "u", "password": "p"}')
    path.chmod(0o644)
    with pytest.raises(Failure, match="chmod 600"):
        credentials_in(path)
    path.chmod(0o600)
    assert credentials_in(path).username == "u"
    for text in ('{"username": "u", "password": "p", "production": true}', '{"username": "u"}', "[]", "not json"):
        path.write_text(text)
        with pytest.raises(Failure):
            credentials_in(path)


def test_the_worker_refuses_a_hub_without_tls_and_another_service_in_production(world, tmp_path: Path) -> None:
    (tmp_path / "c").write_text('{"username": "u", "password": "p"}')
    (tmp_path / "c").chmod(0o600)
    (tmp_path / "t").write_text("trw-x")
    common = ["--token-file", tmp_path / "t", "--credentials", tmp_path / "c", "--key", tmp_path / "key"]
    done = run("worker", "--hub", "http://hub.example", *common, "--data", tmp_path / "d", "--once")
    assert done.exit_code == 2
    assert "https" in done.output
    done = run("worker", "--hub", "https://h.example", *common, "--production", "--service", "https://x.example")
    assert done.exit_code == 2
    assert "nowhere else" in done.output
