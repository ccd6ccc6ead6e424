"""Programs started together stop together, stubborn ones and their children included."""

import sys
from pathlib import Path

import psutil

from tocsin.demo.desktop import until
from tocsin.demo.processes import Processes


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_stubborn_program_and_its_child_are_ended(tmp_path: Path) -> None:
    code = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    log = tmp_path / "log"
    processes = Processes()
    parent = processes.start([sys.executable, "-c", code], log=log)
    while not log.read_bytes().endswith(b"\n"):
        assert parent.poll() is None
    child = int(log.read_text())
    processes.stop(parent, patience=0.3)
    assert parent.poll() is not None
    until(lambda: gone(child), 60, "the end of the child")


def test_the_exit_code_comes_back() -> None:
    processes = Processes()
    child = processes.start([sys.executable, "-c", "raise SystemExit(3)"])
    child.wait(60)
    assert processes.stop(child) == 3
    processes.close()
