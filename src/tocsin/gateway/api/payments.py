"""Payments: one account's payments in, indicators P1 to P9 with their guard out. Nothing of them is held afterwards,

but for payments to an account whose stream is being watched: those are held as long as it is.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from tocsin.detectors.payment_pack import Pack, pack
from tocsin.detectors.payments import REVIEW, SUPPORT, Assessment, Payments, assess
from tocsin.gateway.access import Caller, allow
from tocsin.gateway.api.messages import OpaqueId, readable, reference
from tocsin.gateway.gateway import Gateway, of_request
from tocsin.gateway.refusals import Refused
from tocsin.gateway.telling import told
from tocsin.model import BENIGN, SIGNALS, Finding, Kind, Observation, utc_text
from tocsin.model.payments import (
    Journey,
    JourneyKind,
    Means,
    Payment,
    PaymentsSeen,
    Purchase,
    PurchaseKind,
    Receiver,
    Tie,
)

router = APIRouter(tags=["payments"])
PAYMENTS: Final = "payments"

MOST_PAYMENTS: Final = 2_000
MOST_OTHERS: Final = 500
_AHEAD: Final = timedelta(days=1)
_NEXT: Final = {
    "quiet": "Nothing is put before anybody.",
    REVIEW: "For review by a person, with the benign explanations beside it. Indicators prove nothing.",
    SUPPORT: "For people who help: the payer may be under pressure. Never show it among payments for review.",
}


def exact(value: object) -> object:
    """Take money as text or a whole number; a binary fraction has lost its cents already."""
    if isinstance(value, bool | float):
        raise ValueError('money is text, such as "25.50", or a whole number')
    return value


Money = Annotated[
    Decimal,
    BeforeValidator(exact),
    Field(gt=0, max_digits=16, decimal_places=4, allow_inf_nan=False, examples=["25.50"]),
]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", examples=["PH"])]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ReceiverIn(_In):
    """Who is paid: an opaque id, where the money arrives, and what the service knows of a tie. Never a name."""

    id: OpaqueId
    country: Country | Literal[""] = ""
    kind: Literal["person", "business", "unknown"] = "unknown"
    tie: Tie = Tie.UNKNOWN
    other_senders: Annotated[int, Field(ge=0, le=1_000_000)] | None = None


class PaymentIn(_In):
    """One payment of the account."""

    id: OpaqueId
    at: AwareDatetime
    to: OpaqueId
    amount: Money
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["AUD"])]
    means: Means = Means.UNKNOWN
    memo: Annotated[str, BeforeValidator(readable), Field(max_length=500)] = ""


class PurchaseIn(_In):
    """Something the account bought, in the classes that P5 speaks of."""

    id: OpaqueId
    at: AwareDatetime
    kind: PurchaseKind


class JourneyIn(_In):
    """Something that shows the account's holder at a place."""

    at: AwareDatetime
    country: Country
    kind: JourneyKind = JourneyKind.TRAVEL


class PaymentsIn(_In):
    """One account's payments of the last months. ``purchases`` and ``journeys`` left out: the service sees none."""

    account: OpaqueId
    age_band: Literal["under-13", "13-15", "16-17", "adult", "unknown"] = "unknown"
    time_zone: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_+/-]*$", examples=["Europe/London"])] = ""
    payments: Annotated[list[PaymentIn], Field(min_length=1, max_length=MOST_PAYMENTS)]
    receivers: Annotated[list[ReceiverIn], Field(max_length=MOST_PAYMENTS)] = []
    purchases: Annotated[list[PurchaseIn], Field(max_length=MOST_OTHERS)] | None = None
    journeys: Annotated[list[JourneyIn], Field(max_length=MOST_OTHERS)] | None = None


@router.post("/v1/payments", responses={401: {}, 403: {}, 413: {}, 422: {}, 429: {}})
def weigh(
    body: PaymentsIn,
    caller: Annotated[Caller, Depends(allow("payments"))],
    gateway: Annotated[Gateway, Depends(of_request)],
) -> dict[str, Any]:
    """Weigh an account's payments; return each indicator, the outcome, and what else it may be."""
    now = gateway.clock.now()
    seen = _seen(body, now)
    stands = assess(seen)
    observation = Observation(
        id=sha256(f"{seen.account}\n{utc_text(seen.until)}".encode()).hexdigest()[:24],
        kind=Kind.PAYMENT,
        at=now,
        sensor="payments",
        body=seen,
        app="payments",
        title=seen.account,
        thread=f"account\n{seen.account}",
    )
    finding = Payments().finding(observation, stands)
    recorded = finding is not None and gateway.road.record([finding], observation, facts=_facts(seen, stands)) > 0
    streams = {}
    if stands.outcome != SUPPORT:
        streams = gateway.watches.linked(seen, for_review=stands.outcome == REVIEW)
    told_of = [finding.id] if finding is not None else []
    counts = {"payments": len(seen.payments), "outcome": stands.outcome, "recorded": recorded}
    gateway.audit.write(caller, PAYMENTS, reference(seen.account), **counts, findings=told_of)
    if streams:
        counts["streams"] = len(streams)
    return _answer(seen, stands, finding, recorded, now, streams)


