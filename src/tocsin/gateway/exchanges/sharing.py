"""What a partner is answered, in StopNCII's words and in NCMEC's: pages of a range that stays as it began."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from tocsin.exchange import ncmec, stopncii
from tocsin.exchange.pages import Unusable
from tocsin.gateway.exchanges.ledger import Ledger, Scope, SharedEntry
from tocsin.gateway.exchanges.partners import Partners, Reader
from tocsin.gateway.exchanges.secret import GatewaySecret
from tocsin.gateway.refusals import Refused
from tocsin.matching.lists import Entry, Rejected, Status, add
from tocsin.matching.lists.entry import BadRow, read_hash, shortened

_log = logging.getLogger(__name__)

TOKEN_LIVES_S: Final = 12 * 3600
MOST_PAGE: Final = 5000
MOST_SUBMITTED: Final = 10_000
ZONES_S: Final = 14 * 3600
"""How far a client's clock may be off: some write local time and call it UTC."""

WIRE: Final = {"pdq": "ImagePDQ", "md5": "VideoMD5"}
TAKEN_BACK: Final = ("Withdrawn", "Deleted")
REASONS: Final = (
    ("2c1f0a3e-6a55-4b6e-9a53-000000000001", "Not what the list is about"),
    ("2c1f0a3e-6a55-4b6e-9a53-000000000002", "Matches too much: the hash is too plain"),
    ("2c1f0a3e-6a55-4b6e-9a53-000000000003", "Known to be lawful"),
)
"""Why a partner may disagree: (guid, name)."""


