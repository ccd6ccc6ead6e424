"""Starting a limited process: another program, in a clean environment, joined to this one by a socket and a pipe."""

import json
import os
import socket
import subprocess
import sys
from typing import Any

_KEPT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "SYSTEMROOT")


def start(module: str, settings: dict[str, Any], arenas: int) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Run ``module`` with the number of its socket and its settings (JSON); return the process and our end.

    Of the environment it gets what Python needs to start, one thread for each library that computes, and ``arenas`` of
    memory. ``owner`` 0 in its settings: it ends when the pipe that is its standard input does, with this process.
    Raises OSError.
    """
    ours, theirs = socket.socketpair()
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": str(arenas)}
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, str(theirs.fileno()), json.dumps(settings | {"owner": 0})],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, ours
