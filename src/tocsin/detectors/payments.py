"""Payments: indicators P1 to P9 over one account's payments, with the guard that keeps ordinary remittances quiet.

A finding needs an amount or receiver pattern and another family beside it; P1, P2 or a country alone find nothing.
P9 is the opposite: the payer may be under pressure, so it leads to support, and nothing else is said of the account.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from math import exp
from typing import ClassVar

from tocsin.detectors import making, payment_indicators
from tocsin.detectors.payment_indicators import FIRED, NOT_EXAMINED, Account, Outcome
from tocsin.detectors.payment_pack import Pack, pack
from tocsin.model import SIGNALS, Category, Direction, Example, Finding, Kind, Observation, Signal
from tocsin.model.payments import (
    Journey,
    Means,
    Payment,
    PaymentsSeen,
    Purchase,
    PurchaseKind,
    Receiver,
    Tie,
)

QUIET, REVIEW, SUPPORT = "quiet", "review", "support"


@dataclass(frozen=True, slots=True)
class Assessment:
    """How an account stands: ``outcome`` is ``quiet``, ``review`` or ``support``; every indicator says what it saw.

    Where it is support, only P9 is among them: the others say nothing of somebody who is pressed.
    """

    outcome: str
    score: float
    families: tuple[str, ...]
    indicators: tuple[Outcome, ...]
    because: str

    @property
    def fired(self) -> tuple[Outcome, ...]:
        """The indicators that fired."""
        return tuple(one for one in self.indicators if one.state == FIRED)


def assess(seen: PaymentsSeen, by: Pack | None = None) -> Assessment:
    """Return how an account's payments stand against the indicators of ``by`` (the pack that is shipped)."""
    by = by or pack()
    account = Account(seen, by)
    found: dict[str, Outcome] = {}
    for indicator in payment_indicators.ALL:
        outcome = indicator(account, found)
        found[outcome.id] = outcome
    indicators = tuple(found[code] for code in sorted(found))
    if found["P9"].state == FIRED:
        because = "A young payer may be under pressure: for people who help. Nothing else is weighed."
        return Assessment(SUPPORT, 0.0, ("support",), (found["P9"],), because)
    fired = {code: one for code, one in found.items() if one.state == FIRED}
    weighed = {code: by.rules[code].weight * one.strength for code, one in fired.items()}
    soft = sum(value for code, value in weighed.items() if code in by.soft)
    score = sum(value for code, value in weighed.items() if code not in by.soft) + min(by.soft_limit, soft)
    families = tuple(sorted({by.rules[code].family for code in fired}))
    if not fired.keys() & by.pattern:
        because = "No pattern of amounts or receivers shows."
    elif not fired.keys() & by.beside or len(families) < by.least_families:
        because = "A pattern of amounts or receivers alone is what family support looks like: nothing is said of it."
    elif score < by.score:
        because = "What shows is common among ordinary payers, and does not add up."
    else:
        return Assessment(
            REVIEW, round(score, 2), families, indicators, "Indicators of several families show: for review."
        )
    return Assessment(QUIET, round(score, 2), families, indicators, because)


