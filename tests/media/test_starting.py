"""What a limited process is started with, and what becomes of the socket where it cannot be."""

import sys

import pytest

from tocsin.media import messages, starting

PROGRAM = """
import json, os, socket, sys
from tocsin.media import messages
sock = socket.socket(fileno=int(sys.argv[1]))
held = sorted(name for name in os.environ if name not in ("LC_CTYPE", "PATH", "LANG", "PYTHONHOME", "LD_LIBRARY_PATH"))
messages.send(sock, {"settings": json.loads(sys.argv[2]), "held": held, "session": os.getsid(0) == os.getpid()})
sys.stdin.read()
"""


def test_it_gets_its_settings_and_little_of_the_environment_and_ends_with_its_owner(tmp_path, monkeypatch):
    (tmp_path / "made_program.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for it")
    process, sock = starting.start("made_program", {"pixels": 9}, arenas=2)
    with process, sock:
        told = messages.receive(sock)
        assert told["settings"] == {"pixels": 9, "owner": 0}
        assert told["held"] == ["MALLOC_ARENA_MAX", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONPATH"]
        assert told["session"]
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0


def test_a_program_that_cannot_be_run_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError):
        starting.start("tocsin.media.worker", {}, arenas=1)
