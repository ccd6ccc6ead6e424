"""Asking the hub's hash lists: fingerprints go up, what they match comes down, in one round trip.

Only fingerprints travel: digests and perceptual hashes, under numbers that mean nothing outside the one question. No
name, no place, no picture.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from tocsin.evidence.keys import DeviceKey
from tocsin.model import Fingerprints, Match, Rect
from tocsin.placement import wire

PATH = "/api/v1/match"
MAX_ITEMS = 256
MAX_BYTES = 900_000
MAX_HASHES = 16_000
"""Most items, bytes of JSON, and hashes of all items together, in one question; the hub takes a little more."""
_MAX_ANSWER = 8 << 20
_MAX_MATCHES = 1000
_MAX_FRAMES = 4000
_TEXT = 400


class MatchError(RuntimeError):
    """The hub gave no answer that counts. ``code``: unreachable, busy, absent, removed or refused; a sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class Answers:
    """What the lists said: how many lists and entries there are, which state of them answered (``version``), and the
    matches of each item in the order asked. ``missed`` lists could not be searched: what matches nothing may be on
    those."""

    lists: int
    entries: int
    version: str
    matches: tuple[tuple[Match, ...], ...]
    missed: int = 0


def written(prints: Fingerprints) -> bytes:
    """Return fingerprints as they are sent; the frames of a very long video are thinned out evenly."""
    raw = prints.as_dict()
    frames = raw.get("frames", ())
    if len(frames) > _MAX_FRAMES:
        raw["frames"] = frames[:: -(-len(frames) // _MAX_FRAMES)]
    return json.dumps(raw, separators=(",", ":")).encode()


def ask(client: httpx.Client, key: DeviceKey, device: str, items: Sequence[bytes]) -> Answers:
    """Ask the hub about fingerprints (:func:`written`). Raises MatchError."""
    body = b",".join(b'{"id":"%d","prints":%s}' % (number, item) for number, item in enumerate(items))
    body = b'{"items":[' + body + b"]}"
    headers = wire.signed_headers(key, device, PATH, body) | {"content-type": "application/json"}
    try:
        response = client.post(PATH, content=body, headers=headers)
        status, size = response.status_code, len(response.content)
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError) as problem:
        raise MatchError("unreachable", f"The hub cannot be reached: {problem or type(problem).__name__}.") from problem
    if status != 200:
        raise MatchError(_code(status), wire.sentence_of(response) or f"The hub answered {status}.")
    if size > _MAX_ANSWER:
        raise MatchError("unreachable", "The hub's answer is far too long.")
    try:
        return _answers(wire.object_of(response), len(items))
    except (KeyError, TypeError, ValueError) as problem:
        raise MatchError("unreachable", f"The hub's answer cannot be read: {problem}.") from problem


def _code(status: int) -> str:
    match status:
        case 400 | 413 | 415 | 422:
            return "refused"
        case 403:
            return "removed"
        case 404 | 405:
            return "absent"
        case 429 | 503:
            return "busy"
        case _:
            return "unreachable"


def _answers(raw: dict[str, Any], asked: int) -> Answers:
    lists, answers = raw["lists"], raw["answers"]
    if not isinstance(answers, list) or len(answers) != asked:
        raise ValueError(f"it answers {len(answers)} of {asked} questions")
    found = []
    for number, answer in enumerate(answers):
        if str(answer["id"]) != str(number):
            raise ValueError("its answers are in another order")
        found.append(tuple(match_of(match) for match in answer["matches"][:_MAX_MATCHES]))
    missed, version = max(0, int(lists.get("missed", 0))), str(lists["version"])[:_TEXT]
    if missed:
        version = f"{version} without {missed}"  # once mended they answer under another name, and are asked again
    return Answers(int(lists["count"]), int(lists["entries"]), version, tuple(found), missed)


def match_of(raw: dict[str, Any]) -> Match:
    """Read one match. Raises KeyError, TypeError or ValueError."""
    shares, part = raw.get("shares"), raw.get("region")
    return Match(
        list=str(raw["list"])[:_TEXT],
        entry=str(raw["entry"])[:_TEXT],
        by=str(raw["by"])[:40],
        distance=int(raw["distance"]),
        severity=int(raw.get("severity", 4)),
        scheme=str(raw.get("scheme", ""))[:_TEXT],
        category=str(raw.get("category", ""))[:_TEXT],
        source=str(raw.get("source", ""))[:_TEXT],
        negative=raw.get("negative", False) is True,
        turn=int(raw.get("turn", 0)),
        stripped=raw.get("stripped", False) is True,
        shares=(float(shares[0]), float(shares[1])) if shares else None,
        region=Rect(*(int(part[name]) for name in ("x", "y", "w", "h"))) if part else None,
    )
