"""NCMEC hash sharing v2: XML pages over HTTP Basic. Entries come in no order of time, so only a whole range counts.

Source: the client of package ``threatexchange`` (`exchanges/clients/ncmec/hash_api.py`) and its documentation. Times
are asked for and read in UTC. Hashes cannot be pushed: how to submit them is in no public text.
"""

import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from tocsin.exchange.calling import Caller
from tocsin.exchange.pages import Expired, Mark, Opinion, Page, Refused, Unusable
from tocsin.matching.lists.entry import Entry, Rejected
from tocsin.matching.lists.read_ncmec import read_entry

NAMESPACE = "https://hashsharing.ncmec.org/hashsharing/v2"
PAGE = 1000
LINK_LIVES_S = 12 * 3600
OVERLAP_S = 600
"""Seconds that a range begins before the last one ended: the clocks need not agree."""

BEHIND_S = 5
_MOST_RESTARTS = 2
_MOST_TAGS = 2_000_000
_TIME = "%Y-%m-%dT%H:%M:%SZ"

ENVIRONMENTS: dict[str, tuple[str, str]] = {
    "Industry": ("https://report.cybertip.org/hashsharing", "ncmec"),
    "Industry_Exploitative": ("https://report.cybertip.org/exploitative-hashsharing", "ncmec-exploitative"),
    "LawEnforcement": ("https://lesp.ncmec.org/csam-hashsharing", "ncmec"),
    "NGO": ("https://hashsharing.ncmec.org/npo", "ncmec"),
    "Exploitative": ("https://hashsharing.ncmec.org/exploitative", "ncmec-exploitative"),
    "NGO_Generative_AI": ("https://hashsharing.ncmec.org/generative-ai-csam", "ncmec-generative-ai"),
    "NGO_Generative_AI_Exploitative": (
        "https://hashsharing.ncmec.org/generative-ai-exploitative", "ncmec-generative-ai-exploitative",
    ),
    "test_Industry": ("https://exttest.cybertip.org/hashsharing", "ncmec"),
    "test_Industry_Exploitative": ("https://exttest.cybertip.org/exploitative-hashsharing", "ncmec-exploitative"),
    "test_LawEnforcement": ("https://betalesp.ncmec.org/csam-hashsharing", "ncmec"),
    "test_NGO": ("https://hashsharing-test.ncmec.org/npo", "ncmec"),
    "test_Exploitative": ("https://hashsharing-test.ncmec.org/exploitative", "ncmec-exploitative"),
    "test_NGO_Generative_AI": ("https://hashsharing-test.ncmec.org/generative-ai-csam", "ncmec-generative-ai"),
    "test_NGO_Generative_AI_Exploitative": (
        "https://hashsharing-test.ncmec.org/generative-ai-exploitative", "ncmec-generative-ai-exploitative",
    ),
}  # fmt: skip
"""Environment → (base address, the category scheme of its entries)."""

TYPES = {"md5": "MD5", "sha1": "SHA1", "photodna": "PDNA", "pdq": "PDQ"}
"""Our kinds of hash by the names that feedback uses."""

_TAGS = {"md5": "md5", "sha1": "sha1", "photodna": "pdna", "pdq": "pdq"}


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """One ``queryResult``, checked: rows, and the link of the next page (empty at the end)."""

    rows: Sequence[Entry | Rejected]
    next: str


@dataclass(frozen=True, slots=True)
class Vote:
    """What a member said of one kind of fingerprint of an entry. ``reason``: (guid, name) of a negative one."""

    member: int
    name: str
    kind: str
    good: bool
    at: int
    reason: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Shared:
    """One entry as it is served. ``hashes``: (kind, hex). A deleted one needs only member, id and time."""

    member: int
    member_name: str
    id: str
    at: int
    video: bool = False
    deleted: bool = False
    classification: str = ""
    hashes: Sequence[tuple[str, str]] = ()
    votes: Sequence[Vote] = ()


def moment(seconds: float) -> str:
    """Return a time as the wire writes it, in UTC."""
    return datetime.fromtimestamp(max(0.0, min(seconds, 253402300799.0)), UTC).strftime(_TIME)


