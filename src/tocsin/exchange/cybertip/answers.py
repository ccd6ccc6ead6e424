"""What the CyberTipline answers, and what each answer means for what to do next (sections 2 and 3 of the reference)."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lxml import etree

from tocsin.exchange.cybertip.schema import hardened_parser

LARGEST: Final = 256 * 1024
OK: Final = 0
NO_SUCH_REPORT: Final = 5001
ALREADY_RETRACTED: Final = 5101
ALREADY_FINISHED: Final = 5102

MEANINGS: Final = {
    0: "accepted",
    1000: "an error of the service's own",
    1100: "the service could not save it",
    1111: "the service could not take the file",
    2000: "the credentials were not accepted",
    3000: "not allowed",
    3100: "this account may not submit reports",
    4100: "the report does not fit the schema",
    4110: "the XML is malformed",
    5001: "there is no such report there (any more)",
    5101: "the report was retracted before",
    5102: "the report was finished before",
}
"""What each known code says, for people."""

_SALVAGE = re.compile(rb"<reportId>\s*([0-9]{1,18})\s*</reportId>")


class Outcome(StrEnum):
    """What a call came to.

    ``done``: it took effect · ``again``: it had no effect and may be repeated later · ``unsent``: nothing left this
    machine · ``unknown``: it may or may not have taken effect · ``person``: the service refused it for good.
    """

    DONE = "done"
    AGAIN = "again"
    UNSENT = "unsent"
    UNKNOWN = "unknown"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer, or that there was none. ``code`` is NCMEC's, -1 where it sent none; ``request_id`` names it there."""

    outcome: Outcome
    code: int = -1
    description: str = ""
    report_id: int | None = None
    file_id: str = ""
    md5: str = ""
    file_ids: tuple[str, ...] = ()
    status: int = 0
    request_id: str = ""

    @property
    def sentence(self) -> str:
        """Code and meaning, for a person. No data of the report is in it."""
        if self.code >= 0:
            said = f": {self.description}" if self.description else ""
            return f"Code {self.code}, {MEANINGS.get(self.code, 'of a meaning not known here')}{said}"[:500]
        if self.status:
            return f"HTTP {self.status} without a code that can be read. {self.description}".strip()[:500]
        return self.description[:500] or "No answer came."


def read(status: int, body: bytes, request_id: str = "") -> Answer:
    """Read an answer that arrived whole.

    An HTTP error without a code of theirs says little. 503 and 429 turn a call away before anything is done; any other
    5xx may come after the work was, or from a go-between that does not know: as unknown as no answer.
    """
    seen = _parse(body)
    if seen is None:
        return Answer(
            outcome=_without_code(status),
            status=status,
            request_id=request_id,
            description="" if not body else "The answer could not be read.",
            report_id=salvaged(body),
        )
    code, fields = seen
    return Answer(
        outcome=outcome_of(code),
        code=code,
        description=_clean(fields.get("responseDescription", [""])[0]),
        report_id=_whole(fields.get("reportId", [""])[0]),
        file_id=fields.get("fileId", [""])[0][:200],
        md5=fields.get("hash", [""])[0].lower()[:64],
        file_ids=tuple(each[:200] for each in fields.get("fileId", [])),
        status=status,
        request_id=request_id,
    )


def outcome_of(code: int) -> Outcome:
    """Return what a response code means. One that is not known is a permanent failure that needs a person."""
    if code == OK:
        return Outcome.DONE
    return Outcome.AGAIN if code in (1000, 1100, 1111) else Outcome.PERSON


def salvaged(body: bytes) -> int | None:
    """Return the report id in an answer that was cut off: a hint for the person who decides, never acted on."""
    found = _SALVAGE.search(body)
    return int(found[1]) if found else None


def _without_code(status: int) -> Outcome:
    if status in (429, 503):
        return Outcome.AGAIN
    return Outcome.PERSON if 400 <= status < 500 else Outcome.UNKNOWN


def _parse(body: bytes) -> tuple[int, dict[str, list[str]]] | None:
    """Return code and fields of a reportResponse or reportDoneResponse; None for anything else."""
    if not body or len(body) > LARGEST:
        return None
    try:
        root = etree.fromstring(body, hardened_parser())
    except (etree.XMLSyntaxError, ValueError):
        return None
    if root.getroottree().docinfo.doctype or etree.QName(root).localname not in (
        "reportResponse",
        "reportDoneResponse",
    ):
        return None
    fields: dict[str, list[str]] = {}
    for node in root.iter():
        if isinstance(node.tag, str):
            fields.setdefault(etree.QName(node).localname, []).append((node.text or "").strip())
    try:
        return int(fields["responseCode"][0][:10]), fields
    except (KeyError, ValueError):
        return None


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _clean(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)[:400]
