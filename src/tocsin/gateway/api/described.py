"""What OpenAPI is told of calls whose parameters are read by hand, for speed."""

from typing import Any, Final


def query(name: str, what: str, *, required: bool = False) -> dict[str, Any]:
    """Describe a parameter of the query."""
    return {"name": name, "in": "query", "required": required, "description": what, "schema": {"type": "string"}}


def described(answer: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    """Describe a call that answers JSON."""
    good = {"description": answer, "content": {"application/json": {"schema": {"type": "object"}}}}
    return {"parameters": list(parameters), "responses": {"200": good}}


_ERROR = {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}

REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"description": said, "content": {"application/json": {"schema": _ERROR}}}
    for status, said in {
        400: "What was sent cannot be used",
        401: "No good key",
        403: "The key is not good for this, or what is asked is not to be changed here",
        404: "There is nothing by this name",
        405: "There is no such method here",
        408: "The body came too slowly",
        409: "What is asked does not go with how things stand",
        413: "Too large",
        422: "A field is missing or out of bounds",
        429: "The key is at its rate",
        500: "A fault of the gateway's own",
        502: "The other server did not answer as it should",
        503: "Not at this moment",
        504: "The other server took too long",
    }.items()
}
"""Refusals that any call may meet, each with a sentence."""

_FORM = {
    "type": "object",
    "properties": {"photo": {"type": "string", "format": "binary"}, "video": {"type": "string", "format": "binary"}},
}

MULTIPART: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}
}
"""A form with exactly one file, in a field named for what it is."""
