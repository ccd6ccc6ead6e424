"""How lookup time and memory grow from 1 to 50 million entries on one core, as a table and a plot.

``out`` in the options (or the folder ``build``) takes ``growth.svg``. At 50 million about 10 GiB of memory are used.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from index import _check, _one_by_one
from populations import uniform

from tocsin.matching import HashIndex


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Measure; ``quick`` stops at 4 million."""
    sizes = [1, 2, 4] if options.get("quick") else [1, 2, 5, 10, 20, 50]
    rows: list[list[Any]] = []
    queries = uniform(10_000, 99)
    for millions in sizes:
        codes = uniform(millions * 1_000_000)
        began = time.perf_counter()
        index = HashIndex.build(codes)
        built = time.perf_counter() - began
        held = psutil.Process(os.getpid()).memory_info().rss - codes.nbytes
        mean, _, p99 = _one_by_one(index, queries)
        groups = queries[:8_000].reshape(-1, 8, 32)
        began = time.perf_counter()
        for group in groups:
            index.search(group, 31)
        grouped = len(groups) / (time.perf_counter() - began)
        wrong = _check(index, codes) if millions <= 10 else "not checked here"
        rows.append([millions, 1 / mean, mean * 1e6, p99 * 1e6, grouped, built, held / len(codes), wrong])
        del index, codes
    _plot(rows, Path(options.get("out") or "build"))
    return {
        "title": "Exact search: growth",
        "tables": [
            {
                "name": "Uniform hashes, misses at radius 31, one core",
                "columns": [
                    "million entries",
                    "lookups/s",
                    "mean µs",
                    "p99 µs",
                    "groups of 8 rotations/s",
                    "build s",
                    "resident bytes an entry",
                    "answers that differ from brute force",
                ],
                "rows": rows,
            }
        ],
    }


def _plot(rows: list[list[Any]], folder: Path) -> None:
    """Draw time and memory over size; skipped where matplotlib is not installed."""
    try:
        import matplotlib
    except ImportError:
        return
    matplotlib.use("svg")
    from matplotlib import pyplot

    sizes = np.array([row[0] for row in rows], float)
    figure, axis = pyplot.subplots(figsize=(7, 4))
    axis.loglog(sizes, [row[2] for row in rows], "o-", label="mean")
    axis.loglog(sizes, [row[3] for row in rows], "s--", label="99th percentile")
    axis.loglog(sizes, sizes * rows[0][2], ":", color="grey", label="growth in proportion")
    axis.set_xlabel("entries, millions")
    axis.set_ylabel("microseconds a lookup")
    axis.grid(True, which="both", alpha=0.3)
    axis.legend()
    figure.tight_layout()
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "growth.svg", metadata={"Date": None})
    pyplot.close(figure)
