"""The people in a report's form: the user, victims and recipients. What is typed of one becomes facts, and back.

Fields are texts; a list has one entry a line. An entry that stands unchanged keeps what an API client said beyond it
(a verified address, a proxy), and so does whatever has no field.
"""

import ipaddress
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any, Final

from tocsin.exchange.cybertip.words import EVENT_NAMES
from tocsin.hub.refusals import Refused

KINDS: Final = MappingProxyType({"recipient": "recipients", "victim": "victims"})
"""Of which there may be several, each a row of the form; and what the facts call them."""
CALLED: Final = MappingProxyType({"user": "The user", "recipient": "Recipient", "victim": "Victim"})
YES_NO: Final = MappingProxyType({"": "not said", "yes": "yes", "no": "no"})
DISABLED: Final = MappingProxyType({"": "not said", "temporarily": "temporarily", "permanently": "permanently"})
MOST: Final = 50
"""Rows of one kind."""
_MOST_LINES: Final = 1000

_TEXTS: Final = MappingProxyType(
    {
        "identifier": "identifier",
        "service": "service",
        "screen_name": "screen_name",
        "profile_bio": "profile_bio",
        "group": "group",
        "school": "school",
        "vehicle": "vehicle",
        "user_more": "additional",
    }
)
"""Fields of one text, and what the facts call them."""
_NAMES: Final = ("first_name", "last_name")
_ADDRESS: Final = ("street", "city", "zip_code", "state", "other_state", "country")
_LOCATION: Final = MappingProxyType({"seen_city": "city", "seen_region": "region", "seen_country": "country"})
_OF: Final = MappingProxyType(
    {"school": ("victim",), "vehicle": ("user",), "third_party": ("user",), "group": ("user", "recipient")}
)
"""Facts that only some kinds have."""
_KEY: Final = re.compile("[0-9a-f]{1,8}")
_EVENTS: Final = {name.lower(): name for name in EVENT_NAMES}


