"""How calls on the hot path are read and answered: plain query values in, compact JSON out."""

import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from tocsin.gateway.refusals import Refused

NOT_COMPARABLE: Final = "X-Tocsin-Not-Comparable"
"""The header that says which signals of a content could not be compared, and why, where the body has no place."""

FINDINGS: Final = "X-Tocsin-Findings"
"""The header with the ids of the findings that a lookup recorded; a report can be asked for by them."""

NOT_RECORDED: Final = "X-Tocsin-Not-Recorded"
"""The header that says why what matched is not recorded, though the gateway is enrolled."""

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off", ""})
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def answered(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON answer."""
    body = _ENCODER.encode(value).encode("utf-8", "replace")
    return Response(body, status, headers, "application/json")


def flag(request: Request, name: str) -> bool:
    """Return a yes or no of the query. Raises Refused (400)."""
    text = request.query_params.get(name, "").lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise Refused(400, f"{name} must be true or false.")


def names(request: Request, name: str) -> tuple[str, ...] | None:
    """Return names joined by commas, or None where the query has none."""
    text = request.query_params.get(name)
    if text is None or not text.strip():
        return None
    return tuple(one for part in text.split(",") if (one := part.strip()))


def whole(request: Request, name: str, low: int, high: int) -> int | None:
    """Return a whole number of the query, or None. Raises Refused (400)."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or not low <= int(text[:9]) <= high:
        raise Refused(400, f"{name} must be a whole number from {low} to {high}.")
    return int(text)


def comparing(unexamined: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the header for signals that could not be compared, or only in part; none where there are none."""
    if not unexamined:
        return {}
    told = [
        f"{name}; reason={why['reason']}" + ("; partly" if why.get("partly") else "")
        for name, why in unexamined.items()
    ]
    return {NOT_COMPARABLE: ", ".join(told)}


def naming(findings: list[str] | str) -> dict[str, str]:
    """Return the header that names what was recorded, or none; or the one that says why nothing was."""
    if isinstance(findings, str):
        return {NOT_RECORDED: findings}
    return {FINDINGS: ", ".join(findings)} if findings else {}
