"""Which of several rows about the same thing stands: the newer one, and a tombstone until something newer comes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.matching.lists.collecting import REPLACED
from tocsin.matching.lists.entry import Status

GONE = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Resolved:
    """``status`` per row (REPLACED for those that fell to another); ``goes_to`` the row its hashes belong to, or GONE.

    ``merged`` counts the rows that joined another one.
    """

    status: npt.NDArray[np.uint8]
    goes_to: npt.NDArray[np.uint32]
    merged: int


def prevails(status: int, updated: int, held_status: int, held_updated: int, ordered: bool = False) -> bool:
    """Tell whether a row that comes later replaces one that is held already.

    Dates decide where both have one; without, the later row. A tombstone yields only to a row that says it is newer.
    ``ordered`` rows come from the source itself in the order they happened: a withdrawal then holds whatever its date,
    and an entry that returns in the second of its withdrawal, or without a date, returns.
    """
    if ordered and status != Status.ACTIVE:
        return True
    if not ordered and held_status != Status.ACTIVE and status == Status.ACTIVE:
        return updated > held_updated
    return not updated or not held_updated or updated >= held_updated


def resolve(rows: npt.NDArray[Any], ordered: bool = False) -> Resolved:
    """Join the rows of one import that have the same key; hashes of active rows unite under the one that stands.

    Of ``ordered`` rows the last stands alone: what a source says of an entry replaces what it said before.
    """
    status = np.array(rows["status"])
    goes_to = np.arange(len(rows), dtype=np.uint32)
    goes_to[status != Status.ACTIVE] = GONE
    high = np.ascontiguousarray(rows["key"][:, 0])
    order = np.argsort(high, kind="stable")
    sorted_high = high[order]
    repeated = np.flatnonzero(sorted_high[1:] == sorted_high[:-1]) + 1
    del high, sorted_high
    if not repeated.size:
        return Resolved(status, goes_to, 0)
    merged = 0
    breaks = np.flatnonzero(np.diff(repeated) != 1) + 1
    for run in np.split(repeated, breaks):
        group = order[run[0] - 1 : run[-1] + 1].tolist()
        by_key: dict[int, list[int]] = {}
        for row in group:
            by_key.setdefault(int(rows["key"][row, 1]), []).append(row)
        for same in by_key.values():
            if len(same) > 1:
                merged += len(same) - 1
                _join(same, rows, status, goes_to, ordered)
    return Resolved(status, goes_to, merged)


def _join(
    same: list[int],
    rows: npt.NDArray[Any],
    status: npt.NDArray[np.uint8],
    goes_to: npt.NDArray[np.uint32],
    ordered: bool,
) -> None:
    """Settle one group of rows with the same key, in the order they came."""
    stands = same[0]
    united = [stands]
    for row in same[1:]:
        now, held = rows[row], rows[stands]
        states = (int(now["status"]), int(now["updated"]), int(held["status"]), int(held["updated"]))
        if not prevails(*states, ordered):
            status[row], goes_to[row] = REPLACED, GONE
            continue
        status[stands] = REPLACED
        both = now["status"] == Status.ACTIVE and held["status"] == Status.ACTIVE
        if ordered or not both:
            goes_to[united] = GONE
            united = []
        united.append(row)
        stands = row
    goes_to[united] = stands if rows["status"][stands] == Status.ACTIVE else GONE
