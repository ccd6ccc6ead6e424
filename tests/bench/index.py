"""The exact index beside faiss and the ``threatexchange`` library, in one run; every answer checked by brute force.

One core unless a row says otherwise. Uniform hashes, then a realistic population (see populations.py). Figures of
single lookups include Python's call. ``count`` in the options sets the largest size (default 10 million).
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from populations import Codes, near, of_photos, planted, realistic, uniform

from tocsin.matching import HashIndex

RADIUS = 31


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Measure; ``quick`` in the options takes 1 million entries instead of 10."""
    import faiss

    faiss.omp_set_num_threads(1)
    most = int(options.get("count", 1_000_000 if options.get("quick") else 10_000_000))
    sizes = [size for size in (1_000_000, 10_000_000) if size <= most] or [most]
    tables: list[dict[str, Any]] = []
    for size in sizes:
        tables.append(_uniform(size))
    tables.append(_realistic(sizes[-1]))
    return {"title": "Exact search within 31 bits of 256", "tables": tables}


def _uniform(size: int) -> dict[str, Any]:
    codes = uniform(size)
    rows: list[list[Any]] = []
    before = _resident()
    began = time.perf_counter()
    index = HashIndex.build(codes)
    built = time.perf_counter() - began
    held = (_resident() - before) / size
    queries = uniform(20_000, 99)
    mean, p50, p99 = _one_by_one(index, queries)
    flat = _faiss_flat(codes, queries[:30] if size > 2_000_000 else queries[:100])
    right = _check(index, codes)
    rows.append(["misses one at a time, lookups/s", 1 / mean, _target(size, 25_000, 80_000)])
    rows.append(["mean, µs", mean * 1e6, "≤ 40" if size >= 10_000_000 else ""])
    rows.append(["p50, µs", p50 * 1e6, ""])
    rows.append(["p99, µs", p99 * 1e6, "≤ 150" if size >= 10_000_000 else ""])
    rows.append(["times faiss IndexBinaryFlat", flat / mean, "≥ 500" if size >= 10_000_000 else ""])
    rows.append(["faiss IndexBinaryFlat, ms a lookup", flat * 1e3, ""])
    for name, spent in _peers(codes, queries).items():
        rows.append([f"{name}, ms a lookup", spent * 1e3, ""])
    groups = queries[: 8 * 2_000].reshape(-1, 8, 32)
    spent = _best(lambda: [index.search(group, RADIUS) for group in groups])
    rows.append(["8 rotations as one lookup, groups/s", len(groups) / spent, "≥ 3,000" if size >= 10_000_000 else ""])
    bulk = uniform(262_144, 98)
    spent = _best(lambda: index.search(bulk, RADIUS), 2)
    rows.append(
        ["bulk join of 262,144 queries, lookups/s", len(bulk) / spent, "≥ 100,000" if size >= 10_000_000 else ""]
    )
    spent = _best(lambda: index.search(bulk, RADIUS, threads=2), 2)
    rows.append(["the same on two cores", len(bulk) / spent, ""])
    rows.append(["build, s", built, "≤ 10" if size >= 10_000_000 else ""])
    with tempfile.TemporaryDirectory() as folder:
        rows.extend(_on_disk(index, size, queries, Path(folder)))
    rows.append(["resident bytes an entry while built in memory", held, ""])
    rows.append(["answers that differ from brute force", right, "0"])
    return {
        "name": f"{size / 1e6:g} million uniform hashes, one core",
        "columns": ["figure", "measured", "target"],
        "rows": rows,
    }


def _on_disk(index: HashIndex, size: int, queries: Codes, folder: Path) -> list[list[Any]]:
    """Measure the saved form: its size, opening, and what 100,000 fresh adds cost."""
    path = folder / "list.index"
    index.save(path)
    on_disk = path.stat().st_size / size
    opened_in = _best(lambda: HashIndex.open(path), 5)
    opened = HashIndex.open(path)
    opened.search(queries[:2_000], RADIUS)
    mapped, _, _ = _one_by_one(opened, queries)
    fresh = uniform(100_000, 97)
    began = time.perf_counter()
    opened.add(fresh, np.arange(size, size + len(fresh), dtype=np.int64))
    added = time.perf_counter() - began
    seen = opened.search(fresh[:1], 0)
    assert len(seen.id) == 1
    slower, _, _ = _one_by_one(opened, queries)
    return [
        ["bytes an entry, all in", on_disk, "≤ 140"],
        ["open, ms", opened_in * 1e3, "≤ 50"],
        ["lookup with 100,000 fresh adds, times", slower / mapped, "≤ 1.4"],
        ["lookup with 100,000 fresh adds, µs", slower * 1e6, ""],
        ["misses one at a time from the mapped file, lookups/s", 1 / mapped, ""],
        ["100,000 adds made durable and searchable, s", added, ""],
    ]


