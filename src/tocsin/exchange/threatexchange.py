"""ThreatExchange ``threat_updates``: a privacy group's indicators, each with the opinions of its members.

Source: the client of package ``threatexchange`` (`exchanges/clients/fb_threatexchange`). The access token goes in the
query, as documented; it is taken out of every link before that is kept, and no log line holds an address.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

from tocsin.exchange.calling import Caller, same_place
from tocsin.exchange.pages import Expired, Mark, Opinion, Outgoing, Page, Receipt, Refused, Unusable, counted
from tocsin.matching.lists.entry import BadRow, Entry, Rejected, Status, read_hash, shortened

BASE = "https://graph.facebook.com/v21.0"
PAGE = 100
STALE_S = 85 * 86_400
"""Tombstones live 90 days upstream: an older checkpoint would miss some."""

FIELDS = (
    "id,indicator,type,last_updated,should_delete,descriptors{reactions,my_reactions,owner{id},tags,status,added_on}"
)
KINDS = {
    "HASH_PDQ": "pdq", "HASH_MD5": "md5", "HASH_VIDEO_MD5": "md5", "HASH_SHA1": "sha1", "HASH_SHA256": "sha256",
}  # fmt: skip
_TYPES = {"pdq": "HASH_PDQ", "md5": "HASH_VIDEO_MD5"}
_DESCRIPTION = "A hash that the platform acts on."
_MOST_RESTARTS = 2
_RESERVED = ("access_token",)


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """One page of updates: rows, the next link, the newest time in it."""

    rows: Sequence[Entry | Rejected]
    next: str
    newest: int
    other: Mapping[str, int]


def parse_page(data: bytes) -> FetchedPage:
    """Read one page of ``threat_updates``; an empty one is fine. Raises Unusable unless it is whole."""
    try:
        held = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Unusable("The page is not JSON, or breaks off; nothing of it was taken.") from error
    updates = held.get("data") if isinstance(held, dict) else None
    if not isinstance(updates, list):
        raise Unusable("The page holds no list of updates; nothing of it was taken.")
    paging = held.get("paging") or {}
    link = paging.get("next") if isinstance(paging, dict) else None
    if link is not None and (not isinstance(link, str) or len(link) > 8192):
        raise Unusable("The page's paging is no link; nothing of it was taken.")
    rows: list[Entry | Rejected] = []
    other: dict[str, int] = {}
    newest = 0
    for number, update in enumerate(updates, 1):
        row = read_update(update, number)
        if isinstance(row, str):
            other[row] = other.get(row, 0) + 1
        else:
            rows.append(row)
        if isinstance(update, Mapping):
            newest = max(newest, counted(update.get("last_updated")) or 0)
    return FetchedPage(rows, link or "", newest, other)


def read_update(update: Any, number: int = 0) -> Entry | Rejected | str:
    """Return the entry an update is, why it is left out, or the name of its type when that is not matched here."""
    if not isinstance(update, Mapping):
        return Rejected(number, "not an object with fields", shortened(update))
    try:
        its_id, type_ = str(update.get("id") or ""), str(update.get("type") or "")
        if not its_id.isdigit():
            raise BadRow("no id")
        updated = counted(update.get("last_updated")) or 0
        gone = Entry(number, id=its_id, status=Status.DELETED, updated=updated, scheme="threatexchange")
        if update.get("should_delete") is True or "descriptors" not in update:
            return gone
        if type_ not in KINDS:
            return shortened(type_, 40) or "no type"
        opinions = _opinions(update["descriptors"])
        states = {str(one.get("status") or "UNKNOWN") for one in opinions}
        if not opinions:
            raise BadRow("no opinion that names its owner")
        if states == {"NON_MALICIOUS"}:
            gone.status = Status.WITHDRAWN
            return gone
        indicator = update.get("indicator")
        if not isinstance(indicator, str):
            raise BadRow("no indicator")
        tags = sorted({tag for one in opinions for tag in one["tags"]})
        video = type_ == "HASH_VIDEO_MD5" or "media_type_video" in tags
        return Entry(
            number,
            [(KINDS[type_], read_hash(KINDS[type_], indicator))],
            id=its_id,
            updated=updated,
            category=next((tag for tag in tags if tag.startswith("media_priority_")), ""),
            classification="DISPUTED" if "NON_MALICIOUS" in states else _strongest(states),
            scheme="threatexchange",
            source="ThreatExchange",
            extra={"media": "video" if video else "", "tags": tags, "opinions": opinions},
        )
    except BadRow as reason:
        return Rejected(number, str(reason), shortened(update))


def _strongest(states: set[str]) -> str:
    known = [state for state in ("MALICIOUS", "SUSPICIOUS", "UNKNOWN") if state in states]
    return known[0] if known else shortened(min(states), 40)


def _opinions(held: Any) -> list[dict[str, Any]]:
    """Return the descriptors that name an owner, plain: tags as words, reactions by their key."""
    listed = held.get("data") if isinstance(held, Mapping) else held
    found: list[dict[str, Any]] = []
    for one in listed if isinstance(listed, list) else ():
        owner = one.get("owner") if isinstance(one, Mapping) else None
        owner_id = str(owner.get("id") or "") if isinstance(owner, Mapping) else ""
        if not owner_id:
            continue
        reactions = one.get("reactions")
        found.append(
            {
                "id": str(one.get("id") or ""),
                "owner": owner_id,
                "status": one.get("status"),
                "tags": _tags(one.get("tags")),
                "added_on": one.get("added_on"),
                "reactions": {
                    str(said.get("key")): str(said.get("value") or "")
                    for said in (reactions if isinstance(reactions, list) else ())
                    if isinstance(said, Mapping)
                },
            }
        )
    return found


def _tags(held: Any) -> list[str]:
    """Return tags as words: they come as a list of words, or as ``{"data": [{"text": …}]}``, or not at all."""
    listed = held.get("data") if isinstance(held, Mapping) else held
    words = [
        one.get("text") if isinstance(one, Mapping) else one for one in (listed if isinstance(listed, list) else ())
    ]
    return [word[:200] for word in words if isinstance(word, str)]


class ThreatExchange:
    """The client for one privacy group. ``token``: api_token, ``APPID|SECRET``."""

    most = 1
    repeatable = False

    def __init__(
        self,
        token: Mapping[str, str],
        group: str,
        *,
        transport: httpx.BaseTransport | None = None,
        page: int = PAGE,
        **calling: Any,
    ) -> None:
        if not token.get("api_token"):
            raise Refused("ThreatExchange needs an api_token of the form APPID|SECRET.")
        if not group.isdigit():
            raise Refused("ThreatExchange needs a privacy_group, which is a number.")
        self._token, self._group, self._page = token["api_token"], group, page
        self._caller = Caller(token.get("base_url_override") or BASE, transport=transport, **calling)

    def pages(self, checkpoint: Mark | None, resume: Mark | None) -> Iterator[Page]:
        """Yield the pages since ``checkpoint``. One older than 85 days is not used: everything is read anew."""
        now = int(time.time())
        usable = checkpoint is not None and now - int(checkpoint["fetched"]) <= STALE_S
        since = int(checkpoint["since"]) if checkpoint is not None and usable else 0
        link, newest = "", since
        if resume is not None and int(resume["since"]) == since:
            link, newest = str(resume["next"]), int(resume["newest"])
        restarts, seen, restart = 0, {link}, resume is not None and not link
        while True:
            try:
                answer = self._page_at(link, since)
            except Expired:
                restarts += 1
                if restarts > _MOST_RESTARTS:
                    raise
                link, newest, seen, restart = "", since, {""}, True
                continue
            page = parse_page(answer)
            newest = max(newest, min(page.newest, now))
            if not page.next:
                done = {"since": newest, "fetched": now}
                yield Page(page.rows, checkpoint=done, full=not since, restart=restart, other=page.other)
                return
            link = self._kept(page.next)
            if link in seen:
                raise Unusable("ThreatExchange gives the same page again and again; the range is not complete.")
            seen.add(link)
            held = {"since": since, "next": link, "newest": newest}
            yield Page(page.rows, held, full=not since, restart=restart, other=page.other)
            restart = False

    def _page_at(self, link: str, since: int) -> bytes:
        path = f"/{self._group}/threat_updates/"
        if link:
            asked = [*parse_qsl(urlsplit(link).query), ("access_token", self._token)]
            return self._caller.get(urlsplit(link).path + "?" + urlencode(asked), link=True)
        params: dict[str, Any] = {"access_token": self._token, "limit": self._page, "fields": FIELDS}
        return self._caller.get(path, params | ({"start_time": since} if since else {}))

    def _kept(self, link: str) -> str:
        """Return a paging link as path and query below the base, without the token. Raises Unusable."""
        base, parts = urlsplit(self._caller.base), urlsplit(link)
        if not same_place(self._caller.base, link) or not parts.path.startswith(f"{base.path}/{self._group}/"):
            raise Unusable("The paging link leads to another place; it is not followed and nothing was taken.")
        asked = [(name, value) for name, value in parse_qsl(parts.query) if name not in _RESERVED]
        return f"{parts.path[len(base.path) :]}?{urlencode(asked)}"

    def tell(self, opinion: Opinion) -> bool:
        """React to every descriptor of the entry: HELPFUL for a true match, DISAGREE_WITH_TAGS for a false one."""
        said = [str(one.get("id") or "") for one in opinion.extra.get("opinions") or () if isinstance(one, Mapping)]
        chosen = [one for one in said if one.isdigit()]
        for one in chosen:
            self.react(one, "HELPFUL" if opinion.good else "DISAGREE_WITH_TAGS")
        return bool(chosen)

    def react(self, descriptor: str, reaction: str) -> None:
        """Put a reaction on a descriptor. Raises ExchangeError."""
        self._caller.post(f"/{int(descriptor)}", data={"access_token": self._token, "reactions": reaction})

    def publish(self, indicator: str, kind: str, description: str, **more: str) -> str:
        """Publish a descriptor to the group and return its id. Raises ExchangeError."""
        fields = {
            "access_token": self._token,
            "indicator": indicator,
            "type": kind,
            "description": description,
            "share_level": "RED",
            "status": "MALICIOUS",
            "privacy_type": "HAS_PRIVACY_GROUP",
            "privacy_members": self._group,
            **more,
        }
        try:
            return str(json.loads(self._caller.post("/threat_descriptors", data=fields))["id"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Unusable("ThreatExchange does not say which descriptor was made.") from error

    def give(self, hashes: Sequence[Outgoing], tags: Sequence[str]) -> Sequence[Receipt]:
        """Publish a descriptor of each hash to the group. Raises ExchangeError."""
        more = {"tags": ",".join(tags)} if tags else {}
        return [Receipt(True, self.publish(one.value, _TYPES[one.kind], _DESCRIPTION, **more)) for one in hashes]

    def find(self, one: Outgoing) -> str:
        """Return the id of our own descriptor of a hash. Raises ExchangeError.

        The search is documented not to find all there is: nothing found does not say that there is nothing.
        """
        owner = self._token.replace("%7C", "|").partition("|")[0]
        params = {
            "access_token": self._token, "text": one.value, "strict_text": "true", "type": _TYPES[one.kind],
            "owner": owner, "fields": "id,raw_indicator,owner{id}",
        }  # fmt: skip
        try:
            held = json.loads(self._caller.get("/threat_descriptors", params))["data"]
            for found in held if isinstance(held, list) else ():
                its_owner = found["owner"]
                its_id = str(found["id"])
                if its_id.isdigit() and found["raw_indicator"] == one.value and str(its_owner["id"]) == owner:
                    return its_id
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Unusable("ThreatExchange's answer to a search is none; nothing was taken from it.") from error
        return ""

    def take_back(self, hashes: Sequence[Outgoing]) -> Sequence[Receipt]:
        """Delete our descriptors: members hear of it as a tombstone. Raises ExchangeError."""
        for one in hashes:
            self._caller.delete(f"/{int(one.remote)}", {"access_token": self._token})
        return [Receipt(True)] * len(hashes)

    def close(self) -> None:
        """Let go of connections."""
        self._caller.close()
