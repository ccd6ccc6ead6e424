"""``tocsin demo`` shows the whole road, tells how to get in, and stops by itself when asked to."""

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tocsin.demo.stage import free_port

needs_desktop = pytest.mark.skipif(
    not shutil.which("Xvfb") or not shutil.which("chromium"), reason="needs Xvfb and Chromium"
)


def demo(*arguments: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "tocsin", "demo", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=150, check=False)


@pytest.mark.e2e
@needs_desktop
def test_it_comes_up_says_where_and_how_and_stops() -> None:
    port = free_port()
    done = demo("--port", str(port), "--seconds", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"http://127.0.0.1:{port}" in done.stdout
    assert "accepted by a real click" in done.stdout
    assert re.search(r"its passphrase\s+\w+-\w+-\w+-\w+", done.stdout)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


@pytest.mark.e2e
@needs_desktop
def test_a_kept_folder_is_shown_again(tmp_path: Path) -> None:
    port = str(free_port())
    for _ in range(2):
        done = demo("--port", port, "--data", str(tmp_path / "kept"), "--seconds", "2")
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_taken_port_is_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = demo("--port", str(taken.getsockname()[1]), "--seconds", "1")
    assert done.returncode == 2
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr
