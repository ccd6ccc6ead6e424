"""A limited worker whose decoder does, on purpose, what a stranger's file might make it do. Run as a module."""

import os
import socket
import sys

from tocsin.media import fingerprint, messages, worker
from tocsin.model.observation import NotScanned

HONEST = fingerprint.fingerprint


def misbehave(file, options=None, **more):
    """Do as the file says."""
    if isinstance(file, bytes):
        return HONEST(file, options, **more)
    order = file.read(4096)
    file.seek(0)
    if order == b"loop":
        while True:
            pass
    if order == b"crash":
        os.abort()
    if order == b"leave":
        os._exit(3)
    if order == b"allocate":
        hoard = []
        while True:
            hoard.append(bytearray(16 << 20))
    if order == b"raise":
        raise RuntimeError("unforeseen")
    if order == b"lie":
        return NotScanned("clean", "nothing to see")
    if order.startswith(b"try "):
        return NotScanned("failed", attempt(order[4:].decode()))
    return HONEST(file, options, **more)


def attempt(what):
    """Try what no worker may do; tell how it went."""
    try:
        eval(what, {"os": os, "socket": socket, "sys": sys})  # the tests' own words
    except OSError as error:
        return f"refused: {error.strerror}"
    return "allowed"


if __name__ == "__main__":
    fingerprint.fingerprint = misbehave
    messages.REASONS = messages.REASONS | {"clean"}
    worker.main()
