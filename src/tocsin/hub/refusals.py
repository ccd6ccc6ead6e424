"""Refusal: the hub says no, with a status, a code for programs and a sentence for the person who meets it."""

from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

RESPONSE: Final[dict[str, Any]] = {
    "description": "Refused: a word for programs, and a sentence for the person who asked.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["error", "sentence"],
                "properties": {"error": {"type": "string"}, "sentence": {"type": "string"}},
            }
        }
    },
}
"""A refusal, as the API describes it."""

UNSTORABLE: Final = "Something in this cannot be stored: a number out of bounds, or a character with the code 0."
"""What is said of values that the database refuses."""


class Refused(RuntimeError):  # noqa: N818 - it is no fault of the hub's
    """Something asked of the hub is refused; the message is a sentence for the person who asked.

    ``status`` is the HTTP status it becomes, ``code`` the word a program can test.
    """

    def __init__(self, status: int, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code

    def as_dict(self) -> dict[str, str]:
        """Return the body every refused API call carries."""
        return {"error": self.code, "sentence": str(self)}


def not_found(what: str) -> Refused:
    """Return the same refusal for what does not exist and for what this person may not see."""
    return Refused(404, "not-found", f"There is no such {what}, or it is not your unit's.")


def install(app: FastAPI) -> None:
    """Answer every Refused with its status and ``{"error", "sentence"}``."""

    async def answer(_: Request, refused: Exception) -> Response:
        assert isinstance(refused, Refused)
        return JSONResponse(refused.as_dict(), refused.status)

    app.add_exception_handler(Refused, answer)