def read_moment(text: str) -> int | None:
    """Return Unix seconds of a time on the wire (fractions allowed), or None."""
    try:
        when = datetime.fromisoformat(text.strip())
        return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def read_xml(data: bytes, root: str) -> ET.Element:
    """Return an answer's root element, which must be called ``root``. No DTD or entity is read. Raises Unusable."""
    if data.count(b"<") > _MOST_TAGS:  # the tree of small elements takes fifty times their bytes
        raise Unusable(f"The XML has more than {_MOST_TAGS:,} tags; nothing of it was taken.")
    try:
        held: ET.Element = fromstring(data, forbid_dtd=True)
    except DefusedXmlException as error:
        raise Unusable("The XML declares a DTD or entities, which are never read; nothing of it was taken.") from error
    except (ET.ParseError, UnicodeError, LookupError, ValueError) as error:
        raise Unusable("The answer is not XML, or breaks off; nothing of it was taken.") from error
    if local(held) != root.lower():
        raise Unusable(f"The XML is no <{root}>; nothing of it was taken.")
    return held


def local(element: ET.Element) -> str:
    """Return an element's name without its namespace, in lower case."""
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def parse_page(data: bytes, scheme: str = "ncmec", asked: int = PAGE) -> FetchedPage:
    """Read one ``queryResult``. Raises Unusable unless it is whole."""
    root = read_xml(data, "queryResult")
    rows: list[Entry | Rejected] = []
    link = ""
    for block in root:
        if local(block) == "paging":
            link = next(((one.text or "").strip() for one in block if local(one) == "next"), "")
        elif local(block) in ("images", "videos"):
            count = block.get("count", "")
            if count.isdigit() and len(block) < int(count[:12]) <= asked:
                raise Unusable(f"The page says it has {count} entries and has {len(block)}; nothing of it was taken.")
            for element in block:
                row = read_entry(len(rows) + 1, element)
                if isinstance(row, Entry) and not row.scheme:
                    row.scheme = scheme
                rows.append(row)
    if link and not (link.startswith("/v2/entries?") and len(link) <= 4096):
        raise Unusable("The paging link leads away from the entries; it is not followed and nothing was taken.")
    return FetchedPage(rows, link)


def page_of(images: Sequence[Shared], videos: Sequence[Shared], link: str) -> bytes:
    """Return a ``queryResult``. ``link`` (``/v2/entries?…`` with start, size and max) is empty on the last page."""
    root = ET.Element("queryResult", {"xmlns": NAMESPACE})
    for name, entries in (("image", images), ("video", videos)):
        held = {"count": str(len(entries))}
        if entries:
            held["maxTimestamp"] = moment(max(one.at for one in entries))
        block = ET.SubElement(root, f"{name}s", held)
        for one in entries:
            _element(block, one, name)
    if link:
        ET.SubElement(ET.SubElement(root, "paging"), "next").text = link
    return _document(root)


def _element(block: ET.Element, one: Shared, name: str) -> None:
    element = ET.SubElement(block, f"deleted{name.capitalize()}" if one.deleted else name)
    ET.SubElement(element, "member", {"id": str(one.member)}).text = one.member_name
    if one.deleted:
        ET.SubElement(element, "id").text = one.id
        ET.SubElement(element, "timestamp").text = moment(one.at)
        return
    ET.SubElement(element, "timestamp").text = moment(one.at)
    ET.SubElement(element, "id").text = one.id
    if one.classification:
        ET.SubElement(element, "classification").text = one.classification
    prints = ET.SubElement(element, "fingerprints")
    for kind, value in one.hashes:
        if kind in _TAGS:
            ET.SubElement(prints, _TAGS[kind]).text = value
    if one.votes:
        _votes(element, one.votes)


def _votes(element: ET.Element, votes: Sequence[Vote]) -> None:
    """Write feedback the way its reader expects: under ``reasons``, a reason and its members take turns."""
    last = moment(max(vote.at for vote in votes))
    feedback = ET.SubElement(element, "feedback", {"lastUpdateTimestamp": last})
    for kind, good in sorted({(vote.kind, vote.good) for vote in votes}):
        said = [vote for vote in votes if (vote.kind, vote.good) == (kind, good)]
        held = {"type": kind.capitalize(), "lastUpdateTimestamp": moment(max(vote.at for vote in said))}
        block = ET.SubElement(feedback, "affirmativeFeedback" if good else "negativeFeedback", held)
        if good:
            _members(block, said)
            continue
        reasons = ET.SubElement(block, "reasons")
        for guid, name in sorted({vote.reason for vote in said}):
            ET.SubElement(reasons, "reason", {"guid": guid, "name": name, "type": kind.capitalize()})
            _members(reasons, [vote for vote in said if vote.reason == (guid, name)])


