"""Orders: clauses, signing, what an order permits, and verdicts."""

from tocsin.orders.conditions import Condition, condition_of, conditions
from tocsin.orders.document import OrderError
from tocsin.orders.judging import ABSENCE, LEAST_COVERAGE, absence, judge
from tocsin.orders.order import Authority, Clause, Device, Order, Privileged, Recipient
from tocsin.orders.permission import Permission, evidence_kinds, permit
from tocsin.orders.privilege import is_privileged
from tocsin.orders.reading import parse
from tocsin.orders.signing import SignedOrder, keygen, placeholders, public_key, sign, verify
from tocsin.orders.templates import TEMPLATES, schema, template

__all__ = [
    "ABSENCE",
    "LEAST_COVERAGE",
    "TEMPLATES",
    "Authority",
    "Clause",
    "Condition",
    "Device",
    "Order",
    "OrderError",
    "Permission",
    "Privileged",
    "Recipient",
    "SignedOrder",
    "absence",
    "condition_of",
    "conditions",
    "evidence_kinds",
    "is_privileged",
    "judge",
    "keygen",
    "parse",
    "permit",
    "placeholders",
    "public_key",
    "schema",
    "sign",
    "template",
    "verify",
]
