"""The stage brings up a real hub with real people; everything it started is gone afterwards."""

import socket
from pathlib import Path

import psutil
import pytest

from tocsin.demo.desktop import DesktopError
from tocsin.demo.stage import Stage, free_port, last_words
from tocsin.placement.config import PlacementError


@pytest.mark.usefixtures("cheap_passphrases")
def test_a_hub_over_tls_with_an_enrolled_computer_and_nothing_left_behind() -> None:
    with Stage(tls=True) as stage:
        stage.prepare()
        stage.start_hub()
        assert stage.fetch("/healthz")[0] == 200
        assert stage.fetch("/sign-in")[0] == 200
        stage.enrol()
        stage.enrol()
        assert (stage.agent_data / "agent.json").is_file()
        assert stage.alerts() == 0
        folder, hub = stage.data, stage.hub
        assert hub is not None
    assert not folder.exists()
    assert not psutil.pid_exists(hub.pid) or psutil.Process(hub.pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.usefixtures("cheap_passphrases")
def test_a_kept_folder_is_taken_up_again(tmp_path: Path) -> None:
    with Stage(tmp_path) as first:
        first.prepare()
    with Stage(tmp_path) as second:
        second.prepare()
        assert second.cast == first.cast


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with Stage(tmp_path, port=port) as stage, pytest.raises(DesktopError, match=f"port {port} is in use"):
            stage.start_hub()


@pytest.mark.usefixtures("cheap_passphrases")
def test_a_folder_enrolled_at_another_port_says_which(tmp_path: Path) -> None:
    with Stage(tmp_path) as first:
        first.prepare()
        first.start_hub()
        first.enrol()
    with Stage(tmp_path) as second:
        second.prepare()
        with pytest.raises(PlacementError, match=f"enrolled at {first.url}; use that port again"):
            second.enrol()


def test_last_words_are_the_last_line(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("one\ntwo\n")
    assert last_words(tmp_path / "log") == "two"
    assert last_words(tmp_path / "none") == "it said nothing"
    assert free_port() > 0