def _members(block: ET.Element, votes: Sequence[Vote]) -> None:
    members = ET.SubElement(block, "members", {"timestamp": moment(max(vote.at for vote in votes))})
    for vote in votes:
        ET.SubElement(members, "member", {"id": str(vote.member)}).text = vote.name


class NCMEC:
    """The service's client for one environment. ``login``: user, password."""

    def __init__(
        self,
        login: Mapping[str, str],
        environment: str = "Industry",
        *,
        only: frozenset[str] = frozenset(),
        negative_reason: str = "",
        transport: httpx.BaseTransport | None = None,
        **calling: Any,
    ) -> None:
        if environment not in ENVIRONMENTS:
            raise Refused(f"There is no NCMEC environment of this name; choose from: {', '.join(ENVIRONMENTS)}.")
        if not login.get("user") or not login.get("password"):
            raise Refused("NCMEC hash sharing needs a user and a password.")
        base, self.scheme = ENVIRONMENTS[environment]
        self._caller = Caller(
            login.get("base_url_override") or base,
            auth=(login["user"], login["password"]),
            transport=transport,
            **calling,
        )
        self._only, self._reason = only, negative_reason
        self._reasons: dict[str, dict[str, str]] = {}

    def pages(self, checkpoint: Mark | None, resume: Mark | None) -> Iterator[Page]:
        """Yield the pages of the range since ``checkpoint``; a paging link older than 12 hours is not used."""
        now = int(time.time())
        since = int(checkpoint["to"]) if checkpoint else 0
        until, link, asked_at = now - BEHIND_S, "", now
        if resume is not None and int(resume["since"]) == since and now - int(resume["at"]) < LINK_LIVES_S:
            until, link, asked_at = int(resume["until"]), str(resume["next"]), int(resume["at"])
        restarts, seen, restart = 0, {link}, resume is not None and not link
        while True:
            try:
                if link:
                    answer = self._caller.get(link, link=True)
                else:
                    begin = max(0, since - OVERLAP_S) if since else 0
                    answer = self._caller.get("/v2/entries", {"from": moment(begin), "to": moment(until)})
            except Expired:
                restarts += 1
                if restarts > _MOST_RESTARTS:
                    raise
                link, seen, restart, asked_at = "", {""}, True, int(time.time())
                until = asked_at - BEHIND_S
                continue
            page = parse_page(answer, self.scheme)
            rows, other = self._chosen(page.rows)
            if not page.next:
                yield Page(rows, checkpoint={"to": until}, full=not since, restart=restart, other=other)
                return
            if page.next in seen:
                raise Unusable("NCMEC gives the same page again and again; the range is not complete.")
            seen.add(link := page.next)
            held = {"since": since, "until": until, "next": link, "at": asked_at}
            yield Page(rows, held, full=not since, restart=restart, other=other)
            restart = False

    def _chosen(self, rows: Sequence[Entry | Rejected]) -> tuple[Sequence[Entry | Rejected], dict[str, int]]:
        """Leave out entries of members that are not wanted."""
        if not self._only:
            return rows, {}
        kept = [row for row in rows if isinstance(row, Rejected) or row.id.partition("-")[0] in self._only]
        return kept, {"of other members": len(rows) - len(kept)} if len(kept) < len(rows) else {}

    def status(self) -> tuple[str, str]:
        """Return the id and name of the member whose login this is. Raises ExchangeError."""
        for one in read_xml(self._caller.get("/v2/status"), "status"):
            if local(one) == "member":
                return one.get("id", ""), (one.text or "").strip()
        raise Unusable("The status names no member.")

    def members(self) -> dict[str, str]:
        """Return the names of all members by their ids. Raises ExchangeError."""
        held = read_xml(self._caller.get("/v2/members"), "members")
        return {one.get("id", ""): (one.text or "").strip() for one in held if local(one) == "member"}

    def reasons(self, kind: str) -> dict[str, str]:
        """Return the reasons (guid → name) that a negative verdict may give. Raises ExchangeError."""
        if kind not in self._reasons:
            held = read_xml(self._caller.get(f"/v2/feedback/{TYPES[kind]}/reasons"), "availableFeedbackReasons")
            found = {one.get("guid", ""): one.get("name", "") for one in held.iter() if local(one) == "reason"}
            self._reasons[kind] = {guid: name for guid, name in found.items() if guid}
        return self._reasons[kind]

    def tell(self, opinion: Opinion) -> bool:
        """Put a verdict on one fingerprint of an entry. A negative one needs its reason where there are several."""
        member, _, entry = opinion.entry.partition("-")
        if opinion.kind not in TYPES or not member.isdigit() or not entry:
            return False
        guid = ""
        if not opinion.good:
            known = self.reasons(opinion.kind)
            by_name = {name: one for one, name in known.items()}
            guid = self._reason if self._reason in known else by_name.get(self._reason, "")
            if not guid and len(known) == 1:
                guid = next(iter(known))
            if not guid:
                named = ", ".join(sorted(by_name)) or "none"
                raise Refused(f"NCMEC wants a reason for a negative verdict; set negative_reason to one of: {named}.")
        path = f"/v2/entries/{quote(member, safe='')}/{quote(entry, safe='')}/{TYPES[opinion.kind]}/feedback"
        self._caller.put(path, feedback_of(guid), "application/xml; charset=utf-8")
        return True

    def close(self) -> None:
        """Let go of connections."""
        self._caller.close()


