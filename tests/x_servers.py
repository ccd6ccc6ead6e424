"""Bare X servers (Xvfb, no window manager), for whoever looks at a screen."""

import os
import subprocess
import time

from Xlib import display, error

_STARTS = 3
_PATIENCE_S = 20.0


def serve(*options: str, size: str = "1280x900") -> tuple[str, "subprocess.Popen[bytes]"]:
    """Start an X server and wait until it takes connections; return its name and its process, which the caller ends.

    Another server that ends in this moment may take the new one's socket away with its own: then one more is started.
    """
    for left in reversed(range(_STARTS)):
        name, server = _started(options, size)
        deadline = time.monotonic() + _PATIENCE_S
        while name and server.poll() is None and time.monotonic() < deadline:
            try:
                display.Display(name).close()
                return name, server
            except (error.DisplayError, error.ConnectionClosedError, OSError):
                time.sleep(0.02)
        server.kill()
        server.wait(60)
        assert left, f"no X server took connections, the last as {name!r} (it ended with {server.returncode})"
    raise AssertionError


def _started(options: tuple[str, ...], size: str) -> tuple[str, "subprocess.Popen[bytes]"]:
    """Start a server; return the name that it says it has, nothing where it ended before."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen([*command, *options], pass_fds=(writing,), stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        number = pipe.readline().strip()
    return f":{number}" if number else "", server
