"""A report's form: what a person types becomes facts, and facts become what the fields hold.

The form has the fields that most reports need. What an API client said beyond them is kept when the form is saved.
The people in it are in report_people.py.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from tocsin.console import report_people
from tocsin.console.report_people import lines, moment
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
_NO_CONTENT: Final = ("web", "peer")
"""Places of which the schema has no content of their own: what is said of them goes into their additional text."""
PUBLIC: Final = MappingProxyType({"": "not known", "yes": "yes", "no": "no"})


def facts_of(
    form: Mapping[str, str],
    chosen: Sequence[str],
    before: Mapping[str, Any],
    people: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the facts that a form says, on top of what the report said before. Raises Refused.

    ``chosen`` are the annotations, ``people`` the keys of the rows of each kind of person, in order.
    """
    facts = {name: value for name, value in before.items() if name not in ("reporter", "where", "reported")}
    facts |= {
        "incident_type": form.get("incident_type", ""),
        "incident_at": moment(form.get("incident_at", "")),
        "incident_about": form.get("incident_about", ""),
        "escalate": form.get("escalate", ""),
        "additional": form.get("additional", ""),
        "annotations": list(chosen),
    }
    if form.get("platform"):
        facts["platform"] = form["platform"]
    first, *others = before.get("where") or [{}]
    where = _where(form, first)
    facts["where"] = ([where] if where else []) + others
    users = before.get("reported") or [{}]
    user = report_people.account_of(form, "", "user", users[0])
    facts["reported"] = [user] if user else []
    for kind, keys in people.items():
        name = report_people.KINDS[kind]
        facts[name] = report_people.accounts_of(form, kind, keys, before.get(name, ()))
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
        "place_content": place.get("additional" if kind in _NO_CONTENT else "content", ""),
    } | report_people.fields_of(user)


def _where(form: Mapping[str, str], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the place that a form says; one that the form cannot show stays while no other is chosen."""
    kind, name, content = form.get("place", ""), form.get("place_name", ""), form.get("place_content", "")
    if kind not in PLACES or not kind:
        return dict(before) if before and not set(before) & set(PLACES) else {}
    known = dict(before.get(kind) or {})
    mails = {each["address"]: each for each in known.get("addresses", ())}
    named: dict[str, dict[str, Any]] = {
        "web": {"urls": lines(name)},
        "chat": {"client": name.strip()},
        "game": {"name": name.strip()},
        "mail": {"addresses": [mails.get(line, {"address": line}) for line in lines(name)]},
        "peer": {"client": name.strip()},
    }
    said = known | named[kind] | {"additional" if kind in _NO_CONTENT else "content": content.strip()}
    return {kind: {key: value for key, value in said.items() if value not in ("", [])}}


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
