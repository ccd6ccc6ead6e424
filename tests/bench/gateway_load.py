"""Load on the gateway: wrk, told what to send by a script; where it is not installed, plain sockets of our own."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BOUNDARY = "tocsinbench"

_SCRIPT = """
local requests, at = {}, 0
%s
request = function()
  at = at %% #requests + 1
  return requests[at]
end
local pause = tonumber(os.getenv("TOCSIN_BENCH_PAUSE") or "0")
if pause > 0 then
  delay = function() return pause end
end
done = function(summary, latency, _)
  local errors = summary.errors
  io.write(string.format('told {"calls": %%d, "seconds": %%f, "p50": %%f, "p99": %%f, "failed": %%d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""
_SIGNALS = """
for line in io.lines(%s) do
  local path = "/m/lookup?signal_type=pdq&signal=" .. line
  requests[#requests + 1] = "GET " .. path .. " HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n\\r\\n"
end
"""
_UPLOADS = """
for _, path in ipairs({%s}) do
  local file = io.open(path, "rb")
  requests[#requests + 1] = file:read("*a")
  file:close()
end
"""


class Picture:
    """A picture as it is sent."""

    @staticmethod
    def of(picture: Any) -> bytes:
        """Return a JPEG."""
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=85)
        return out.getvalue()


def upload(picture: bytes) -> bytes:
    """Return the whole request that looks a picture up."""
    body = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n'.encode()
    body += b"Content-Type: image/jpeg\r\n\r\n" + picture + f"\r\n--{BOUNDARY}--\r\n".encode()
    top = f"POST /m/lookup HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
    return f"{top}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Load:
    """Asks a gateway as fast as so many connections get answers, from one core."""

    def __init__(self, url: str, folder: Path, core: int) -> None:
        self._url, self._core = url, core
        self.name = "wrk" if shutil.which("wrk") else "plain sockets"
        self._signals = folder / "signals.txt"
        self._uploads = []
        for path in sorted(folder.glob("picture-*.jpg")):
            raw = path.with_suffix(".http")
            raw.write_bytes(upload(path.read_bytes()))
            self._uploads.append(raw)
        scripts = {
            "signals": _SIGNALS % json.dumps(str(self._signals)),
            "uploads": _UPLOADS % ", ".join(json.dumps(str(path)) for path in self._uploads),
        }
        self._scripts = {name: folder / f"{name}.lua" for name in scripts}
        for name, text in scripts.items():
            self._scripts[name].write_text(_SCRIPT % text)

    def signals(self, seconds: float, connections: int, pause: int = 0) -> dict[str, float]:
        """Look hashes up; each connection waits ``pause`` milliseconds between an answer and its next question."""
        return self._ask("signals", seconds, connections, pause)

    def uploads(self, seconds: float, connections: int, pause: int = 0) -> dict[str, float]:
        """Look pictures up."""
        return self._ask("uploads", seconds, connections, pause)

    def _ask(self, what: str, seconds: float, connections: int, pause: int) -> dict[str, float]:
        tied = ["taskset", "-c", str(self._core)] if shutil.which("taskset") else []
        if self.name == "wrk":
            command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s"]
            command += ["-s", str(self._scripts[what]), self._url]
        else:
            given = [str(self._signals)] if what == "signals" else [str(path) for path in self._uploads]
            command = [sys.executable, __file__, self._url, str(seconds), str(connections), what, *given]
        told_pause = os.environ | {"TOCSIN_BENCH_PAUSE": str(pause)}
        done = subprocess.run([*tied, *command], capture_output=True, text=True, check=True, env=told_pause)
        line = next(line for line in done.stdout.splitlines() if line.startswith("told "))
        told: dict[str, float] = json.loads(line[5:])
        return told


async def _ours(url: str, seconds: float, connections: int, requests: list[bytes]) -> dict[str, float]:
    """Ask over plain sockets; an answer's length is read from its head."""
    where = urlsplit(url)
    waits: list[float] = []
    failed = 0
    pause = int(os.environ.get("TOCSIN_BENCH_PAUSE", "0"))
    began = time.perf_counter()

    async def one(start: int) -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        at = start
        while time.perf_counter() - began < seconds:
            at = (at + 1) % len(requests)
            sent = time.perf_counter()
            writer.write(requests[at])
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(length)
            waits.append(1e3 * (time.perf_counter() - sent))
            await asyncio.sleep(pause / 1e3)
            failed += head[9:12] != b"200"
        writer.close()

    await asyncio.gather(*(one(number * len(requests) // connections) for number in range(connections)))
    spent = time.perf_counter() - began
    waits.sort()
    spread = {"p50": waits[len(waits) // 2], "p99": waits[int(0.99 * len(waits))]}
    return {"calls": len(waits), "seconds": spent, "failed": failed} | spread


def _main() -> None:
    url, seconds, connections, what, *paths = sys.argv[1:]
    if what == "signals":
        texts = Path(paths[0]).read_text().split()
        requests = [
            f"GET /m/lookup?signal_type=pdq&signal={one} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for one in texts
        ]
    else:
        requests = [Path(path).read_bytes() for path in paths]
    print("told " + json.dumps(asyncio.run(_ours(url, float(seconds), int(connections), requests))))


if __name__ == "__main__":
    _main()