def _realistic(size: int) -> dict[str, Any]:
    codes = realistic(size)
    index = HashIndex.build(codes)
    strange = of_photos(4_000, 77, slice(100, None))
    misses = uniform(20_000, 96)
    mean, p50, p99 = _one_by_one(index, misses)
    real_mean, _, real_p99 = _one_by_one(index, strange)
    inside = near(codes[np.random.default_rng(9).integers(0, len(codes), 4_000)], 6)
    biggest = near(np.repeat(codes[_fullest(index, codes)][None], 2_000, axis=0), 6)
    in_mean, _, in_p99 = _one_by_one(index, inside, limit=100)
    big_mean, _, big_p99 = _one_by_one(index, biggest, limit=100)
    uniform_mean, _, _ = _one_by_one(HashIndex.build(uniform(size)), misses)
    rows = [
        ["misses (uniform queries), lookups/s", 1 / mean, ""],
        ["slower than on the uniform list, %", (mean / uniform_mean - 1) * 100, "≤ 30"],
        ["misses p50 / p99, µs", f"{p50 * 1e6:.0f} / {p99 * 1e6:.0f}", ""],
        ["pieces of photos as queries, limit 100: mean / p99, µs", f"{real_mean * 1e6:.0f} / {real_p99 * 1e6:.0f}", ""],
        ["inside clusters, limit 100: mean / p99, ms", f"{in_mean * 1e3:.2f} / {in_p99 * 1e3:.2f}", "p99 ≤ 30"],
        ["inside the fullest cluster: mean / p99, ms", f"{big_mean * 1e3:.2f} / {big_p99 * 1e3:.2f}", "p99 ≤ 30"],
        ["answers that differ from brute force", _check(index, codes), "0"],
    ]
    return {
        "name": f"{size / 1e6:g} million, realistic: photos' pieces, clusters, correlated bits; one core",
        "columns": ["figure", "measured", "target"],
        "rows": rows,
    }


def _fullest(index: HashIndex, codes: Codes) -> int:
    """Return an entry with very many neighbours, of a thousand tried."""
    tried = np.random.default_rng(10).integers(0, len(codes), 1_000)
    found = index.search(codes[tried], RADIUS)
    return int(tried[np.argmax(np.bincount(found.query, minlength=len(tried)))])


def _one_by_one(index: HashIndex, queries: Codes, limit: int | None = None) -> tuple[float, float, float]:
    """Return mean, median and 99th percentile of the seconds of single lookups; the best of three rounds by mean."""
    best: tuple[float, float, float] | None = None
    singles = [query[None] for query in queries]
    for _ in range(3):
        spent = np.empty(len(singles))
        for number, query in enumerate(singles):
            began = time.perf_counter()
            index.search(query, RADIUS, limit)
            spent[number] = time.perf_counter() - began
        found = float(spent.mean()), float(np.median(spent)), float(np.percentile(spent, 99))
        best = found if best is None or found[0] < best[0] else best
    assert best is not None
    return best


def _best(work: Any, times: int = 3) -> float:
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return min(spent)


def _faiss_flat(codes: Codes, queries: Codes) -> float:
    """Return faiss' seconds for one exact lookup by scanning, one at a time as ours."""
    import faiss

    flat = faiss.IndexBinaryFlat(256)
    flat.add(codes)
    began = time.perf_counter()
    for query in queries:
        flat.range_search(query[None], RADIUS + 1)
    return (time.perf_counter() - began) / len(queries)


def _peers(codes: Codes, queries: Codes) -> dict[str, float]:
    """Return seconds a lookup of the other engines; the library takes hex strings, so only up to a million."""
    import faiss

    spent: dict[str, float] = {}
    many = faiss.IndexBinaryMultiHash(256, 16, 16)
    many.nflip = 1
    many.add(codes)
    some = queries[:50]
    began = time.perf_counter()
    for query in some:
        many.range_search(query[None], RADIUS + 1)
    spent["faiss IndexBinaryMultiHash 16×16, nflip 1 (HMA's exact setting)"] = (time.perf_counter() - began) / len(some)
    del many
    if len(codes) <= 1_000_000:
        from threatexchange.signal_type.pdq.pdq_index import PDQIndex

        library = PDQIndex.build([(code.tobytes().hex(), number) for number, code in enumerate(codes)])
        asked = [query.tobytes().hex() for query in queries[:100]]
        began = time.perf_counter()
        for text in asked:
            library.query(text)
        spent["threatexchange PDQIndex"] = (time.perf_counter() - began) / len(asked)
    return spent


def _check(index: HashIndex, codes: Codes) -> int:
    """Compare with brute force on planted queries at 0 and at 25 to 33 bits; return how many queries differ."""
    import faiss

    queries = planted(codes, 200, (0, 25, 29, 30, 31, 32, 33))
    flat = faiss.IndexBinaryFlat(256)
    flat.add(codes)
    faiss.omp_set_num_threads(2)
    limits, _, labels = flat.range_search(queries, RADIUS + 1)
    faiss.omp_set_num_threads(1)
    ours = index.search(queries, RADIUS)
    wrong = 0
    for number in range(len(queries)):
        mine = np.sort(ours.id[ours.query == number])
        theirs = np.sort(labels[limits[number] : limits[number + 1]])
        wrong += not np.array_equal(mine, theirs)
    return wrong


def _target(size: int, at_ten: int, at_one: int) -> str:
    return f"≥ {at_ten:,}" if size >= 10_000_000 else f"≥ {at_one:,}"


def _resident() -> int:
    return int(psutil.Process(os.getpid()).memory_info().rss)
