"""StopNCII v1: hashes that people submitted of pictures of themselves; a withdrawn one must vanish at once.

Source: the client of package ``threatexchange`` (`exchanges/clients/stopncii/api.py`), and what it gets wrong: it never
removes a withdrawn hash (it compares the hash with the states), writes signal types as ``StopNCIISignalType.ImagePDQ``
and gives a page up over ``"tags": null``.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from tocsin.exchange.calling import Caller
from tocsin.exchange.pages import Expired, Mark, Opinion, Outgoing, Page, Receipt, Refused, Unusable, counted
from tocsin.matching.lists.entry import BadRow, Entry, Rejected, Status, hash_key, read_hash, shortened

BASE = "https://api.stopncii.org/v1"
FIRST = 10
"""The start value of a first fetch: 10, not 0."""

PAGE = 800
STALE_S = 30 * 86_400
SIGNALS = {"ImagePDQ": "pdq", "VideoMD5": "md5"}
"""Signal types that are matched, and the kind of hash each is."""

_WIRE = {kind: name for name, kind in SIGNALS.items()}
OTHERS = ("VideoTMK", "Text", "URL", "Unknown")
FEEDBACK = ("None", "QualityUnknown", "PendingReview", "Blocked", "NotBlocked", "Withdrawn", "Deleted")
_STATES = {"received": 0, "active": 0, "withdrawn": 1, "deleted": 2}
_MOST_RESTARTS = 2


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """One answer of FetchHashes, checked: rows, the token of the next page (empty at the end), the next start."""

    rows: Sequence[Entry | Rejected]
    token: str
    next_start: int
    other: Mapping[str, int]


def signal_type(text: object) -> str:
    """Return a signal type as the wire spells it, whichever of the two spellings it came in. Raises BadRow."""
    name = text.rpartition(".")[2].strip() if isinstance(text, str) else ""
    if name not in SIGNALS and name not in OTHERS:
        raise BadRow(f"unknown signalType {shortened(text, 40)!r}")
    return name


def parse_page(data: bytes, asked: int = PAGE) -> FetchedPage:
    """Read an answer of FetchHashes to a question for ``asked`` records. Raises Unusable unless it is whole."""
    try:
        held = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Unusable("The page is not JSON, or breaks off; nothing of it was taken.") from error
    if not isinstance(held, dict):
        raise Unusable("The page is not what FetchHashes answers; nothing of it was taken.")
    records, more, token = held.get("hashRecords"), held.get("hasMoreRecords"), held.get("nextPageToken")
    if records is None and held.get("count") == 0:
        records = []
    if not isinstance(records, list) or not isinstance(more, bool):
        raise Unusable("The page lacks hashRecords or hasMoreRecords; nothing of it was taken.")
    count, start = counted(held.get("count")), counted(held.get("nextSetTimestamp"))
    if count is not None and len(records) < count <= asked:
        raise Unusable(f"The page says it has {count:,} records and has {len(records):,}; nothing of it was taken.")
    if more and (not isinstance(token, str) or not token or len(token) > 4096):
        raise Unusable("The page says there are more records and gives no way to them; nothing of it was taken.")
    if not more and start is None:
        raise Unusable("The last page lacks nextSetTimestamp; nothing of it was taken.")
    rows: list[Entry | Rejected] = []
    other: dict[str, int] = {}
    for number, record in enumerate(records, 1):
        row = read_record(record, number)
        if isinstance(row, str):
            other[row] = other.get(row, 0) + 1
        else:
            rows.append(row)
    return FetchedPage(rows, str(token) if more else "", start or 0, other)


def read_record(record: Any, number: int = 0) -> Entry | Rejected | str:
    """Return the entry a record is, why it is left out, or the name of its type when that is not matched here."""
    if not isinstance(record, Mapping):
        return Rejected(number, "not an object with fields", shortened(record))
    try:
        name = signal_type(record.get("signalType"))
        if name not in SIGNALS:
            return name
        kind, value = SIGNALS[name], record.get("hashValue")
        if not isinstance(value, str):
            raise BadRow("no hashValue")
        one = (kind, read_hash(kind, value))
        status = _status(record)
        updated = counted(record.get("lastModtimestamp"))
        if updated is None and status == Status.ACTIVE:
            raise BadRow("lastModtimestamp is no time in seconds")
        kept: dict[str, Any] = {key: held for key, held in record.items() if key not in ("hashValue", "signalType")}
        return Entry(
            number,
            [one] if status == Status.ACTIVE else [],
            key=hash_key([one]),
            status=status,
            updated=updated or 0,
            classification=str(record.get("hashStatus", ""))[:40],
            scheme="stopncii",
            source="StopNCII",
            extra={"media": "video" if kind == "md5" else "image", "raw": kept} if status == Status.ACTIVE else None,
        )
    except BadRow as reason:
        return Rejected(number, str(reason), shortened(record))


def _status(record: Mapping[str, Any]) -> Status:
    """Withdrawn when the record says so, or when every case behind it was withdrawn or deleted."""
    cases = record.get("caseNumbers")
    states = [str(state).lower() for state in cases.values()] if isinstance(cases, Mapping) else []
    if states and all(_STATES.get(state, 0) for state in states):
        return Status(max(_STATES[state] for state in states))
    word = record.get("hashStatus")
    if not isinstance(word, str) or word.lower() not in _STATES:
        raise BadRow(f"unknown hashStatus {shortened(word, 40)!r}")
    return Status(_STATES[word.lower()])


def record_of(
    signal: str, value: str, status: str, changed: int, feedback: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Return one record as FetchHashes sends it. ``tags`` is always a list: null makes clients give up."""
    return {
        "lastModtimestamp": changed,
        "signalType": signal,
        "hashValue": value,
        "hashStatus": status,
        "caseNumbers": {},
        "CSPFeedbacks": [
            {
                "source": str(one.get("source", "")),
                "feedbackValue": str(one.get("value", "None")),
                "tags": [str(tag) for tag in one.get("tags") or ()],
            }
            for one in feedback
        ],
    }