def _seen(body: PaymentsIn, now: datetime) -> PaymentsSeen:
    """Return the payments as they are weighed; the same id twice is one payment, and the first stands."""
    payments: dict[str, Payment] = {}
    for one in body.payments:
        if one.at > now + _AHEAD:
            raise Refused(422, f"The payment {one.id} is from the future ({utc_text(one.at)}); check its clock.")
        payments.setdefault(one.id, Payment(**{**one.model_dump(), "at": one.at.astimezone(UTC)}))
    return PaymentsSeen(
        account=body.account,
        until=max(now, max(one.at for one in payments.values())),
        payments=tuple(payments.values()),
        receivers=tuple(Receiver(**one.model_dump()) for one in body.receivers),
        purchases=None if body.purchases is None else tuple(Purchase(**one.model_dump()) for one in body.purchases),
        journeys=None if body.journeys is None else tuple(Journey(**one.model_dump()) for one in body.journeys),
        age_band=body.age_band,
        time_zone=body.time_zone,
    )


def _answer(
    seen: PaymentsSeen,
    stands: Assessment,
    finding: Finding | None,
    recorded: bool,
    now: datetime,
    streams: Mapping[str, list[str]],
) -> dict[str, Any]:
    by = pack()
    unknown = [("currency", one.currency, "not listed") for one in seen.payments if one.currency not in by.rates]
    unknown += _nowhere(seen)
    return {
        "account": seen.account,
        "outcome": stands.outcome,
        "because": stands.because,
        "next": _NEXT[stands.outcome],
        "score": stands.score,
        "score_needed": by.score,
        "families": list(stands.families),
        "indicators": _indicators(stands),
        "finding": {**told(finding), "account": seen.account, "recorded": recorded} if finding is not None else None,
        "benign": _benign(stands),
        "base_rate": by.base_rate,
        "not_examined": [{"what": what, "id": name, "reason": why} for what, name, why in sorted({*unknown})],
        "indicators_dated": by.dated,
        "to_be_confirmed": list(by.secondary),
        "notes": _notes(by, now),
        "streams": [{"stream": name, "payments": made} for name, made in streams.items()],
        "retention": {"minutes": 0, "payments_held": len({one for made in streams.values() for one in made})},
    }


def _nowhere(seen: PaymentsSeen) -> list[tuple[str, str, str]]:
    """Return the receivers whose payments count, and of whom nobody said where the money arrives."""
    known = {one.id: one for one in seen.receivers}
    found = []
    for name in {one.to for one in seen.payments}:
        there = known.get(name)
        if there is None:
            found.append(("receiver", name, "not among the receivers"))
        elif not there.country and there.kind != "business" and there.tie is not Tie.FAMILY:
            found.append(("receiver", name, "no country stated"))
    return found


def _indicators(stands: Assessment) -> list[dict[str, Any]]:
    by = pack()
    return [
        {
            "id": one.id,
            "name": by.rules[one.id].name,
            "words": SIGNALS[by.rules[one.id].name],
            "family": by.rules[one.id].family,
            "state": one.state,
            "because": one.because,
            "strength": round(one.strength, 3),
            "payments": list(one.payments),
            "source": by.rules[one.id].source,
        }
        for one in stands.indicators
    ]


def _benign(stands: Assessment) -> list[dict[str, str]]:
    codes = dict.fromkeys(code for one in stands.fired for code in pack().rules[one.id].benign)
    return [{"code": code, "words": BENIGN[code]} for code in codes]


def _notes(by: Pack, now: datetime) -> list[str]:
    if now.date() <= by.review_by:
        return []
    return [f"The indicators were due for review on {by.review_by}; weigh this answer with that in mind."]


def _facts(seen: PaymentsSeen, stands: Assessment) -> dict[str, Any]:
    """Return what is sealed for whoever reviews: the payments that the indicators rest on, and no others."""
    rests = {name for one in stands.fired for name in one.payments}
    return {
        "account": seen.account,
        "outcome": stands.outcome,
        "score": stands.score,
        "indicators": [{"id": one.id, "state": one.state, "because": one.because} for one in stands.indicators],
        "payments": [
            {
                "id": one.id, "at": utc_text(one.at), "to": one.to, "amount": str(one.amount),
                "currency": one.currency, "means": str(one.means), "memo": one.memo,
            }
            for one in seen.payments
            if one.id in rests
        ],
    }  # fmt: skip
