"""Reading an order from its document: each field is checked, and each refusal names its line in one sentence."""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from typing import TypeVar

from tocsin.evidence.sealing import is_recipient
from tocsin.model.finding import SIGNALS
from tocsin.orders.conditions import EVIDENCE_KINDS, conditions
from tocsin.orders.document import Node, OrderError, from_yaml
from tocsin.orders.order import CUSTOM, SCHEMA, Authority, Clause, Device, Order, Privileged, Recipient

KINDS = ("court-order", "school-policy", "platform-policy")
ROLES = ("officer", "recovery")
LEDGERS = ("counts", "content")
SHORT = 200
"""Most letters of a name or title."""
LONG = 20_000
"""Most letters of a clause or an exception."""
SHORTEST_MATCH = 4
"""Fewest letters of a privileged contact's match: a shorter one would blank out ordinary screens."""

_MOMENT = re.compile(r"(\d{4})-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_CLAUSE_NUMBER = re.compile(r"[0-9A-Za-z][0-9A-Za-z.()/-]{0,19}", re.ASCII)
_UNSEEN = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
T = TypeVar("T")


def parse(text: str) -> Order:
    """Read an order document (YAML). Raises OrderError naming the line, as in ``line 14: clause 3 has no text``."""
    return read(from_yaml(text))


def read(root: Node) -> Order:
    """Read an order from a document's tree. Raises OrderError naming the place."""
    known = (
        "schema id kind title authority court subject from until devices recipients evidence ledger privileged "
        "clauses replaces example"
    )
    fields = _fields(root, "the order", known.split())
    if _text(fields, "schema", root, "the order", SHORT) != SCHEMA:
        raise fields["schema"].error(f"schema must be {SCHEMA}.")
    begins = _moment(_required(fields, "from", root, "the order"), "from")
    ends = _moment(_required(fields, "until", root, "the order"), "until")
    if ends <= begins:
        raise fields["until"].error("until must be later than from.")
    kind = _one_of(fields, "kind", KINDS, root)
    evidence = _kinds(fields, EVIDENCE_KINDS) or ("text",)
    if "text" not in evidence:
        raise fields["evidence"].error("evidence must allow text: pictures are only ever an addition to it.")
    order = Order(
        id=_text(fields, "id", root, "the order", 100),
        kind=kind,
        title=_text(fields, "title", root, "the order", SHORT),
        authority=_authority(_required(fields, "authority", root, "the order")),
        court=_text(fields, "court", root, "the order", SHORT, optional=kind != "court-order"),
        subject=_subject(_required(fields, "subject", root, "the order")),
        begins=begins,
        ends=ends,
        devices=_list(fields, "devices", root, _device, 1, 50),
        recipients=_recipients(fields, root),
        evidence=evidence,
        ledger=_one_of(fields, "ledger", LEDGERS, root, default="counts"),
        privileged=_list(fields, "privileged", root, _privileged, 0, 500),
        clauses=_list(fields, "clauses", root, lambda node: _clause(node, evidence), 1, 200),
        replaces=_text(fields, "replaces", root, "the order", 100, optional=True),
        example=_flag(fields, "example"),
    )
    _check_whole(order, fields)
    return order


def _check_whole(order: Order, fields: dict[str, Node]) -> None:
    """Refuse what only shows when the whole order is known."""
    if order.example != order.title.startswith("EXAMPLE"):
        where = fields["title"]
        if order.example:
            raise where.error('the title of an example must begin with "EXAMPLE".')
        raise where.error('a title that begins with "EXAMPLE" needs example: true.')
    if order.replaces == order.id:
        raise fields["replaces"].error("an order cannot replace itself.")
    _unique(fields["devices"], [device.label.casefold() for device in order.devices], "the device label")
    _unique(fields["clauses"], [clause.number for clause in order.clauses], "clause number")


def _unique(node: Node, keys: list[str], what: str) -> None:
    for place, key in enumerate(keys):
        if key in keys[:place]:
            raise _items_of(node)[place].error(f"{what} {key} is used twice.")


def _authority(node: Node) -> Authority:
    fields = _fields(node, "authority", ("name", "contact", "complaints"))
    name, contact, complaints = (
        _text(fields, key, node, "the authority", 500) for key in ("name", "contact", "complaints")
    )
    return Authority(name, contact, complaints)


def _subject(node: Node) -> str:
    return _text(_fields(node, "subject", ("reference",)), "reference", node, "the subject", 100)


def _device(node: Node) -> Device:
    fields = _fields(node, "a device", ("label", "description"))
    return Device(
        _text(fields, "label", node, "this device", 100),
        _text(fields, "description", node, "this device", 500, optional=True),
    )


def _privileged(node: Node) -> Privileged:
    fields = _fields(node, "a privileged contact", ("label", "match"))
    label = _text(fields, "label", node, "this privileged contact", SHORT)

    def match(item: Node) -> str:
        text = _string(item, "a text to match", SHORT)
        if sum(letter.isalnum() for letter in text) < SHORTEST_MATCH:
            raise item.error(f"{text!r} is too short to match: it would leave out far more than {label}.")
        return text

    return Privileged(label, _list(fields, "match", node, match, 1, 50))


def _recipients(fields: dict[str, Node], root: Node) -> tuple[Recipient, ...]:
    recipients = _list(fields, "recipients", root, _recipient, 0, 50)
    node = fields.get("recipients", root)
    if len(recipients) < 2:
        raise node.error("the order needs at least two recipients, one of them for recovery.")
    for role in ROLES:
        if not any(recipient.role == role for recipient in recipients):
            raise node.error(f"none of the recipients has the role {role}.")
    _unique(node, [recipient.age for recipient in recipients], "the key")
    return recipients


def _recipient(node: Node) -> Recipient:
    fields = _fields(node, "a recipient", ("name", "age", "role"))
    name = _text(fields, "name", node, "this recipient", SHORT)
    age = _text(fields, "age", node, f"recipient {name}", 100)
    if not is_recipient(age):
        raise fields["age"].error(f"the key of {name} is not a valid age X25519 key (age1 and 58 letters and digits).")
    return Recipient(name, age, _one_of(fields, "role", ROLES, node))


def _clause(node: Node, allowed: tuple[str, ...]) -> Clause:
    """Read one clause; ``allowed`` is the evidence that the order allows at all."""
    known = ("number", "condition", "text", "exceptions", "evidence", "detectors", "signals", "from", "until")
    fields = _fields(node, "a clause", known)
    number = _text(fields, "number", node, "this clause", 20)
    if not _CLAUSE_NUMBER.fullmatch(number):
        raise fields["number"].error(f"{number!r} is not a clause number such as 3, 3a or 2.1.")
    name = f"clause {number}"
    condition = _text(fields, "condition", node, name, 20)
    if condition not in conditions():
        raise fields["condition"].error(
            f"{name} has the unknown condition {condition!r}; it is one of C1 to C17 or custom."
        )
    begins = _moment(fields["from"], "from") if "from" in fields else None
    ends = _moment(fields["until"], "until") if "until" in fields else None
    if begins is not None and ends is not None and ends <= begins:
        raise fields["until"].error(f"until of {name} must be later than its from.")
    detectors = _kinds(fields, sorted(conditions()[CUSTOM].detectors), "detectors")
    signals = _kinds(fields, tuple(SIGNALS), "signals")
    if condition == CUSTOM and not detectors:
        raise node.error(f"{name} is custom, so it must name its detectors.")
    if condition != CUSTOM and (detectors or signals):
        raise node.error(f"{name} cannot name detectors or signals: condition {condition} settles them.")
    return Clause(
        number=number,
        condition=condition,
        text=_text(fields, "text", node, name, LONG),
        exceptions=_list(fields, "exceptions", node, lambda item: _string(item, "an exception", LONG), 0, 50),
        evidence=_kinds(fields, allowed),
        detectors=detectors,
        signals=signals,
        begins=begins,
        ends=ends,
    )


def _fields(node: Node, name: str, known: Iterable[str]) -> dict[str, Node]:
    """Return a mapping's fields, absent ones left out."""
    if not isinstance(node.value, dict):
        raise node.error(f"{name} must be a group of fields, written as name: value.")
    known = tuple(known)
    for key, value in node.value.items():
        if key not in known:
            raise value.error(f"{name} has no field {key[:60]!r}; it may have {', '.join(known)}.")
    return {key: value for key, value in node.value.items() if not value.missing}


def _required(fields: dict[str, Node], key: str, node: Node, name: str) -> Node:
    if key not in fields:
        holder = node.value if isinstance(node.value, dict) else {}
        raise holder.get(key, node).error(f"{name} has no {key}.")
    return fields[key]


def _text(fields: dict[str, Node], key: str, node: Node, name: str, limit: int, optional: bool = False) -> str:
    """Return a field's text, without the white space around it."""
    if optional and key not in fields:
        return ""
    text = _string(_required(fields, key, node, name), f"{key} of {name}", limit, empty=True)
    if not text and not optional:
        raise fields[key].error(f"{name} has no {key}.")
    return text


def _string(node: Node, name: str, limit: int, empty: bool = False) -> str:
    if not isinstance(node.value, str):
        raise node.error(f"{name} must be text.")
    text = node.value.strip()
    if not text and not empty:
        raise node.error(f"{name} is empty.")
    if len(text) > limit:
        raise node.error(f"{name} has {len(text):,} letters; at most {limit:,} are allowed.")
    if any(
        letter in _UNSEEN or (unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t") for letter in text
    ):
        raise node.error(f"{name} contains an invisible control character.")
    return text


def _moment(node: Node, key: str) -> datetime:
    """Return a moment in UTC, to the millisecond."""
    text = _string(node, key, SHORT)
    found = _MOMENT.fullmatch(text)
    if not found:
        raise node.error(f"{key} needs a date, a time and a zone, such as 2026-01-31T00:00:00Z; {text!r} is not that.")
    if not 1970 <= int(found[1]) <= 2200:
        raise node.error(f"{key} is outside the years 1970 to 2200.")
    try:
        moment = datetime.fromisoformat(text.upper().replace(" ", "T")).astimezone(UTC)
    except (ValueError, OverflowError):
        raise node.error(f"{key} is not a real moment: {text!r}.") from None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _one_of(fields: dict[str, Node], key: str, allowed: tuple[str, ...], node: Node, default: str = "") -> str:
    if default and key not in fields:
        return default
    text = _text(fields, key, node, "this entry" if key == "role" else "the order", 40)
    if text not in allowed:
        raise fields[key].error(f"{key} must be {' or '.join(allowed)}, not {text!r}.")
    return text


def _kinds(fields: dict[str, Node], allowed: Collection[str], key: str = "evidence") -> tuple[str, ...]:
    """Return a list of words out of ``allowed``, each once, in the document's order."""

    def word(node: Node) -> str:
        text = _string(node, f"an entry of {key}", 40)
        if text not in allowed:
            raise node.error(f"{text!r} is not among the {key} that are possible here: {', '.join(allowed)}.")
        return text

    if key not in fields:
        return ()
    return tuple(dict.fromkeys(_list(fields, key, fields[key], word, 0, 50)))


def _flag(fields: dict[str, Node], key: str) -> bool:
    if key not in fields:
        return False
    node = fields[key]
    if node.quoted or node.value not in ("true", "false"):
        raise node.error(f"{key} must be true or false.")
    return node.value == "true"


def _items_of(node: Node) -> list[Node]:
    if not isinstance(node.value, list):
        raise node.error("this must be a list, each entry on its own line after a dash.")
    return node.value


def _list(
    fields: dict[str, Node], key: str, node: Node, reader: Callable[[Node], T], least: int, most: int
) -> tuple[T, ...]:
    """Return a list's entries, each read by ``reader``."""
    if key not in fields:
        if least:
            raise _required_error(node, key)
        return ()
    items = _items_of(fields[key])
    if not least <= len(items) <= most:
        raise fields[key].error(f"{key} has {len(items)} entries; {least} to {most} are allowed.")
    return tuple(reader(item) for item in items)


def _required_error(node: Node, key: str) -> OrderError:
    return node.error(f"there must be at least one entry under {key}.")