class Sharing:
    """Answers partners. ``inbox_of`` returns the folder of the bank that takes what is submitted."""

    def __init__(
        self,
        ledger: Ledger,
        partners: Partners,
        secret: GatewaySecret,
        inbox_of: Callable[[str], Path],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._ledger, self._partners, self._secret = ledger, partners, secret
        self._inbox_of, self._now = inbox_of, now
        self._writing = threading.Lock()

    def fetch_hashes(self, reader: Reader, start: int, size: int, token: str) -> dict[str, Any]:
        """Return one page of FetchHashes. Raises Refused (400) for a token that is not of this partner, or too old."""
        size = max(1, min(size, MOST_PAGE))
        banks = self._partners.sync(reader)
        if token:
            held = self._token(token, reader, "stopncii", start)
            until, second, after = int(held["u"]), int(held["s"]), int(held["a"])
        else:
            until, second = self._ledger.end()
            after = self._ledger.until(start) if start > stopncii.FIRST and all(g <= start for _, g in banks) else 0
        scopes = [Scope(bank, -1 if start <= stopncii.FIRST or start < granted else start) for bank, granted in banks]
        found = self._ledger.signals(scopes, after, until, size + 1)
        rest, page = len(found) > size, found[:size]
        records = [
            stopncii.record_of(
                WIRE[one.kind], one.value, "Active" if one.active else "Withdrawn", one.at,
                self._ledger.said(one.bank, one.kind, one.value),
            )
            for one in page
        ]  # fmt: skip
        following = ""
        if rest:
            following = self._new_token(reader, "stopncii", start, u=until, s=second, a=page[-1].seq)
        return stopncii.page_of(records, following, max(second, stopncii.FIRST))

    def submit_hashes(self, reader: Reader, body: Any) -> dict[str, Any]:
        """Take what a partner submits into the partner's inbox. Raises Refused."""
        folder = self._inbox(reader)
        rows, left_out = [], []
        for number, record in enumerate(_listed(body, "hashRecords"), 1):
            row = self._submitted(reader, record, number)
            if isinstance(row, Rejected):
                left_out.append({"record": number, "reason": row.reason})
            else:
                rows.append(row)
        if rows:
            with self._writing:
                add(folder, [(reader.name, rows)], ordered=True)
        return {"count": len(rows), "rejected": left_out}

    def submit_feedback(self, reader: Reader, body: Any) -> dict[str, Any]:
        """Keep what a partner says of hashes that were shared, and take back what the partner withdraws of its own."""
        banks = [bank for bank, _ in self._partners.sync(reader)]
        known, left_out, back = 0, [], []
        for number, record in enumerate(_listed(body, "hashFeedbacks"), 1):
            try:
                if not isinstance(record, Mapping) or not isinstance(record.get("hashValue"), str):
                    raise BadRow("no hashValue")
                what, text = _feedback_value(record), record["hashValue"].strip()
                kind = "pdq" if len(text) == 64 else "md5"
                value = read_hash(kind, text)
                known += bool(self._ledger.say(banks, value, reader.title, what, _tags(record)))
                if what in TAKEN_BACK and reader.inbox:
                    key = _own_key(reader, kind, value)
                    back.append(Entry(number, key=key, status=Status.WITHDRAWN, updated=int(self._now())))
            except BadRow as reason:
                left_out.append({"record": number, "reason": str(reason)})
        if back:
            with self._writing:
                add(self._inbox(reader), [(reader.name, back)], ordered=True)
        return {"count": known, "rejected": left_out}

    def status(self, reader: Reader, address: str) -> bytes:
        """Return NCMEC's status: who the partner is."""
        return ncmec.status_of(address, reader.name, reader.member, reader.title)

    def members(self, reader: Reader) -> bytes:
        """Return NCMEC's members: each bank the partner reads is one, and the partner."""
        banks = [(self._ledger.number(bank), bank) for bank, _ in reader.banks]
        return ncmec.members_of([*banks, (reader.member, reader.title)])

    def reasons(self, kind: str) -> bytes:
        """Return the reasons for disagreeing. Raises Refused (404) for an unknown kind of fingerprint."""
        _our_kind(kind)
        return ncmec.reasons_of(kind, REASONS)

    def entries(self, reader: Reader, asked: Mapping[str, str]) -> bytes:
        """Return one page of NCMEC's entries. Raises Refused (400)."""
        begin, finish = ncmec.read_moment(asked.get("from", "")), ncmec.read_moment(asked.get("to", ""))
        if begin is None or finish is None:
            raise Refused(400, "Say from and to, each as 2026-01-31T12:00:00Z.")
        banks = self._partners.sync(reader)
        since = begin - ZONES_S
        scopes = [Scope(bank, -1 if since <= 0 or since < granted else since - 1) for bank, granted in banks]
        if asked.get("token"):
            held = self._token(asked["token"], reader, "ncmec", begin)
            until, after, sent, most = int(held["u"]), int(held["a"]), int(held["n"]), int(held["m"])
        else:
            end, sent, most = self._ledger.end()[0], 0, 0
            until = end if finish + ZONES_S >= self._now() else min(end, self._ledger.until(finish + ZONES_S))
            earliest = min((scope.after for scope in scopes), default=-1)
            after = self._ledger.until(earliest) if earliest >= 0 else 0
        found = self._ledger.entries(scopes, after, until, ncmec.PAGE + 1)
        rest, page = len(found) > ncmec.PAGE, found[: ncmec.PAGE]
        link = ""
        if rest:
            most = most or self._ledger.count(scopes, until)  # counted once: it is a look at every entry
            sent += len(page)
            query = {
                "from": asked["from"],
                "to": asked["to"],
                "start": sent + 1,
                "size": ncmec.PAGE,
                "max": max(sent + 1, most),
                "token": self._new_token(reader, "ncmec", begin, u=until, a=page[-1].seq, n=sent, m=most),
            }
            link = f"/v2/entries?{urlencode(query)}"
        told = [self._shared(one) for one in page]
        return ncmec.page_of([one for one in told if not one.video], [one for one in told if one.video], link)

    def vote(self, reader: Reader, member: int, entry: str, kind: str, body: bytes) -> None:
        """Keep a partner's vote on one kind of fingerprint of an entry. Raises Refused."""
        ours = _our_kind(kind)
        bank = next((bank for bank, _ in reader.banks if self._ledger.number(bank) == member), "")
        try:
            good, guids = ncmec.read_feedback(body)
            bytes.fromhex(entry)
        except Unusable as error:
            raise Refused(400, str(error)) from error
        except ValueError:
            bank = ""
        reason = next((guid for guid in guids if guid in dict(REASONS)), "") if bank else ""
        if bank and not good and not reason:
            raise Refused(400, "A negative vote names one of the reasons that feedback/TYPE/reasons tells.")
        if not bank or not self._ledger.vote(bank, entry, ours, (reader.member, reader.title), good, reason):
            raise Refused(404, "There is no such entry, or it was withdrawn.")

    def keep_up(self) -> None:
        """Bring the ledger up to date for everybody, so that no partner waits for it."""
        for reader in self._partners.all():
            try:
                self._partners.sync(reader)
            except Refused as error:
                _log.warning("%s", error)

    def _shared(self, one: SharedEntry) -> ncmec.Shared:
        content = one.content
        reasons = dict(REASONS)
        votes = self._ledger.votes(one.bank, one.key) if one.active else ()
        return ncmec.Shared(
            member=self._ledger.number(one.bank),
            member_name=one.bank,
            id=one.key,
            at=one.at,
            video=bool(content.get("video")),
            deleted=not one.active,
            classification=str(content.get("class", "")),
            hashes=[(kind, value) for kind, values in content["hashes"].items() for value in values[:1]],
            votes=[
                ncmec.Vote(member, name, kind, good, at, (reason, reasons.get(reason, "")))
                for kind, member, name, good, reason, at in votes
            ],
        )

    def _submitted(self, reader: Reader, record: Any, number: int) -> Entry | Rejected:
        try:
            if not isinstance(record, Mapping) or not isinstance(record.get("hashValue"), str):
                raise BadRow("no hashValue")
            name = stopncii.signal_type(record.get("signalType"))
            if name not in stopncii.SIGNALS:
                raise BadRow(f"{name} is not matched here")
            kind = stopncii.SIGNALS[name]
            value = read_hash(kind, record["hashValue"])
            said = record.get("CSPFeedbacks")
            first = said[0] if isinstance(said, list) and said and isinstance(said[0], Mapping) else {}
            what = _feedback_value(first) if first else "None"
            gone = what in TAKEN_BACK
            return Entry(
                number,
                [] if gone else [(kind, value)],
                key=_own_key(reader, kind, value),
                status=Status.WITHDRAWN if gone else Status.ACTIVE,
                updated=int(self._now()),
                source=reader.title,
                scheme="stopncii",
                classification=what,
                extra={"media": "video" if kind == "md5" else "image", "tags": _tags(first)},
            )
        except BadRow as reason:
            return Rejected(number, str(reason), shortened(record))

    def _inbox(self, reader: Reader) -> Path:
        if not reader.inbox:
            raise Refused(403, f"{reader.title} reads here; nothing was agreed about submitting.")
        return self._inbox_of(reader.inbox)

    def _new_token(self, reader: Reader, wire: str, start: int, **more: int) -> str:
        return self._secret.token({"p": reader.member, "w": wire, "f": start, "t": int(self._now()), **more})

    def _token(self, token: str, reader: Reader, wire: str, start: int) -> dict[str, Any]:
        try:
            held = self._secret.read_token(token)
        except (ValueError, RecursionError) as error:
            raise Refused(400, "This paging token was not made here; begin the range anew.") from error
        if (held["p"], held["w"], held["f"]) != (reader.member, wire, start):
            raise Refused(400, "This paging token belongs to another question; begin the range anew.")
        if self._now() - held["t"] > TOKEN_LIVES_S:
            raise Refused(400, "This paging token is older than 12 hours; begin the range anew.")
        return held


def _listed(body: Any, name: str) -> Sequence[Any]:
    rows = body.get(name) if isinstance(body, Mapping) else None
    if not isinstance(rows, list) or len(rows) > MOST_SUBMITTED:
        raise Refused(400, f"The body is an object with a list {name}, of at most {MOST_SUBMITTED:,} records.")
    return rows


def _feedback_value(record: Mapping[str, Any]) -> str:
    text = record.get("feedbackValue")
    name = text.rpartition(".")[2].rstrip("_") if isinstance(text, str) else ""
    if name not in stopncii.FEEDBACK:
        raise BadRow(f"unknown feedbackValue {shortened(text, 40)!r}")
    return name


def _tags(record: Mapping[str, Any]) -> list[str]:
    tags = record.get("tags")
    return [str(tag)[:100] for tag in tags[:50]] if isinstance(tags, list) else []


def _own_key(reader: Reader, kind: str, value: bytes) -> bytes:
    """Return the key of what a partner submitted: another partner's same hash is an entry of its own."""
    return blake2b(f"{reader.name}\0{kind}\0".encode() + value, digest_size=16).digest()


def _our_kind(name: str) -> str:
    kind = next((ours for ours, wire in ncmec.TYPES.items() if wire == name), "")
    if not kind:
        raise Refused(404, f"There are no fingerprints of a kind {name[:40]!r} here.")
    return kind
