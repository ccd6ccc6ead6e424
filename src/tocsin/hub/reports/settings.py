"""What people set about reporting and review: who reports, whether two people confirm, when to pause.

``reporting_production`` stands alone: an administrator turns it on here, the operator of the worker turns it on
there, and only both together send anything to the authority itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from tocsin.exchange.cybertip.facts import Contact, Email, Person, Phone, Reporter
from tocsin.hub.refusals import Refused
from tocsin.hub.store.schema import Setting

SANDBOX: Final = "sandbox"
PRODUCTION: Final = "production"
_TEXTS: Final = {"platform": 200, "email": 200, "phone": 60, "contact": 200, "terms": 2000, "legal_url": 500}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """Who reports, as every report says it. ``industry``: the company signed the industry hash-sharing agreement."""

    platform: str = ""
    email: str = ""
    phone: str = ""
    contact: str = ""
    terms: str = ""
    legal_url: str = ""
    two_person: bool = False
    industry: bool = False

    @property
    def reporter(self) -> Reporter:
        """The reporter's part of a report."""
        emails = (Email(address=self.email),) if self.email else ()
        phones = (Phone(number=self.phone),) if self.phone else ()
        named = Contact(first_name=self.contact, emails=emails, phones=phones) if self.contact else None
        return Reporter(
            person=Person(emails=emails, phones=phones),
            contact=named,
            terms_of_service=self.terms,
            legal_url=self.legal_url,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """How people review: a gentle stop after so many minutes or items, a break, and whether two people confirm."""

    minutes: int = 45
    items: int = 60
    break_minutes: int = 15
    two_person: bool = False


def reporting(session: Session) -> Reporting:
    """Return who reports."""
    row = session.get(Setting, "reporting")
    return Reporting(**row.value) if row else Reporting()


def review(session: Session) -> Review:
    """Return how people review."""
    row = session.get(Setting, "review")
    return Review(**row.value) if row else Review()


def environment(session: Session) -> str:
    """Return where reports approved now will go: the sandbox, unless a person turned production on."""
    row = session.get(Setting, "reporting_production")
    return PRODUCTION if row is not None and row.value.get("on") is True else SANDBOX


def check_reporting(value: Mapping[str, Any]) -> dict[str, Any]:
    """Check a change of who reports. Raises Refused."""
    checked: dict[str, Any] = {}
    for name, most in _TEXTS.items():
        text = value.get(name, "")
        if not isinstance(text, str) or len(text) > most or not text.replace("\n", " ").isprintable():
            raise Refused(422, "reporting", f"Write {name.replace('_', ' ')} in at most {most} plain characters.")
        checked[name] = text.strip()
    if "@" not in checked["email"]:
        raise Refused(422, "reporting", "Give the e-mail address at which the authority reaches those who report.")
    if checked["legal_url"] and urlsplit(checked["legal_url"]).scheme != "https":
        raise Refused(422, "reporting", "Give the address for legal requests as https://HOST, or nothing.")
    return checked | {name: value.get(name) is True for name in ("two_person", "industry")}


def check_production(value: Mapping[str, Any]) -> dict[str, Any]:
    """Check the production switch: it is on or off, nothing else. Raises Refused."""
    if value.get("on") not in (True, False) or set(value) != {"on"}:
        raise Refused(
            422, "reporting_production", "Say whether reports go to the authority itself: on is true or false."
        )
    return {"on": value["on"]}


def check_review(value: Mapping[str, Any]) -> dict[str, Any]:
    """Check a change of how people review. Raises Refused."""
    checked: dict[str, Any] = {"two_person": value.get("two_person") is True}
    for name, low, high in (("minutes", 5, 240), ("items", 1, 1000), ("break_minutes", 1, 120)):
        number = value.get(name)
        if type(number) is not int or not low <= number <= high:
            raise Refused(422, "review", f"Give {name.replace('_', ' ')} as a whole number from {low} to {high}.")
        checked[name] = number
    return checked