def account_of(form: Mapping[str, str], prefix: str, kind: str, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form says of one account and its person, on top of what was said before. Raises Refused."""
    return _named(CALLED[kind], form, prefix, kind, before)


def _named(called: str, form: Mapping[str, str], prefix: str, kind: str, before: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return _account(form, prefix, kind, before)
    except Refused as refused:
        said = str(refused)
        raise Refused(refused.status, refused.code, f"{called}: {said[0].lower()}{said[1:]}") from None


def _account(form: Mapping[str, str], prefix: str, kind: str, before: Mapping[str, Any]) -> dict[str, Any]:
    """Read one account. A field that the form does not have leaves what was said before."""
    mine = {name.removeprefix(prefix): value for name, value in form.items() if name.startswith(prefix)}
    said = dict(before) | {name: mine[field].strip() for field, name in _TEXTS.items() if field in mine}
    said |= {name: lines(mine[name]) for name in ("display_names", "profile_urls") if name in mine}
    if "ips" in mine:
        said["ip_events"] = _kept(lines(mine["ips"]), before.get("ip_events", ()), ip_line, _ip)
    if "devices" in mine:
        said["devices"] = _kept(lines(mine["devices"]), before.get("devices", ()), _device_line, _device)
    if "prior" in mine:
        said["prior_reports"] = _numbers(mine["prior"])
    said |= {name: _YES_NO_OF.get(mine[name]) for name in ("compromised", "third_party") if name in mine}
    said["person"] = _person(mine, before.get("person") or {}) or None
    said["location"] = _part(mine, _LOCATION, before.get("location") or {})
    said |= _disabled(mine, before) if "disabled" in mine else {}
    return _said({name: value for name, value in said.items() if _has(kind, name)})


def fields_of(account: Mapping[str, Any]) -> dict[str, str]:
    """Return what the fields of one account hold."""
    person, location = account.get("person") or {}, account.get("location") or {}
    address: Mapping[str, Any] = next(iter(person.get("addresses") or ()), {})
    held = {field: str(account.get(name, "")) for field, name in _TEXTS.items()}
    held |= {name: str(person.get(name, "")) for name in (*_NAMES, "age", "born")}
    held |= {name: str(address.get(name, "")) for name in _ADDRESS}
    held |= {field: str(location.get(name, "")) for field, name in _LOCATION.items()}
    held |= {name: _YES_NO_SAID[account.get(name)] for name in ("compromised", "third_party")}
    held |= {name: "\n".join(account.get(name, ())) for name in ("display_names", "profile_urls")}
    disabled = next(
        (each for each in ("permanently", "temporarily") if account.get(f"{each}_disabled") is not None), ""
    )
    return held | {
        "emails": "\n".join(each["address"] for each in person.get("emails", ())),
        "phones": "\n".join(_phone_line(each) for each in person.get("phones", ())),
        "ips": "\n".join(ip_line(each) for each in account.get("ip_events", ())),
        "devices": "\n".join(_device_line(each) for each in account.get("devices", ())),
        "prior": ", ".join(str(each) for each in account.get("prior_reports", ())),
        "disabled": disabled,
        "disabled_since": str((account.get(f"{disabled}_disabled") or {}).get("at") or "")[:19] if disabled else "",
    }


def accounts_of(
    form: Mapping[str, str], kind: str, keys: Sequence[str], before: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the accounts of one kind, in the order of their rows; a row in which nothing is said is none."""
    found = []
    for number, key in enumerate(_clean(keys), 1):
        was = form.get(f"{kind}-{key}-was", "")
        known = before[int(was)] if was.isascii() and was.isdigit() and int(was[:4]) < len(before) else {}
        found.append(_named(f"{CALLED[kind]} {number}", form, f"{kind}-{key}-", kind, known))
    return [each for each in found if each]


def rows_of(accounts: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the rows of a kind: fields, the row's key, and which account of the report it is."""
    return [fields_of(each) | {"key": f"{number:x}", "was": str(number)} for number, each in enumerate(accounts)]


def rows_typed(form: Mapping[str, str], kind: str, keys: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of a kind as they were typed, whether or not that can be read."""
    empty = fields_of({})
    return [
        {name: form.get(f"{kind}-{key}-{name}", "") for name in (*empty, "was")} | {"key": key} for key in _clean(keys)
    ]


def new_row() -> dict[str, str]:
    """Return an empty row; its key is not that of another."""
    return fields_of({}) | {"key": secrets.token_hex(4), "was": ""}


def lines(text: str) -> list[str]:
    """Return the lines of a field that say something."""
    return [line.strip() for line in text.splitlines() if line.strip()][:_MOST_LINES]


def moment(text: str) -> str:
    """Return a moment as facts carry it; a form's own has no zone and is in UTC. Raises Refused."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Refused(422, "time", "Give the time as year, month, day and time, in UTC.") from None
    return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC).isoformat().replace("+00:00", "Z")


def ip_line(event: Mapping[str, Any]) -> str:
    """Return an address of the internet as a line: the address, when it was used, and for what."""
    return " ".join(str(event[name]) for name in ("address", "at", "event") if event.get(name))


_YES_NO_OF: Final = {"yes": True, "no": False}
_YES_NO_SAID: Final = {None: "", True: "yes", False: "no"}


def _has(kind: str, field: str) -> bool:
    return kind in _OF.get(field, (kind,))


def _person(mine: Mapping[str, str], before: Mapping[str, Any]) -> dict[str, Any]:
    said = dict(before) | {name: mine[name].strip() for name in _NAMES if name in mine}
    if "emails" in mine:
        emails = before.get("emails", ())
        said["emails"] = _kept(lines(mine["emails"]), emails, _email_line, lambda line: {"address": line})
    if "phones" in mine:
        phones = before.get("phones", ())
        said["phones"] = _kept(lines(mine["phones"]), phones, _phone_line, lambda line: {"number": line})
    first, *others = before.get("addresses") or [{}]
    address = _part(mine, {name: name for name in _ADDRESS}, first)
    said["addresses"] = ([address] if address else []) + others
    said |= {"age": _age(mine["age"])} if "age" in mine else {}
    said |= {"born": _born(mine["born"])} if "born" in mine else {}
    return _said(said)


def _part(mine: Mapping[str, str], names: Mapping[str, str], before: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a part of which several fields tell; None where none of them does."""
    typed = {name: mine[field].strip() for field, name in names.items() if field in mine}
    if not any((dict(before) | typed)[name] for name in names.values() if name in typed or name in before):
        return None
    codes = {name: typed[name].upper() for name in ("country", "state") if typed.get(name) and len(typed[name]) == 2}
    return _said(dict(before) | typed | codes)


def _disabled(mine: Mapping[str, str], before: Mapping[str, Any]) -> dict[str, Any]:
    chosen, since = mine["disabled"], mine.get("disabled_since", "").strip()
    said: dict[str, Any] = {"temporarily_disabled": None, "permanently_disabled": None}
    if chosen not in ("temporarily", "permanently"):
        if since:
            raise Refused(422, "disabled", "Say how the account was disabled, or leave the time of it out.")
        return said
    if chosen == "permanently":
        said["temporarily_disabled"] = before.get("temporarily_disabled")
    name = f"{chosen}_disabled"
    known = {part: value for part, value in (before.get(name) or {}).items() if part != "at"}
    said[name] = known | ({"at": moment(since)} if since else {})
    return said


def _kept(typed: Sequence[str], before: Any, as_line: Any, read: Any) -> list[Any]:
    """Return the entries of a list: one that was there, whole; another as it is read."""
    known = {as_line(each): each for each in before}
    return [known[line] if line in known else read(line) for line in typed]


def _ip(line: str) -> dict[str, Any]:
    """Read ``ADDRESS [TIME] [EVENT]``. What was done from it is said only where it is written. Raises Refused."""
    address, *rest = line.split()
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise Refused(422, "ip", f"“{address[:60]}” is not an IP address; write it first, then its time.") from None
    event = {"event": _EVENTS[rest.pop().lower()]} if rest and rest[-1].lower() in _EVENTS else {}
    return {"address": address} | ({"at": moment(" ".join(rest))} if rest else {}) | event


def _device(line: str) -> dict[str, Any]:
    kind, _, value = line.partition(" ")
    if not value.strip():
        raise Refused(
            422, "device", "Give a device's identifier as its kind and its value, as in “IMEI 490154203237518”."
        )
    return {"type": kind, "value": value.strip()}


def _device_line(device: Mapping[str, Any]) -> str:
    return f"{device['type']} {device['value']}"


def _email_line(email: Mapping[str, Any]) -> str:
    return str(email["address"])


def _phone_line(phone: Mapping[str, Any]) -> str:
    return " ".join(part for part in (str(phone.get("calling_code", "")), str(phone["number"])) if part)


def _age(text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 4 and int(text) <= 130):
        raise Refused(422, "age", "Give the age as a whole number of years.")
    return int(text)


def _born(text: str) -> str | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        raise Refused(422, "born", "Give the date of birth as year, month and day, as in 2011-04-30.") from None


def _numbers(text: str) -> list[int]:
    parts = [part for part in text.replace(",", " ").split() if part]
    if not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
        raise Refused(422, "prior", "Earlier reports are named by their numbers, with commas.")
    return [int(part) for part in parts]


def _said(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what says nothing."""
    return {name: value for name, value in facts.items() if value not in ("", [], None)}


def _clean(keys: Sequence[str]) -> list[str]:
    return [key for key in dict.fromkeys(keys) if _KEY.fullmatch(key)][:MOST]