def page_of(records: Sequence[Mapping[str, Any]], token: str, next_start: int) -> dict[str, Any]:
    """Return an answer of FetchHashes. ``token`` is empty on the last page."""
    return {
        "count": len(records),
        "nextPageToken": token or None,
        "nextSetTimestamp": next_start,
        "hasMoreRecords": bool(token),
        "hashRecords": list(records),
    }


def _receipts(answer: bytes, many: int) -> list[Receipt]:
    """Return a receipt for each record: taken, unless the answer names it among those left out (Tocsin's do)."""
    receipts = [Receipt(True)] * many
    try:
        held = json.loads(answer)
    except (ValueError, RecursionError):
        return receipts
    for one in (held.get("rejected") if isinstance(held, dict) else None) or ():
        number = one.get("record") if isinstance(one, dict) else None
        if isinstance(number, int) and 1 <= number <= many:
            receipts[number - 1] = Receipt(False, reason=shortened(one.get("reason", ""), 200))
    return receipts


class StopNCII:
    """The service's client. ``keys``: fetch_function_key, subscription_key, and for pushing the keys of their own."""

    most = 500
    repeatable = True

    def __init__(
        self,
        keys: Mapping[str, str],
        *,
        transport: httpx.BaseTransport | None = None,
        page: int = PAGE,
        **calling: Any,
    ) -> None:
        if not keys.get("fetch_function_key") or not keys.get("subscription_key"):
            raise Refused("StopNCII needs a fetch_function_key and a subscription_key.")
        self._keys, self._page = keys, page
        base = keys.get("base_url_override") or BASE
        subscription = {"Ocp-Apim-Subscription-Key": keys["subscription_key"]}
        self._callers = {
            call: Caller(base, headers={"x-functions-key": key, **subscription}, transport=transport, **calling)
            for call, key in (
                ("FetchHashes", keys["fetch_function_key"]),
                ("SubmitFeedback", keys.get("feedback_function_key", "")),
                ("SubmitHashes", keys.get("submit_function_key", "")),
            )
            if key
        }

    def pages(self, checkpoint: Mark | None, resume: Mark | None) -> Iterator[Page]:
        """Yield the pages since ``checkpoint``. One older than 30 days is not used: everything is read anew."""
        now = int(time.time())
        usable = checkpoint is not None and now - int(checkpoint["fetched"]) <= STALE_S
        since = int(checkpoint["since"]) if checkpoint is not None and usable else FIRST
        full, token = since <= FIRST, ""
        if resume is not None and int(resume["since"]) == since:
            token = str(resume["token"])
        restarts, seen, restart = 0, {token}, resume is not None and not token
        while True:
            asked: dict[str, Any] = {"startTimestamp": since, "pageSize": self._page}
            try:
                answer = self._callers["FetchHashes"].get(
                    "/FetchHashes", asked | ({"nextPageToken": token} if token else {}), link=bool(token)
                )
            except Expired:
                restarts += 1
                if restarts > _MOST_RESTARTS:
                    raise
                token, seen, restart = "", {""}, True
                continue
            page = parse_page(answer, self._page)
            if not page.token:
                done = {"since": max(FIRST + 1, min(page.next_start, now)), "fetched": now}
                yield Page(page.rows, checkpoint=done, full=full, restart=restart, other=page.other)
                return
            if page.token in seen:
                raise Unusable("StopNCII gives the same page again and again; the range is not complete.")
            seen.add(token := page.token)
            yield Page(page.rows, {"since": since, "token": token}, full=full, restart=restart, other=page.other)
            restart = False

    def tell(self, opinion: Opinion) -> bool:
        """Send a verdict: Blocked for a true match, NotBlocked for a false one."""
        return self.submit_feedback([(opinion.value, "Blocked" if opinion.good else "NotBlocked", ())])

    def submit_feedback(self, said: Sequence[tuple[str, str, Sequence[str]]]) -> bool:
        """Send (hash, feedback value, tags). False when there is no key for it. Raises ExchangeError."""
        return self._feedback(said) is not None

    def _feedback(self, said: Sequence[tuple[str, str, Sequence[str]]]) -> bytes | None:
        caller = self._callers.get("SubmitFeedback")
        if caller is None:
            return None
        rows = [{"hashValue": value, "tags": list(tags), "feedbackValue": what} for value, what, tags in said]
        return caller.post("/SubmitFeedback", json={"count": len(rows), "hashFeedbacks": rows})

    def give(self, hashes: Sequence[Outgoing], tags: Sequence[str]) -> Sequence[Receipt]:
        """Send hashes as content that was blocked here. Raises ExchangeError."""
        answer = self._submit([(_WIRE[one.kind], one.value, "Blocked", tags) for one in hashes])
        if answer is None:
            raise Refused("StopNCII takes hashes only with a submit_function_key; set it with the other credentials.")
        return _receipts(answer, len(hashes))

    def find(self, one: Outgoing) -> str:
        """Return nothing: hashes have no names of their own here."""
        return ""

    def take_back(self, hashes: Sequence[Outgoing]) -> Sequence[Receipt]:
        """Tell that hashes are withdrawn. Raises ExchangeError."""
        answer = self._feedback([(one.value, "Withdrawn", ()) for one in hashes])
        if answer is None:
            raise Refused("StopNCII hears of withdrawals only with a feedback_function_key; set it too.")
        return _receipts(answer, len(hashes))

    def submit_hashes(self, hashes: Sequence[tuple[str, str, str, Sequence[str]]]) -> bool:
        """Send (signal type, hash, feedback value, tags). False when there is no key for it. Raises ExchangeError."""
        return self._submit(hashes) is not None

    def _submit(self, hashes: Sequence[tuple[str, str, str, Sequence[str]]]) -> bytes | None:
        caller = self._callers.get("SubmitHashes")
        if caller is None:
            return None
        now = int(time.time())
        rows = [
            {
                "lastModtimestamp": now,
                "signalType": signal,
                "hashValue": value,
                "CSPFeedbacks": [{"tags": list(tags), "feedbackValue": what}],
            }
            for signal, value, what, tags in hashes
        ]
        return caller.post("/SubmitHashes", json={"count": len(rows), "hashRecords": rows})

    def close(self) -> None:
        """Let go of connections."""
        for caller in self._callers.values():
            caller.close()
