"""The limited process: it answers for streams by number, and has given up what it does not need."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tocsin.gateway.streams.framing import chunk
from tocsin.media import messages


@pytest.fixture
def worker() -> Iterator[tuple[socket.socket, int]]:
    """A running worker: its socket and its id."""
    ours, theirs = socket.socketpair()
    settings = {"nice": 0, "memory": 2 << 30, "descriptors": 64}
    command = [sys.executable, "-P", "-m", "tocsin.gateway.streams.worker", str(theirs.fileno()), json.dumps(settings)]
    process = subprocess.Popen(command, pass_fds=(theirs.fileno(),))
    theirs.close()
    hello = messages.receive(ours, time.monotonic() + 60)
    assert hello["ready"]
    yield ours, process.pid
    ours.close()
    process.wait(60)


def test_a_stream_is_watched_by_its_number(worker: tuple[socket.socket, int], film: Callable) -> None:
    sock, _ = worker
    there, here = os.pipe()
    messages.send(sock, {"do": "watch", "id": 7, "settings": {"framed": True, "least": 0.0}}, (there,))
    os.close(there)
    with os.fdopen(here, "wb") as file:
        file.write(chunk(film(), 5))
    looks = []
    while True:
        told = messages.receive(sock, time.monotonic() + 60)
        assert told["id"] == 7
        if "ended" in told:
            break
        looks.append(told["look"])
    assert told["ended"] is True
    assert len(looks) == 6


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends it at once")
def test_it_ends_at_once_when_the_pipe_of_its_owner_ends() -> None:
    ours, theirs = socket.socketpair()
    there, here = os.pipe()
    settings = {"nice": 0, "memory": 2 << 30, "descriptors": 64, "owner": there}
    command = [sys.executable, "-P", "-m", "tocsin.gateway.streams.worker", str(theirs.fileno()), json.dumps(settings)]
    with ours:  # the socket stays open
        process = subprocess.Popen(command, pass_fds=(theirs.fileno(), there))
        theirs.close()
        os.close(there)
        assert messages.receive(ours, time.monotonic() + 60)["ready"]
        os.close(here)
        assert process.wait(60) == -signal.SIGIO


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what Linux tells of a process")
def test_it_has_given_up_its_rights(worker: tuple[socket.socket, int]) -> None:
    with open(f"/proc/{worker[1]}/status") as file:  # noqa: PTH123
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    if os.geteuid() == 0:
        assert status["Uid"].split()[0] == "65534"


def test_closing_a_stream_ends_it(worker: tuple[socket.socket, int], film: Callable) -> None:
    sock, _ = worker
    there, here = os.pipe()
    messages.send(sock, {"do": "watch", "id": 3, "settings": {}}, (there,))
    os.write(here, chunk(film((1,)), 5)[:40_000])
    with open(os.devnull) as null:  # noqa: PTH123
        messages.send(sock, {"do": "close", "id": 3}, (null.fileno(),))
    os.close(here)
    os.close(there)
    told: dict = {}
    while "ended" not in told:
        told = messages.receive(sock, time.monotonic() + 60)
