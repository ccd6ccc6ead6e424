"""Memory is given back after it has grown, and not again for nothing."""

import subprocess
import sys

import pytest

from tocsin.placement.memory import ARENAS, GROWTH, Memory


def test_trims_only_after_growth():
    resident, trims = [100 << 20], []

    def trim() -> None:
        trims.append(resident[0])
        resident[0] = 100 << 20

    memory = Memory(trim, lambda: resident[0])
    assert memory.relieve()
    assert not memory.relieve()
    resident[0] += GROWTH
    assert memory.relieve()
    assert not memory.relieve()
    assert trims == [100 << 20, (100 << 20) + GROWTH]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc is asked to trim")
def test_the_system_s_own_trim_can_be_called():
    assert Memory().relieve() in (True, False)


_MANY = """
import ctypes, os, sys, threading
from tocsin.placement.memory import limit_arenas
if sys.argv[1] == "limited":
    limit_arenas()
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
together = threading.Barrier(12)
def work():
    together.wait()
    library.malloc(1000)
    together.wait()
threads = [threading.Thread(target=work) for _ in range(12)]
[one.start() for one in threads]
[one.join() for one in threads]
told = os.memfd_create("told")
library.fdopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(library.fdopen(os.dup(told), b"w"))
library.malloc_info(0, file)
library.fclose(file)
print(os.pread(told, 1 << 24, 0).count(b"<heap nr="))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has arenas")
def test_many_threads_share_few_arenas():
    arenas = {
        how: int(subprocess.run([sys.executable, "-c", _MANY, how], capture_output=True, check=True, text=True).stdout)
        for how in ("limited", "as it is")
    }
    assert arenas["limited"] <= ARENAS < arenas["as it is"]