def feedback_of(negative: str = "") -> bytes:
    """Return a ``feedbackSubmission``: affirmative, or negative for the reason with this guid."""
    root = ET.Element("feedbackSubmission", {"xmlns": NAMESPACE})
    if negative:
        reasons = ET.SubElement(ET.SubElement(root, "negative"), "reasonIds")
        ET.SubElement(reasons, "guid").text = negative
    else:
        ET.SubElement(root, "affirmative")
    held: bytes = ET.tostring(root)
    return held


def read_feedback(data: bytes) -> tuple[bool, list[str]]:
    """Return whether a ``feedbackSubmission`` is affirmative, and the guids of its reasons. Raises Unusable."""
    root = read_xml(data, "feedbackSubmission")
    votes = [local(one) for one in root if local(one) in ("affirmative", "negative")]
    if len(votes) != 1:
        raise Unusable("A feedbackSubmission holds one <affirmative/> or one <negative>.")
    guids = [(one.text or "").strip()[:100] for one in root.iter() if local(one) == "guid"]
    return votes[0] == "affirmative", [guid for guid in guids if guid]


def status_of(address: str, user: str, member: int, name: str) -> bytes:
    """Return a ``status``: who asks, and which member that is."""
    root = ET.Element("status", {"xmlns": NAMESPACE})
    ET.SubElement(root, "ipAddress").text = address
    ET.SubElement(root, "username").text = user
    ET.SubElement(root, "member", {"id": str(member)}).text = name
    return _document(root)


def members_of(members: Sequence[tuple[int, str]]) -> bytes:
    """Return ``members`` of (id, name)."""
    root = ET.Element("members", {"xmlns": NAMESPACE})
    for number, name in members:
        ET.SubElement(root, "member", {"id": str(number)}).text = name
    return _document(root)


def reasons_of(kind: str, reasons: Sequence[tuple[str, str]]) -> bytes:
    """Return ``availableFeedbackReasons`` of (guid, name).

    They stand twice: right below the root, as documented, and once more in an element of the root's name, which is
    where the client of package ``threatexchange`` looks.
    """
    root = ET.Element("availableFeedbackReasons", {"xmlns": NAMESPACE})
    for at in (root, ET.Element("availableFeedbackReasons")):
        for guid, name in reasons:
            ET.SubElement(at, "reason", {"guid": guid, "name": name, "type": kind})
        if at is not root:
            root.append(at)
    return _document(root)


def _document(root: ET.Element) -> bytes:
    text: bytes = ET.tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + text
