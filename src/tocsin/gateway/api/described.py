"""What OpenAPI is told of calls whose parameters are read by hand, for speed."""

from typing import Any, Final


def query(name: str, what: str, *, required: bool = False) -> dict[str, Any]:
    """Describe a parameter of the query."""
    return {"name": name, "in": "query", "required": required, "description": what, "schema": {"type": "string"}}


def described(answer: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    """Describe a call that answers JSON."""
    error = {"description": "Refused", "content": {"application/json": {"schema": _ERROR}}}
    good = {"description": answer, "content": {"application/json": {"schema": {"type": "object"}}}}
    statuses = ("400", "401", "403", "404", "413", "429", "502", "503", "504")
    return {"parameters": list(parameters), "responses": {"200": good} | dict.fromkeys(statuses, error)}


_ERROR = {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}

_FORM = {
    "type": "object",
    "properties": {"photo": {"type": "string", "format": "binary"}, "video": {"type": "string", "format": "binary"}},
}

MULTIPART: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}
}
"""A form with exactly one file, in a field named for what it is."""
