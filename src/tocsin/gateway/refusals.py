"""Refusal: the gateway says no, with a status and a sentence, in the shape that HMA's clients read."""


class Refused(RuntimeError):  # noqa: N818 - it is no fault of the gateway's
    """Something asked of the gateway is refused; the message is a sentence for the person who asked."""

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers or {}

    def as_dict(self) -> dict[str, str]:
        """Return the body every refused call carries."""
        return {"message": str(self)}
