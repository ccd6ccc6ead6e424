"""How matches with hash lists group and add up in an alert: one alert a list and device, each entry in it once."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from tocsin.model.media import RANK

MOST_KEPT: Final = 200
"""Entries that one alert names; its findings name the rest."""


def group(device_id: str, matches: Sequence[Mapping[str, Any]]) -> str:
    """Return the part of an alert's key that keeps what one list matched on one device together; "" without matches.

    A folder of listed pictures is one alert for a person to decide on, not hundreds.
    """
    if not matches:
        return ""
    name = str(matches[0]["list"])
    return f"{device_id[:32]}|list:{sha256(name.encode()).hexdigest()[:16]}"


def merge(old: Iterable[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each entry of each list once, in the order first seen, with the surest way in which it was found.

    ``also`` names the other ways in which it was found, each with its least distance. ``new`` are the matches of one
    picture, video or file: ``thing`` is the same number for all that were found of one, here or on another list.
    """
    kept: dict[tuple[str, str], dict[str, Any]] = {}
    for match in old:
        kept[(match["list"], match["entry"])] = {"thing": len(kept), **match}
    told = [(match["list"], match["entry"]) for match in new]
    same = {kept[key]["thing"] for key in told if key in kept}
    thing = min(same) if same else 1 + max((match["thing"] for match in kept.values()), default=-1)
    for match in kept.values():
        if match["thing"] in same:
            match["thing"] = thing
    for key, match in zip(told, new, strict=True):
        kept[key] = (_joined(kept[key], match) if key in kept else dict(match)) | {"thing": thing}
    return list(kept.values())[:MOST_KEPT]


def _joined(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return two findings of one entry as one."""
    best = min(one, other, key=_rank)
    ways: dict[str, dict[str, Any]] = {}
    for way in sorted((one, other, *one.get("also", ()), *other.get("also", ())), key=_rank):
        ways.setdefault(way["by"], {"by": way["by"], "distance": way["distance"]})
    ways.pop(best["by"])
    return {name: value for name, value in best.items() if name != "also"} | (
        {"also": [*ways.values()]} if ways else {}
    )


def shared(old: Iterable[Mapping[str, Any]], new: Iterable[Mapping[str, Any]]) -> bool:
    """Say whether some entry of some list is in both."""
    return bool({(m["list"], m["entry"]) for m in old} & {(m["list"], m["entry"]) for m in new})


def _rank(match: Mapping[str, Any]) -> tuple[int, int]:
    return RANK[match["by"]], match["distance"]
