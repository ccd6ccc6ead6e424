import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest


def ask(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


@pytest.fixture
def running(tmp_path):
    """A gateway of two workers as a program of its own, deep down on the disk; gives its address, process, folder."""
    data = tmp_path / ("deep" * 20) / "gateway"  # longer than the address of a socket may be
    command = [sys.executable, "-m", "tocsin", "gateway", "--data", str(data), "--port", "0"]
    process = subprocess.Popen([*command, "--workers", "2"], stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert "is up at" in line, line
        yield line.split()[-1], process, data
    finally:
        process.terminate()
        assert process.wait(60) == 0


def workers_of(pid):
    """Return the ids of a gateway's workers that run; one that has just ended is none."""
    import psutil

    found = []
    for one in psutil.Process(pid).children():
        with contextlib.suppress(psutil.Error):
            found += [one.pid] if "tocsin.gateway.worker" in " ".join(one.cmdline()) else []
    return found


def made_key(data):
    command = [
        sys.executable,
        "-m",
        "tocsin",
        "gateway",
        "key",
        "new",
        "coop",
        "--scope",
        "lookup",
        "--data",
        str(data),
    ]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()[0]


def refused(url):
    """Tell whether a call without a key is not let in."""
    try:
        ask(url)
    except urllib.error.HTTPError as error:
        return error.code == 401
    return False


def test_two_workers_share_a_port_see_changes_within_a_second_and_are_replaced_when_one_dies(running, until):
    url, process, data = running
    assert ask(f"{url}/c/banks", {"name": "BANK_A"})["name"] == "BANK_A"
    ask(f"{url}/c/bank/BANK_A/signal", {"pdq": "0f" * 32})
    lookup = f"{url}/m/lookup?signal_type=pdq&signal={'0f' * 32}"
    streak = []

    def seen_by_all():
        streak.append("BANK_A" in ask(lookup))
        return streak[-20:] == [True] * 20

    until(seen_by_all)
    before = workers_of(process.pid)
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(workers_of(process.pid)) == 2 and before[0] not in workers_of(process.pid))
    until(lambda: "BANK_A" in ask(lookup))
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(f"{url}/internal/sighting", {})
    assert caught.value.code == 404
    key = made_key(data)
    until(lambda: refused(lookup))
    assert "BANK_A" in ask(f"{url}/k/{key}/m/lookup?signal_type=pdq&signal={'0f' * 32}")
