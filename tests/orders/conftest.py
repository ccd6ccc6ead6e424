from datetime import UTC, datetime

import pytest

from tocsin import orders
from tocsin.evidence.sealing import new_identity
from tocsin.model import Category, Finding, Signal

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)

DOCUMENT = """\
schema: tocsin/order@1
id: T-1
kind: court-order
title: An order for tests
court: A court
authority:
  name: Unit
  contact: 01632 960 000
  complaints: 01632 960 001
subject:
  reference: S-1
from: 2026-01-01T00:00:00Z
until: 2027-01-01T00:00:00Z
devices:
  - label: laptop
recipients:
  - name: Officer
    age: {officer}
    role: officer
  - name: Safe
    age: {recovery}
    role: recovery
clauses:
  - number: 1
    condition: C1
    text: Monitoring must work.
  - number: 3
    condition: C10
    text: No contact with children.
    exceptions: [Inadvertent contact.]
"""


@pytest.fixture(scope="session")
def keys():
    """Two age keys: (identity, recipient) of the officer and of recovery."""
    return new_identity(), new_identity()


@pytest.fixture(scope="session")
def document(keys):
    """A small order document; clause 1 is C1, clause 3 is C10 with an exception."""
    return DOCUMENT.format(officer=keys[0][1], recovery=keys[1][1])


@pytest.fixture(scope="session")
def order(document):
    return orders.parse(document)


@pytest.fixture
def now():
    """A moment at which the test order is in force."""
    return NOW


@pytest.fixture
def finding():
    """Makes a finding; by default the conversation detector saw a request for secrecy."""

    def make(detector="conversation", category=Category.GROOMING, signals=("secrecy",), confidence=0.9):
        return Finding(
            id="f-1",
            at=NOW,
            detector=detector,
            version="1",
            category=category,
            severity=4,
            confidence=confidence,
            why="",
            observation="o-1",
            signals=tuple(Signal(name) for name in signals),
        )

    return make
