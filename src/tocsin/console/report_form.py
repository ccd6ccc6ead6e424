"""A report's form: what a person types becomes facts, and facts become what the fields hold.

The form has the fields that most reports need. What an API client said beyond them is kept when the form is saved.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from tocsin.hub.refusals import Refused
from tocsin.hub.reports.drafting import File

PLACES: Final = MappingProxyType(
    {
        "": "not said",
        "web": "on a page or in an upload",
        "chat": "in chat or messages",
        "game": "in an online game",
        "mail": "in e-mail",
        "peer": "on a peer-to-peer network",
    }
)
PUBLIC: Final = MappingProxyType({"": "not known", "yes": "yes", "no": "no"})


def facts_of(form: Mapping[str, str], chosen: Sequence[str], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that a form says, on top of what the report said before. Raises Refused."""
    facts = {name: value for name, value in before.items() if name not in ("reporter", "where", "reported")}
    facts |= {
        "incident_type": form.get("incident_type", ""),
        "incident_at": _moment(form.get("incident_at", "")),
        "incident_about": form.get("incident_about", ""),
        "escalate": form.get("escalate", ""),
        "additional": form.get("additional", ""),
        "annotations": list(chosen),
    }
    if form.get("platform"):
        facts["platform"] = form["platform"]
    where = _where(form)
    facts["where"] = ([where] if where else []) + [*before.get("where", ())][1:]
    users = before.get("reported") or [{}]
    user = _user(form, dict(users[0]))
    facts["reported"] = [user] if user else []
    return facts


def files_of(form: Mapping[str, str], digests: Sequence[str], annotations: Mapping[str, Sequence[str]]) -> list[File]:
    """Return which files a form sends: of each piece of evidence all items, those numbered, or none. Raises Refused."""
    found: list[File] = []
    for number, digest in enumerate(digests):
        if form.get(f"send-{number}") != "yes":
            continue
        classification = form.get(f"class-{number}") or None
        public = {"yes": True, "no": False}.get(form.get(f"public-{number}", ""))
        for item in _items(form.get(f"items-{number}", "")):
            found.append(
                File.model_validate(
                    {
                        "evidence": digest,
                        "item": item,
                        "annotations": tuple(annotations.get(digest, ())),
                        "classification": classification if item != 0 else None,
                        "public": public,
                    }
                )
            )
    return found


def fields_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the form's fields hold for these facts."""
    user = (facts.get("reported") or [{}])[0]
    where = (facts.get("where") or [{}])[0]
    kind = next(iter(where), "")
    place = where.get(kind, {}) if kind in PLACES else {}
    at = str(facts.get("incident_at", ""))
    return {
        "incident_type": facts.get("incident_type", ""),
        "incident_at": at[:19] if at else "",
        "incident_about": facts.get("incident_about", ""),
        "platform": facts.get("platform", ""),
        "escalate": facts.get("escalate", ""),
        "annotations": list(facts.get("annotations", ())),
        "additional": facts.get("additional", ""),
        "place": kind if kind in PLACES else "",
        "place_name": _place_name(kind, place),
        "place_content": place.get("content") or place.get("additional", ""),
        "identifier": user.get("identifier", ""),
        "service": user.get("service", ""),
        "screen_name": user.get("screen_name", ""),
        "display_names": "\n".join(user.get("display_names", ())),
        "profile_urls": "\n".join(user.get("profile_urls", ())),
        "emails": "\n".join(each["address"] for each in user.get("person", {}).get("emails", ())),
        "ips": "\n".join(_ip_line(each) for each in user.get("ip_events", ())),
        "prior": ", ".join(str(each) for each in user.get("prior_reports", ())),
        "user_more": user.get("additional", ""),
    }


def _user(form: Mapping[str, str], before: dict[str, Any]) -> dict[str, Any]:
    said = before | {
        "identifier": form.get("identifier", ""),
        "service": form.get("service", ""),
        "screen_name": form.get("screen_name", ""),
        "display_names": _lines(form.get("display_names", "")),
        "profile_urls": _lines(form.get("profile_urls", "")),
        "ip_events": [_ip(line) for line in _lines(form.get("ips", ""))],
        "prior_reports": _numbers(form.get("prior", "")),
        "additional": form.get("user_more", ""),
    }
    emails = [{"address": line} for line in _lines(form.get("emails", ""))]
    person = dict(before.get("person") or {})
    if emails or person:
        said["person"] = person | {"emails": emails}
    return {name: value for name, value in said.items() if value not in ("", [], None)}


def _where(form: Mapping[str, str]) -> dict[str, Any]:
    kind, name, content = form.get("place", ""), form.get("place_name", ""), form.get("place_content", "")
    if kind not in PLACES or not kind:
        return {}
    said: dict[str, dict[str, Any]] = {
        "web": {"urls": _lines(name), "additional": content},
        "chat": {"client": name, "content": content},
        "game": {"name": name, "content": content},
        "mail": {"addresses": [{"address": line} for line in _lines(name)], "content": content},
        "peer": {"client": name, "additional": content},
    }
    return {kind: {key: value for key, value in said[kind].items() if value}}


def _place_name(kind: str, place: Mapping[str, Any]) -> str:
    if kind == "web":
        return "\n".join(place.get("urls", ()))
    if kind == "mail":
        return "\n".join(each["address"] for each in place.get("addresses", ()))
    return str(place.get("client") or place.get("name") or "")


def _items(text: str) -> list[int | None]:
    text = text.strip().lower()
    if text in ("", "all"):
        return [None]
    words = [part.strip() for part in text.replace("words", "0").split(",") if part.strip()]
    if not all(word.isascii() and word.isdigit() and len(word) < 5 for word in words):
        raise Refused(422, "items", "Name the items as numbers with commas, “words”, or “all”.")
    return [int(word) for word in dict.fromkeys(words)]


def _ip(line: str) -> dict[str, Any]:
    """Read an address of the internet, and the moment of its use if one follows."""
    address, _, rest = line.partition(" ")
    return {"address": address, "event": "Upload"} | ({"at": _moment(rest.strip())} if rest.strip() else {})


def _ip_line(event: Mapping[str, Any]) -> str:
    return f"{event['address']} {event['at']}" if event.get("at") else str(event["address"])


def _moment(text: str) -> str:
    """Return a moment as facts carry it; a form's own has no zone and is in UTC. Raises Refused."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Refused(422, "time", "Give the time as year, month, day and time, in UTC.") from None
    return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC).isoformat().replace("+00:00", "Z")


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()][:50]


def _numbers(text: str) -> list[int]:
    parts = [part for part in text.replace(",", " ").split() if part]
    if not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
        raise Refused(422, "prior", "Earlier reports are named by their numbers, with commas.")
    return [int(part) for part in parts]
