import os
import stat
import subprocess
import sys

import pytest

from tocsin.placement.disk import Disk


def test_a_file_is_replaced_whole_and_closed_to_others(tmp_path):
    path = tmp_path / "a"
    Disk().replace(path, b"one")
    Disk().replace(path, b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["a"]  # noqa: PTH208


def test_space_is_taken_when_a_file_is_created(tmp_path):
    fd = Disk().create(tmp_path / "a", 5000)
    os.close(fd)
    assert (tmp_path / "a").stat().st_size == 5000
    with pytest.raises(FileExistsError):
        Disk().create(tmp_path / "a", 1)


FULL = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from tocsin.placement.chain import Bounds
from tocsin.placement.journal import Journal
from tocsin.evidence.keys import DeviceKey
from tocsin.model import SystemClock
folder = Path(sys.argv[1])
j = Journal(folder, DeviceKey.generate(), "d", SystemClock(), "boot", Bounds(segment=16384, reserve=2048))
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
kept = sum(j.append("finding", {"n": n, "pad": "x" * 300}) is not None for n in range(80))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
j.append("finding", {"n": 99})
gaps = [e.body for e in j.pending_entries() if e.kind == "gap"]
told = sum(g["counts"]["finding"] for g in gaps)
print(kept, told, {g["reason"] for g in gaps})
"""


def test_a_disk_that_the_system_calls_full_is_counted_exactly(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path / "j")], capture_output=True, text=True, check=True)
    kept, told, reasons = done.stdout.split(maxsplit=2)
    assert int(kept) + int(told) == 80
    assert int(told) > 0
    assert reasons.strip() == "{'disk-full'}"
