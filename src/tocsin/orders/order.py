"""The order as values: who may watch what, for whom, from when until when, in the court's or school's own words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from tocsin.model.times import utc_text

SCHEMA = "tocsin/order@1"
CUSTOM = "custom"
"""The condition of a clause that none of C1 to C17 describes; it names its own detectors."""

State = Literal["in-force", "not-yet", "ended"]


@dataclass(frozen=True, slots=True)
class Authority:
    """Who monitors: name, how to reach them, and where to complain. The notice on the screen shows all three."""

    name: str
    contact: str
    complaints: str


@dataclass(frozen=True, slots=True)
class Device:
    """A computer that the order covers; the label is what it is enrolled under."""

    label: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Someone who can open sealed evidence: an age X25519 key. ``role`` is ``officer`` or ``recovery``."""

    name: str
    age: str
    role: str


@dataclass(frozen=True, slots=True)
class Privileged:
    """A contact never to be recorded, such as a lawyer or a doctor, and the texts they are known by on a screen."""

    label: str
    match: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause, verbatim, with its exceptions.

    ``condition`` is C1 to C17 or ``custom``. ``evidence`` is empty when the condition's own kinds apply.
    ``detectors`` and ``signals`` are given on custom clauses only. ``begins`` and ``ends`` are None where the
    order's own times apply.
    """

    number: str
    condition: str
    text: str
    exceptions: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    detectors: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    begins: datetime | None = None
    ends: datetime | None = None

    def active(self, now: datetime) -> bool:
        """Say whether the clause's own times include ``now``."""
        return (self.begins is None or self.begins <= now) and (self.ends is None or now < self.ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A whole order. ``begins`` (included) and ``ends`` (excluded) are the document's ``from`` and ``until``."""

    id: str
    kind: str
    title: str
    authority: Authority
    subject: str
    begins: datetime
    ends: datetime
    devices: tuple[Device, ...]
    recipients: tuple[Recipient, ...]
    clauses: tuple[Clause, ...]
    court: str = ""
    evidence: tuple[str, ...] = ("text",)
    ledger: str = "counts"
    privileged: tuple[Privileged, ...] = ()
    replaces: str = ""
    example: bool = False

    def state(self, now: datetime) -> State:
        """Say where ``now`` stands to the order's times."""
        if now < self.begins:
            return "not-yet"
        return "in-force" if now < self.ends else "ended"

    def clause(self, number: str) -> Clause | None:
        """Return the clause that the order prints under ``number``."""
        return next((clause for clause in self.clauses if clause.number == number), None)

    @property
    def recipient_keys(self) -> tuple[str, ...]:
        """The age keys that evidence under this order is sealed to."""
        return tuple(recipient.age for recipient in self.recipients)

    def as_dict(self) -> dict[str, Any]:
        """Return the order as the JSON that is signed; what was left out stays out."""
        found: dict[str, Any] = {
            "schema": SCHEMA,
            "id": self.id,
            "kind": self.kind,
            "title": self.title,
            "authority": {
                "name": self.authority.name,
                "contact": self.authority.contact,
                "complaints": self.authority.complaints,
            },
            "subject": {"reference": self.subject},
            "from": utc_text(self.begins),
            "until": utc_text(self.ends),
            "devices": [_without_empty({"label": one.label, "description": one.description}) for one in self.devices],
            "recipients": [{"name": one.name, "age": one.age, "role": one.role} for one in self.recipients],
            "evidence": list(self.evidence),
            "ledger": self.ledger,
            "privileged": [{"label": one.label, "match": list(one.match)} for one in self.privileged],
            "clauses": [_clause_dict(clause) for clause in self.clauses],
        }
        if self.court:
            found["court"] = self.court
        if self.replaces:
            found["replaces"] = self.replaces
        if self.example:
            found["example"] = True
        return found


def _clause_dict(clause: Clause) -> dict[str, Any]:
    return _without_empty(
        {
            "number": clause.number,
            "condition": clause.condition,
            "text": clause.text,
            "exceptions": list(clause.exceptions),
            "evidence": list(clause.evidence),
            "detectors": list(clause.detectors),
            "signals": list(clause.signals),
            "from": utc_text(clause.begins) if clause.begins else "",
            "until": utc_text(clause.ends) if clause.ends else "",
        }
    )


def _without_empty(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