class Payments:
    """Weighs one account's payments. Keeps nothing: the service sends what is to be looked at each time."""

    name: ClassVar[str] = "payments"
    version: ClassVar[str] = "1.0"
    reads: ClassVar[frozenset[Kind]] = frozenset({Kind.PAYMENT})

    def examine(self, seen: Observation) -> Iterable[Finding]:
        """Return a finding for an account whose payments are worth a person's look, or a person's help."""
        if isinstance(seen.body, PaymentsSeen):
            found = self.finding(seen, assess(seen.body))
            if found is not None:
                yield found

    def finding(self, seen: Observation, stands: Assessment) -> Finding | None:
        """Return what an assessment gives rise to; the same payments give the same finding's id."""
        if stands.outcome == QUIET or not isinstance(seen.body, PaymentsSeen):
            return None
        by, support = pack(), stands.outcome == SUPPORT
        used = [one for one in stands.fired if (one.id == "P9") == support]
        direction = Direction.TO_SUBJECT if support else Direction.FROM_SUBJECT
        unseen = [one for one in stands.indicators if one not in used and (one.id == "P9") == support]
        rests = sorted({name for one in used for name in one.payments})
        same = "\n".join([seen.body.account, self.version, stands.outcome, *(one.id for one in used), *rests])
        made = making.finding(
            self,
            seen,
            category=Category.SUPPORT if support else Category.PAYMENT,
            severity=by.severity[stands.outcome],
            confidence=round(0.6 * used[0].strength, 3) if support else _confidence(stands.score, by.score),
            why=f"{stands.because} {making.listed([f'{_words(one)} ({one.because})' for one in used])}.",
            signals=tuple(Signal(by.rules[one.id].name, direction, round(one.strength, 3)) for one in used),
            not_seen=tuple(by.rules[one.id].name for one in unseen if one.state != NOT_EXAMINED),
            benign=tuple(dict.fromkeys(code for one in used for code in by.rules[one.id].benign)),
            refines=True,
        )
        return replace(made, id=sha256(same.encode("utf-8", "replace")).hexdigest()[:32])

    @staticmethod
    def examples() -> tuple[Example, ...]:
        """Return invented payments that must and must not be reported."""
        start = datetime(2026, 1, 5, 23, 0, tzinfo=UTC)

        def seen(**more: object) -> tuple[Observation, ...]:
            days = [0, 12, 22, 31, 39, 46, 51, 55, 58, 60, 62, 63]
            given: dict[str, object] = {
                "account": "example",
                "until": start + timedelta(days=70),
                "payments": tuple(
                    Payment(
                        id=f"p{n}",
                        at=start + timedelta(days=day),
                        to=f"r{n % 5}",
                        amount=Decimal(30 + 10 * n),
                        currency="AUD",
                        means=Means.REMITTANCE,
                    )
                    for n, day in enumerate(days)
                ),
            }
            body = PaymentsSeen(**(given | more))  # type: ignore[arg-type]
            return (Observation(id="example", kind=Kind.PAYMENT, at=body.until, sensor="example", body=body),)

        strangers = tuple(Receiver(id=f"r{n}", country="PH", kind="person", tie=Tie.NONE) for n in range(5))
        family = tuple(Receiver(id=f"r{n}", country="PH", kind="person", tie=Tie.FAMILY) for n in range(5))
        kinds = (PurchaseKind.VPN, PurchaseKind.SCREEN_CAPTURE, PurchaseKind.LIVE_VIDEO)
        bought = tuple(
            Purchase(id=f"b{n}", at=start + timedelta(days=day), kind=kind)
            for n, (day, kind) in enumerate(zip((12, 39, 58), kinds, strict=True))
        )
        young = tuple(
            Payment(
                id=f"g{n}", at=start + timedelta(hours=9 * n), to="new", amount=Decimal(50 + 50 * n), currency="EUR"
            )
            for n in range(4)
        )
        return (
            Example("small sums to strangers, with purchases", seen(receivers=strangers, purchases=bought), True),
            Example("a young payer, four times in two days", seen(payments=young, age_band="13-15"), True),
            Example("the same payments to the payer's family", seen(receivers=family, purchases=bought), False),
            Example("small sums to strangers alone", seen(receivers=strangers[:1]), False),
            Example("the same by somebody who is of age", seen(payments=young, age_band="adult"), False),
            Example(
                "family support, with a visit home",
                seen(receivers=family, journeys=(Journey(at=start + timedelta(days=30), country="PH"),)),
                False,
            ),
        )  # fmt: skip


def _words(one: Outcome) -> str:
    return f"{one.id}, {SIGNALS[pack().rules[one.id].name]}"


def _confidence(score: float, threshold: float) -> float:
    return round(min(0.9, 1 / (1 + exp(-1.2 * (score - threshold)))), 3)
