import io
import json
import os
import signal
import socket
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from dataclasses import asdict

import pytest

from tocsin.media import messages
from tocsin.media import worker as worker_module
from tocsin.media.options import Options

SETTINGS = {
    "memory": 512 << 20,
    "pixels": 1_000_000,
    "idle": 30.0,
    "jobs": 10,
    "nice": 0,
    "frames": False,
    "windows": False,
}


@contextmanager
def worker(**settings):
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            command = [sys.executable, "-m", "tocsin.media.worker", str(theirs.fileno())]
            process = subprocess.Popen([*command, json.dumps(SETTINGS | settings)], pass_fds=(theirs.fileno(),))
        try:
            yield ours, process
        finally:
            ours.close()
            process.kill()
            process.wait()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends it at once")
@pytest.mark.parametrize("moment", ["before it began", "while it waits"])
def test_it_ends_at_once_when_the_pipe_of_its_owner_ends(moment):
    there, here = os.pipe()
    ours, theirs = socket.socketpair()
    if moment == "before it began":
        os.close(here)
    with ours:  # the socket stays open
        with theirs:
            command = [sys.executable, "-m", "tocsin.media.worker", str(theirs.fileno())]
            settings = json.dumps(SETTINGS | {"owner": there})
            process = subprocess.Popen([*command, settings], pass_fds=(theirs.fileno(), there))
        os.close(there)
        if moment == "while it waits":
            assert messages.receive(ours)["ready"]
            os.close(here)
        assert process.wait(60) == -signal.SIGIO


def ask(sock, path, members=False):
    with path.open("rb") as file:
        request = {"options": asdict(Options()), "members": members, "seconds": 60.0}
        messages.send(sock, request, (file.fileno(),))
    return messages.receive(sock)


def test_it_says_that_it_is_ready_answers_and_ends_with_its_owner(tmp_path, scenery, odd):
    (tmp_path / "a").write_bytes(odd.encoded(scenery(1)))
    with worker() as (sock, process):
        hello = messages.receive(sock)
        assert hello["ready"] is True
        for _ in range(2):
            found = messages.result_of(ask(sock, tmp_path / "a"))
            assert (found.format, found.reason) == ("png", "")
        assert ask(sock, tmp_path / "a", members=True) == {"end": True}
        sock.close()
        assert process.wait(60) == 0


def test_it_leaves_when_idle_and_after_its_share(tmp_path):
    (tmp_path / "a").write_bytes(b"words")
    with worker(idle=0.05) as (_, process):
        assert process.wait(60) == 0
    with worker(jobs=1) as (sock, process):
        messages.receive(sock)
        assert messages.result_of(ask(sock, tmp_path / "a")).media == "other"
        assert process.wait(60) == 0


def test_a_message_without_a_file_ends_it():
    with worker() as (sock, process):
        messages.receive(sock)
        messages.send(sock, {"options": {}})
        assert process.wait(60) == 0


def test_what_keeps_it_from_starting_is_told():
    with worker(memory="much") as (sock, _):
        assert "TypeError" in messages.receive(sock)["error"]


@pytest.mark.parametrize("cut", [1, 3, 7])
def test_half_a_message_ends_it(cut):
    with worker() as (sock, process):
        messages.receive(sock)
        sock.sendall(b"\0\0\0\x09{}"[:cut])
        sock.shutdown(socket.SHUT_WR)
        assert process.wait(60) == 0


def test_each_file_of_an_archive_has_time_of_its_own(monkeypatch):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in "abc":
            archive.writestr(name, b"words")
    allowed = []
    monkeypatch.setattr(worker_module, "_allow", allowed.append)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        worker_module._serve_members(theirs, packed, Options(), 1_000_000, 7.0)
        assert [messages.receive(ours).get("member") for _ in range(4)] == ["a", "b", "c", None]
    assert allowed == [7.0] * 3
