"""From gathered rows to a part: sorted digests, codes in row order, the exact index; written once, never changed."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.matching.digest_index import DigestIndex
from tocsin.matching.index import HashIndex
from tocsin.matching.lists.collecting import NO_QUALITY, Collector
from tocsin.matching.lists.columns import pieces_of
from tocsin.matching.lists.entry import DIGESTS, Status
from tocsin.matching.lists.folder import PartRecord
from tocsin.matching.lists.resolving import GONE, Resolved
from tocsin.matching.lists.sealed import ENDING, Written, sample_of, sha256_of, sync_folder, write_file

INDEXED_FROM = 4096
"""Codes from which a part has an index file; fewer are indexed when the list is opened."""

Array = npt.NDArray[Any]
Stage = Callable[[str], None]


def write_part(
    folder: Path,
    name: str,
    collected: Collector,
    resolved: Resolved,
    hides: Mapping[str, Array],
    recipients: tuple[str, ...] = (),
    stage: Stage = lambda _: None,
) -> PartRecord:
    """Write a part's files into ``folder``, durable on return, and say what they hold.

    ``hides`` names, for older parts, the rows that this part's rows take the place of.
    """
    columns = _entries(collected, resolved)
    stage("sorting keys")
    columns |= _keys(collected, resolved)
    hashed, counts, codes = _hashes(collected, resolved, stage)
    columns |= hashed
    del hashed  # the columns are let go of before the indexes are built
    frames = collected.frames()
    if len(frames):
        columns |= _frames(frames, resolved, codes)
        counts["frames"] = len(columns["frames.row"])
    columns |= {f"hides.{part}": rows.astype(np.uint32) for part, rows in hides.items() if len(rows)}
    stage("writing entries")
    ending = ENDING if recipients else ""
    files = {f"{name}.cols{ending}": write_file(folder / f"{name}.cols{ending}", pieces_of(columns), recipients)}
    status = resolved.status
    active = int((status == Status.ACTIVE).sum())
    tombstones = int(((status == Status.WITHDRAWN) | (status == Status.DELETED)).sum())
    columns.clear()
    for kind in sorted(codes):
        hashes, rows = codes.pop(kind)
        if not recipients and len(rows) >= INDEXED_FROM:
            stage(f"indexing {kind}")
            files[f"{name}.{kind}"] = _index(folder / f"{name}.{kind}", hashes, rows)
        del hashes, rows
    sync_folder(folder)
    checks = {
        file: {"size": written.size, "sha256": written.sha256, "sample": sample_of(folder / file)}
        for file, written in files.items()
    }
    return PartRecord(name, len(status), active, tombstones, counts, checks)


def _entries(collected: Collector, resolved: Resolved) -> dict[str, Array]:
    """Return the columns of what was said of each entry."""
    table = collected.table()
    labels = json.dumps(collected.labels(), ensure_ascii=False).encode("utf-8", "replace")
    return {
        "label": np.array(table["label"]),
        "status": resolved.status,
        "quality": np.array(table["quality"]),
        "updated": np.array(table["updated"]),
        "text.end": np.array(table["text"]),
        "text": collected.text(),
        "labels": np.frombuffer(labels, np.uint8),
    }


def _keys(collected: Collector, resolved: Resolved) -> dict[str, Array]:
    """Return the index by which an entry is found by its key, and each entry's place in it."""
    standing = np.flatnonzero(resolved.status <= Status.DELETED).astype(np.uint32)
    keys = np.ascontiguousarray(collected.table()["key"][standing]).view(np.uint8).reshape(-1, 16)
    index = DigestIndex.build(keys, standing)
    at = np.full(len(resolved.status), GONE, np.uint32)
    at[index.row] = np.arange(len(index), dtype=np.uint32)
    return _prefixed("key", index.columns()) | {"key.at": at}


def _hashes(
    collected: Collector, resolved: Resolved, stage: Stage
) -> tuple[dict[str, Array], dict[str, int], dict[str, tuple[Array, Array]]]:
    """Return the columns of all hashes, how many of each kind stand, and (hashes, rows) of those to be searched."""
    columns: dict[str, Array] = {}
    counts: dict[str, int] = {}
    codes: dict[str, tuple[Array, Array]] = {}
    for kind in collected.kinds():
        stage(f"sorting {kind}")
        rows, hashes = _taken(collected.hashes(kind), resolved, kind)
        counts[kind] = len(rows)
        if kind in DIGESTS:
            index = DigestIndex.build(hashes, rows)
            counts[kind] = len(index)
            columns |= _prefixed(kind, index.columns())
            del index
            continue
        columns |= {f"{kind}.row": rows, f"{kind}.hash": hashes}
        if kind == "pdq":
            codes["pdq"] = (hashes, rows)
        elif kind == "window":
            codes["window"] = (np.ascontiguousarray(hashes[:, :32]), rows)
    return columns, counts, codes


def _prefixed(kind: str, columns: Mapping[str, Array]) -> dict[str, Array]:
    return {f"{kind}.{name}": array for name, array in columns.items()}


def _taken(held: Array, resolved: Resolved, kind: str) -> tuple[Array, Array]:
    """Return (rows, hashes) of what stands, in the order of rows; what a united row repeats is left out."""
    given = np.array(held["row"])
    rows = resolved.goes_to[given]
    keep = rows != GONE
    if resolved.merged and kind not in DIGESTS:
        keep &= ~_repeated(rows, given, held["hash"])
    if keep.all():
        hashes = np.array(held["hash"])
    else:
        rows, hashes = rows[keep], np.array(held["hash"][keep])
    if kind not in DIGESTS and len(rows) and (np.diff(rows.astype(np.int64)) < 0).any():
        order = np.argsort(rows, kind="stable")
        rows, hashes = rows[order], hashes[order]
    return rows, hashes


def _repeated(rows: Array, given: Array, hashes: Array) -> npt.NDArray[np.bool_]:
    """Mark hashes that came with a row that joined another one, and that this other one has already."""
    repeated = np.zeros(len(rows), bool)
    joined = np.flatnonzero((rows != given) & (rows != GONE))
    if not joined.size:
        return repeated
    concerned = np.isin(rows, np.unique(rows[joined]))
    seen: set[tuple[int, bytes]] = set()
    for at in np.flatnonzero(concerned).tolist():
        one = (int(rows[at]), hashes[at].tobytes())
        repeated[at] = one in seen
        seen.add(one)
    return repeated


def _frames(frames: Array, resolved: Resolved, codes: dict[str, tuple[Array, Array]]) -> dict[str, Array]:
    rows = resolved.goes_to[frames["row"]]
    keep = np.flatnonzero(rows != GONE)
    keep = keep[np.argsort(rows[keep], kind="stable")]
    rows, pdq = rows[keep], np.array(frames["pdq"][keep])
    codes["frames"] = (pdq, rows)
    return {
        "frames.row": rows,
        "frames.at": np.array(frames["at"][keep]),
        "frames.quality": np.array(frames["quality"][keep]),
        "frames.pdq": pdq,
    }


def _index(path: Path, hashes: Array, rows: Array) -> Written:
    """Build and save an index file; it is derived from the columns, which remain the truth."""
    HashIndex.build(hashes, rows.astype(np.int64)).save(path)
    path.chmod(0o600)
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    digest = ""
    for one in sha256_of(path):
        digest = str(one)
    return Written(path.stat().st_size, digest)


def quality_of(raw: int) -> int:
    """Return a stored quality, -1 when the source gave none."""
    return -1 if raw == NO_QUALITY else raw
