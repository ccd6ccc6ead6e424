"""Whatever goes wrong, a command never ends with 1: that means that something was found."""

import errno
import os
import signal
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import click
import pytest
from click.testing import CliRunner

from tocsin import cli


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    @click.argument("how")
    def command(how: str) -> None:
        raise {
            "said": click.ClickException("no"),
            "fault": ValueError("oops"),
            "stop": KeyboardInterrupt(),
            "full": OSError(errno.ENOSPC, "No space left on device"),
            "left": BrokenPipeError(),
        }[how]

    module = types.ModuleType("tocsin_failing")
    module.command = command  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "tocsin_failing", module)
    monkeypatch.setitem(cli.COMMANDS, "failing", ("tocsin_failing", "Fails."))


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize(
    ("how", "words"),
    [("said", "Error: no"), ("fault", "oops"), ("stop", "Stopped"), ("full", "no room left"), ("left", "")],
)
def test_a_failure_ends_with_2_and_a_sentence(how: str, words: str) -> None:
    done = CliRunner().invoke(cli.main, ["failing", how])
    assert done.exit_code == 2
    assert words in done.output
    assert "Traceback" not in done.output


@pytest.fixture
def as_started() -> Iterator[None]:
    """A process that has just started: an earlier test may have left a command's own way to end."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("as_started")
def test_a_polite_request_to_end_tidies_up_as_ctrl_c_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A list that is being built lies in a folder of its own, in the clear: it must not stay there."""

    def rows(*_: object, **__: object) -> NoReturn:
        assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".known.building-")]
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        signal.raise_signal(signal.SIGTERM)
        raise AssertionError

    monkeypatch.setattr("tocsin.matching.lists.changing._imported", rows)
    (tmp_path / "a.txt").write_text("d" * 32)
    done = CliRunner().invoke(
        cli.main, ["lists", "build", "known", "--from", str(tmp_path / "a.txt"), "--out", str(tmp_path / "known")]
    )
    assert (done.exit_code, "Stopped" in done.output) == (2, True)
    assert [one.name for one in tmp_path.iterdir()] == ["a.txt"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_reader_that_leaves_early_does_not_look_like_something_found() -> None:
    """Exit code 1 means a match; the rest was never told."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as out:
        done = subprocess.run([sys.executable, "-m", "tocsin", "hash", __file__], stdout=out, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
