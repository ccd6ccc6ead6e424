"""Invented payers: honest ones by documented profiles, and the published typologies. Seeded; nobody real is in here.

Every honest payer also has *traits* at the rates of :data:`TRAITS`: a VPN, night shifts, a payment app, a visit home.
They are what makes the measurement hard: each is a sign in somebody's list and ordinary in most lives. Three quarters
of the honest payers send to the countries that the indicators list, far more than in life. The service knows a family
tie in less than a third of them. All rates are assumptions, to be argued with; no figure from them is a field figure.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

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

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 180
LISTED = ("PH", "MX", "CO", "DO", "TH")
OTHERS = ("IN", "NG", "VN", "KE", "MA", "PL", "RO", "GT", "PK", "BD")
PAYERS = (
    ("AUD", "Australia/Sydney"), ("USD", "America/Chicago"), ("GBP", "Europe/London"), ("EUR", "Europe/Rome"),
    ("CAD", "America/Toronto"), ("AED", "Asia/Dubai"), ("SGD", "Asia/Singapore"), ("NOK", "Europe/Oslo"),
)  # fmt: skip
TRAITS: Mapping[str, float] = {
    "listed-country": 0.75,
    "tie-known": 0.30,
    "vpn": 0.30,
    "live-video": 0.15,
    "webcam": 0.05,
    "screen-capture": 0.04,
    "night": 0.15,
    "app": 0.40,
    "handle": 0.03,
    "even": 0.70,
    "visit": 0.35,
    "memo": 0.60,
}
"""How many honest payers have each trait."""
_MEMOS = ("family support", "school", "medicine", "food", "rent", "for mama", "happy birthday", "tuition", "thanks")


class Payer:
    """One invented payer, in the making."""

    def __init__(self, chance: random.Random, **traits: float) -> None:
        self.chance = chance
        rates = {**TRAITS, **traits}
        self.has = {name for name, rate in rates.items() if chance.random() < rate}
        self.currency, self.zone = chance.choice(PAYERS)
        self.country = chance.choice(LISTED if "listed-country" in self.has else OTHERS)
        self.scale = {"NOK": 11.0, "AED": 3.9}.get(self.currency, 1.5)
        self.payments: list[Payment] = []
        self.receivers: list[Receiver] = []
        self.purchases: list[Purchase] = []
        self.journeys: list[Journey] = []
        self.age_band = "adult"
        self._live()

    def to(self, number: int, **more: object) -> list[str]:
        """Make receivers; return their ids."""
        made = []
        for _ in range(number):
            name = f"r{len(self.receivers)}"
            tie = Tie.FAMILY if "tie-known" in self.has and self.chance.random() < 0.8 else Tie.UNKNOWN
            given: dict[str, object] = {"country": self.country, "kind": "person", "tie": tie, **more}
            self.receivers.append(Receiver(id=name, **given))  # type: ignore[arg-type]
            made.append(name)
        return made

    def pay(self, to: str, day: float, euros: float, means: Means | None = None, memo: str | None = None) -> None:
        """Add a payment on a day, of about so many euros."""
        if not 0 <= day < DAYS:
            return
        amount = euros * self.scale
        step = 10 if "even" in self.has else 1
        whole = max(step, round(amount / step) * step)
        cents = Decimal(0) if "even" in self.has else Decimal(self.chance.randrange(100)) / 100
        hour = self.chance.choice((22, 23, 0, 1, 2)) if "night" in self.has else self.chance.randrange(7, 22)
        if memo is None:
            memo = self.chance.choice(_MEMOS) if "memo" in self.has else ""
            if "handle" in self.has and self.chance.random() < 0.5:
                memo += " @somebody"
        usual = Means.PERSON_TO_PERSON if "app" in self.has else self.chance.choice((Means.REMITTANCE, Means.BANK))
        self.payments.append(
            Payment(
                id=f"p{len(self.payments)}", at=self._moment(day, hour), to=to, amount=Decimal(whole) + cents,
                currency=self.currency, means=means or usual, memo=memo,
            )
        )  # fmt: skip

    def buy(self, kind: PurchaseKind, day: float) -> None:
        """Add a purchase."""
        at = START + timedelta(days=day, hours=self.chance.randrange(24))
        self.purchases.append(Purchase(id=f"b{len(self.purchases)}", at=at, kind=kind))

    def visit(self, day: float, draws: int) -> None:
        """Add a journey to where the money goes, with cash drawn there."""
        self.journeys.append(Journey(at=START + timedelta(days=day), country=self.country))
        for _ in range(draws):
            at = START + timedelta(days=day + self.chance.uniform(0, 14))
            self.journeys.append(Journey(at=at, country=self.country, kind=JourneyKind.CASH))

    def seen(self, name: str) -> PaymentsSeen:
        """Return what a service would send of this payer."""
        return PaymentsSeen(
            account=name, until=START + timedelta(days=DAYS), payments=tuple(self.payments),
            receivers=tuple(self.receivers), purchases=tuple(self.purchases), journeys=tuple(self.journeys),
            age_band=self.age_band, time_zone=self.zone,
        )  # fmt: skip

    def regular(self, to: Sequence[str], every: float, euros: tuple[float, float], spread: float = 0.15) -> None:
        """Pay each receiver about every so many days, about the same."""
        for name in to:
            usual, day = self.chance.uniform(*euros), self.chance.uniform(0, every)
            while day < DAYS:
                self.pay(name, day, usual * self.chance.uniform(1 - spread, 1 + spread))
                day += every * self.chance.uniform(0.8, 1.2)

    def _live(self) -> None:
        """Add what the traits bring: subscriptions, purchases, a visit."""
        for trait, kind in (("vpn", PurchaseKind.VPN), ("live-video", PurchaseKind.LIVE_VIDEO)):
            if trait in self.has:
                first = self.chance.uniform(0, 30)
                for month in range(6):
                    self.buy(kind, first + 30 * month)
        for trait, kind in (("webcam", PurchaseKind.WEBCAM), ("screen-capture", PurchaseKind.SCREEN_CAPTURE)):
            if trait in self.has:
                self.buy(kind, self.chance.uniform(0, DAYS))
        if "visit" in self.has:
            self.visit(self.chance.uniform(10, DAYS - 20), self.chance.randint(0, 6))

    def _moment(self, day: float, hour: int) -> datetime:
        from zoneinfo import ZoneInfo

        local = (START + timedelta(days=int(day))).replace(tzinfo=ZoneInfo(self.zone))
        return local.replace(hour=hour, minute=self.chance.randrange(60)).astimezone(UTC)


def family_support(payer: Payer) -> None:
    """One or two relatives, every fortnight or month."""
    payer.regular(payer.to(payer.chance.randint(1, 2)), payer.chance.choice((14, 30)), (60, 300))


def weekly_small(payer: Payer) -> None:
    """Up to three relatives, small sums every week."""
    payer.regular(payer.to(payer.chance.randint(1, 3)), 7, (12, 60))


def large_family(payer: Payer) -> None:
    """Four to eight relatives and friends, small sums every few weeks."""
    payer.regular(payer.to(payer.chance.randint(4, 8)), payer.chance.uniform(14, 35), (12, 80))


def school_fees(payer: Payer) -> None:
    """Small monthly sums, and fees at the beginning of a term."""
    to = payer.to(payer.chance.randint(1, 3))
    payer.regular(to, 30, (20, 70))
    for term in (20.0, 100.0):
        for name in to:
            payer.pay(name, term + payer.chance.uniform(0, 12), payer.chance.uniform(150, 600), memo="tuition uniform")


def seasonal_gifts(payer: Payer) -> None:
    """Many relatives within ten days before a feast, and one every month."""
    to = payer.to(payer.chance.randint(6, 14))
    payer.regular(to[:1], 30, (50, 200))
    feast = payer.chance.uniform(30, 150)
    for name in to:
        payer.pay(
            name, feast - payer.chance.uniform(0, 10), payer.chance.choice((15, 20, 25, 30)), memo="happy holidays"
        )


def hospital(payer: Payer) -> None:
    """Monthly support, then weeks of larger and more frequent sums for a relative who is ill."""
    to = payer.to(payer.chance.randint(1, 3))
    payer.regular(to, 30, (30, 90))
    day, gap = payer.chance.uniform(90, 130), 7.0
    for _ in range(payer.chance.randint(5, 12)):
        payer.pay(payer.chance.choice(to), day, payer.chance.uniform(60, 250), memo="hospital")
        day, gap = day + gap, max(1.5, gap * 0.8)


def savings_circle(payer: Payer) -> None:
    """Even sums every month to the heads of savings circles, whom many others pay, too."""
    to = payer.to(payer.chance.randint(1, 4), other_senders=payer.chance.randint(4, 14), tie=Tie.UNKNOWN)
    payer.regular(to, payer.chance.choice((7, 14, 30)), (30, 120), spread=0.0)


def remote_staff(payer: Payer) -> None:
    """Weekly pay for people who work from abroad, by a processor."""
    kind = payer.chance.choice(("business", "unknown"))
    payer.regular(payer.to(payer.chance.randint(3, 8), kind=kind, tie=Tie.NONE), 7, (25, 120), spread=0.3)
    payer.payments = [
        Payment(**{**_fields(one), "means": Means.PROCESSOR, "memo": "invoice"}) for one in payer.payments
    ]


def partner_abroad(payer: Payer) -> None:
    """Gifts every week to one person abroad, who is not yet family."""
    payer.regular(payer.to(1, tie=Tie.UNKNOWN), 7, (20, 100), spread=0.5)


def creator_fan(payer: Payer) -> None:
    """Small sums to several people who stream or draw, at home and abroad."""
    to = payer.to(payer.chance.randint(4, 10), kind=payer.chance.choice(("business", "unknown")), tie=Tie.NONE)
    payer.regular(to, payer.chance.uniform(10, 30), (5, 25), spread=0.5)


def teenager(payer: Payer) -> None:
    """Somebody under 18 who pays friends back, buys for games, and has busy weekends."""
    payer.age_band = payer.chance.choice(("13-15", "16-17"))
    payer.country = ""
    friends = payer.to(payer.chance.randint(3, 8), tie=Tie.UNKNOWN, country="")
    for _ in range(payer.chance.randint(8, 40)):
        payer.pay(payer.chance.choice(friends), payer.chance.uniform(0, DAYS), payer.chance.choice((3, 5, 8, 12, 20)))
    for _ in range(payer.chance.randint(0, 4)):
        day, friend = payer.chance.uniform(0, DAYS), payer.chance.choice(friends)
        for _ in range(payer.chance.randint(2, 4)):
            payer.pay(friend, day + payer.chance.uniform(0, 2), payer.chance.choice((5, 8, 12, 25)))
    if payer.chance.random() < 0.3:
        payer.pay(payer.to(1, country="")[0], payer.chance.uniform(0, DAYS), payer.chance.uniform(40, 120))


HONEST: Mapping[str, tuple[Callable[[Payer], None], Mapping[str, float]]] = {
    "family support": (family_support, {}),
    "weekly small sums": (weekly_small, {}),
    "large family": (large_family, {}),
    "school fees": (school_fees, {}),
    "seasonal gifts": (seasonal_gifts, {}),
    "illness at home": (hospital, {}),
    "savings circle": (savings_circle, {"even": 1.0}),
    "staff abroad": (remote_staff, {"live-video": 0.05, "screen-capture": 0.3, "webcam": 0.2}),
    "partner abroad": (partner_abroad, {"visit": 0.6, "live-video": 0.4, "webcam": 0.3}),
    "fan of streamers": (creator_fan, {"live-video": 1.0, "app": 0.7, "visit": 0.02, "webcam": 0.2}),
    "teenager": (teenager, {"app": 0.9, "visit": 0.0, "night": 0.1}),
}
"""Profiles of honest payers, and the traits in which they differ from others."""


def strangers_and_tools(payer: Payer) -> None:
    """Small sums to several strangers, with anonymising, capture and live-video purchases beside them."""
    _strangers(payer, payer.chance.randint(3, 10), payer.chance.randint(10, 40))
    _tools(payer, payer.chance.randint(3, 8))


def rising_and_faster(payer: Payer) -> None:
    """Small sums to strangers that rise while the time between them shrinks; half with purchases beside."""
    to = payer.to(payer.chance.randint(3, 8), tie=payer.chance.choice((Tie.NONE, Tie.UNKNOWN)))
    day, gap, euros = payer.chance.uniform(0, 20), payer.chance.uniform(12, 20), payer.chance.uniform(12, 25)
    while day < DAYS - 1:
        payer.pay(payer.chance.choice(to), day, euros)
        day, gap, euros = day + gap, max(1.0, gap * 0.88), euros * 1.07
    if payer.chance.random() < 0.5:
        _tools(payer, payer.chance.randint(3, 6))


def memos_and_travel(payer: Payer) -> None:
    """Small sums with memos of everyday help, travel and cash there; most with purchases beside."""
    _strangers(payer, payer.chance.randint(2, 6), payer.chance.randint(8, 20), memo=True)
    payer.visit(payer.chance.uniform(40, 140), payer.chance.randint(4, 10))
    if payer.chance.random() < 0.7:
        _tools(payer, payer.chance.randint(3, 6))


def one_receiver_of_many(payer: Payer) -> None:
    """One receiver whom many strangers pay; most with purchases beside."""
    to = payer.to(1, other_senders=payer.chance.randint(5, 30), tie=Tie.NONE)
    for _ in range(payer.chance.randint(8, 25)):
        payer.pay(to[0], payer.chance.uniform(0, DAYS), payer.chance.uniform(12, 60))
    if payer.chance.random() < 0.7:
        _tools(payer, payer.chance.randint(3, 6))


def little_to_see(payer: Payer) -> None:
    """Small sums to two strangers by a payment app and nothing else: what these indicators cannot tell apart."""
    _strangers(payer, 2, payer.chance.randint(8, 20))


def pressed(payer: Payer) -> None:
    """Somebody under 18 who pays somebody new fast, in small sums, and stops."""
    teenager(payer)
    to, day = payer.to(1, tie=Tie.UNKNOWN, country="")[0], payer.chance.uniform(20, 160)
    euros, left = payer.chance.uniform(20, 150), 1400.0
    for _ in range(payer.chance.randint(2, 8)):
        if euros > left:
            break
        payer.pay(to, day, euros, payer.chance.choice((Means.GIFT_CARD, Means.PERSON_TO_PERSON)), memo="")
        left, day, euros = left - euros, day + payer.chance.uniform(0.1, 1.2), euros * payer.chance.uniform(0.8, 1.6)


TYPOLOGIES: Mapping[str, tuple[Callable[[Payer], None], Mapping[str, float]]] = {
    "strangers, and tools": (strangers_and_tools, {}),
    "rising and faster": (rising_and_faster, {}),
    "memos and travel": (memos_and_travel, {}),
    "one receiver of many": (one_receiver_of_many, {}),
    "little to see": (little_to_see, {"app": 1.0}),
    "young payer, pressed": (pressed, {"app": 0.9, "visit": 0.0}),
}
"""The published typologies. ``little to see`` is there to show what is missed."""


def make(
    kinds: Mapping[str, tuple[Callable[[Payer], None], Mapping[str, float]]], name: str, number: int, seed: int
) -> PaymentsSeen:
    """Return one invented payer: the same for the same kind, number and seed."""
    build, traits = kinds[name]
    fixed = {"listed-country": 1.0, "tie-known": 0.0} if kinds is TYPOLOGIES else {}
    payer = Payer(random.Random(f"{seed}/{name}/{number}"), **{**fixed, **traits})
    build(payer)
    return payer.seen(f"{name}-{number}")


def _strangers(payer: Payer, receivers: int, payments: int, memo: bool = False) -> None:
    to = payer.to(receivers, tie=payer.chance.choice((Tie.NONE, Tie.UNKNOWN)))
    begin, span = payer.chance.uniform(0, 60), payer.chance.uniform(50, 120)
    for _ in range(payments):
        words = payer.chance.choice(("uniforms", "medical", "education", "family support")) if memo else None
        payer.pay(
            payer.chance.choice(to), begin + payer.chance.uniform(0, span), payer.chance.uniform(10, 60), memo=words
        )


def _tools(payer: Payer, number: int) -> None:
    kinds = payer.chance.sample([kind for kind in PurchaseKind if kind is not PurchaseKind.OTHER], 3)
    for n in range(number):
        paid = payer.chance.choice(payer.payments)
        payer.buy(kinds[n % 3], (paid.at - START).total_seconds() / 86400 - payer.chance.uniform(0.3, 1.0))


def _fields(one: Payment) -> dict[str, object]:
    return {name: getattr(one, name) for name in ("id", "at", "to", "amount", "currency", "means", "memo")}
