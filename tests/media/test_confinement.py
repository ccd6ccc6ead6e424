import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tocsin.media import confinement

LINUX = pytest.mark.skipif(not confinement.LINUX, reason="only Linux confines this much")

CONFINED = """
import json, mmap, os, sys
from tocsin.media import confinement
missing = confinement.isolate() + confinement.confine(64 << 20)
out = {"missing": missing}
for name, attempt in json.loads(sys.argv[1]).items():
    try:
        out[name] = repr(eval(attempt))[:60]
    except MemoryError:
        out[name] = "memory"
    except OSError as error:
        out[name] = "refused"
os.write(1, json.dumps(out).encode())
"""


def confined(**attempts):
    import json

    done = subprocess.run(
        [sys.executable, "-c", CONFINED, json.dumps(attempts)], capture_output=True, check=True, timeout=150
    )
    return json.loads(done.stdout)


@LINUX
def test_nothing_but_memory_and_open_files_is_left():
    found = confined(
        read="os.open('/etc/passwd', 0)",
        list="os.listdir('/')",
        socket="__import__('socket').socket()",
        fork="os.fork()",
        run="os.execv('/bin/true', ['true'])",
        hoard="bytes(200 << 20)",
        work="sum(range(1000))",
        user="os.setuid(0)",
    )
    assert found.pop("hoard") == "memory"
    assert found.pop("work") == "499500"
    assert "system-calls" not in found.pop("missing")
    assert set(found.values()) == {"refused"}


@LINUX
def test_another_user_where_this_one_is_root():
    found = confined(user="os.geteuid(), os.getegid()")
    assert "0, 0" not in found["user"]


@LINUX
def test_no_memory_becomes_a_program():
    found = confined(
        code="mmap.mmap(-1, 4096, prot=7)",
        data="mmap.mmap(-1, 4096)[0]",
    )
    assert found["code"] == "refused"
    assert found["data"] == "0"


def test_what_a_system_refuses_is_named_and_no_error():
    def refused():
        raise OSError(1, "no")

    assert confinement._try("network", refused) == ["network"]
    assert confinement._try("network", lambda: None) == []


@LINUX
def test_the_filter_names_each_call_once():
    for machine, (architecture, allowed, *special) in confinement._MACHINES.items():
        assert len(set(allowed)) == len(allowed), machine
        assert not set(allowed) & set(special)
        assert len(confinement._program(architecture, allowed, *special)) % 8 == 0


def test_processor_time_is_allowed_anew_for_each_file():
    code = (
        "from tocsin.media.confinement import allow_cpu; allow_cpu(0)\nwhile True: pass"
        if resource.RLIM_INFINITY in resource.getrlimit(resource.RLIMIT_CPU)
        else "import os, signal; os.kill(os.getpid(), signal.SIGXCPU)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=150, cwd=Path.cwd())
    assert done.returncode == -24
