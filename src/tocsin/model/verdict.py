"""Verdict of a finding under an order, and the one a reviewer gives. The software never says that someone breached."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """What the software may say of a finding under a clause. On screen: "bears on clause 3, for review"."""

    BREACH_INDICATED = "breach-indicated"
    COMPATIBLE = "compatible"
    NOT_OBSERVED = "not-observed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A finding held against one clause of the order.

    ``clause`` is the clause's number as the order prints it, ``condition`` its C-code (conditions.md §2) or
    ``custom``; ``coverage`` the share of the window really observed, 0 to 1; ``exceptions`` the verbatim
    exceptions that a person must weigh; ``method`` names detector and version.
    """

    rule: str
    clause: str
    condition: str
    status: Status
    method: str
    coverage: float = 1.0
    exceptions: tuple[str, ...] = ()


class ReviewVerdict(StrEnum):
    """What a person decides on closing an alert (categories.md §5)."""

    TRUE_CONCERN = "true-concern"
    TRUE_BUT_KNOWN = "true-but-known"
    BENIGN = "benign"
    DETECTOR_ERROR = "detector-error"
    CANNOT_TELL = "cannot-tell"

    @property
    def is_true(self) -> bool | None:
        """True, false, or None where the reviewer could not tell."""
        if self is ReviewVerdict.CANNOT_TELL:
            return None
        return self in (ReviewVerdict.TRUE_CONCERN, ReviewVerdict.TRUE_BUT_KNOWN)
