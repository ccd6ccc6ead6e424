"""Hash lists: rows imported a second, the most memory it takes, and how soon a change is seen by another process.

A CSV of made-up rows (MD5, PDQ, and for the wide form also SHA-1, category and date) is imported by ``lists.build`` in
a process of its own, so that its peak is its own. Ten million rows; with ``quick`` two hundred thousand.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROWS = 10_000_000
MINUTES = 5
PEAK_GIB = 2.0


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Measure; ``options`` may hold ``quick``, or ``rows`` (how many)."""
    rows = int(options.get("rows") or (200_000 if options.get("quick") else ROWS))
    folder = Path(tempfile.mkdtemp(prefix="tocsin-lists-"))
    try:
        table = []
        for name, wide in (("md5, pdq", False), ("md5, sha1, pdq, category, date", True)):
            if wide and rows > 1_000_000:
                continue
            source = folder / "rows.csv"
            write_rows(source, rows, wide)
            seconds, spent, peak, size = _measured(source, folder / "list")
            table.append([name, rows, seconds, spent, rows / seconds, peak, size / rows])
            shutil.rmtree(folder / "list", ignore_errors=wide)
        small = folder / "small.csv"
        write_rows(small, 10_000, False)
        changes = _changes(small, folder / "changed")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "title": "Hash lists: import and change",
        "tables": [
            {
                "name": f"Import (target for {ROWS:,} rows: {MINUTES} minutes, {PEAK_GIB:g} GiB)",
                "columns": ["columns", "rows", "s", "processor s", "rows/s", "peak GiB", "bytes a row on disk"],
                "rows": table,
            },
            {"name": "A change, seen by another process", "columns": ["what", "ms"], "rows": changes},
        ],
    }


def write_rows(path: Path, rows: int, wide: bool) -> None:
    """Write a CSV of made-up rows; PDQ hashes have half of their bits set, as real ones have."""
    chance = np.random.default_rng(20260101)
    with path.open("w") as file:
        file.write("md5,sha1,pdq,category,updated\n" if wide else "md5,pdq\n")
        for start in range(0, rows, 50_000):
            count = min(50_000, rows - start)
            raw = chance.integers(0, 256, (count, 68), np.uint8).tobytes().hex()
            for n in range(count):
                text = raw[n * 136 : n * 136 + 136]
                md5, pdq, sha1 = text[:32], text[32:96], text[96:136]
                file.write(f"{md5},{sha1},{pdq},{n % 9},2026-01-01T00:00:00Z\n" if wide else f"{md5},{pdq}\n")


def _measured(source: Path, target: Path) -> tuple[float, float, float, int]:
    """Import in another process; return seconds, those of the processor, its peak in GiB and the list's bytes."""
    done = subprocess.run(
        [sys.executable, __file__, str(source), str(target)], capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout.splitlines()[-1])
    size = sum(path.stat().st_size for path in target.iterdir())
    return told["seconds"], told["processor"], told["peak"] / 2**30, size


def _changes(source: Path, folder: Path) -> list[list[Any]]:
    """Return how long an addition and a removal take, and how soon a reader elsewhere sees the addition."""
    from tocsin.matching.lists import Entry, HashList, Terms, add, build, read, remove

    build(folder, Terms(name="bench"), [("rows", read(source))])
    code = (
        "import sys, time\nfrom tocsin.matching.lists import HashList\n"
        f"held = HashList.open({str(folder)!r})\nprint('ready', flush=True)\n"
        "while not held.view.find('md5', [b'n' * 16]):\n    time.sleep(0.005)\nprint(time.time(), flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        began = time.time()
        add(folder, [("new", [Entry(1, [("md5", b"n" * 16)], id="new")])])
        added = time.time()
        seen = float(reader.stdout.readline())
    began_removing = time.time()
    remove(folder, ["new"])
    removed = time.time()
    began_opening = time.time()
    HashList.open(folder)
    return [
        ["adding one entry, durable", 1000 * (added - began)],
        ["from then until another process finds it", max(0.0, 1000 * (seen - added))],
        ["removing one entry, durable", 1000 * (removed - began_removing)],
        ["opening a list of 10,000", 1000 * (time.time() - began_opening)],
    ]


def _import(source: Path, target: Path) -> None:
    from tocsin.matching.lists import Terms, build, read

    began = time.perf_counter()
    build(target, Terms(name="bench"), [(source.name, read(source))])
    spent = time.perf_counter() - began
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    print(json.dumps({"seconds": spent, "processor": time.process_time(), "peak": peak}))


if __name__ == "__main__":
    _import(Path(sys.argv[1]), Path(sys.argv[2]))
