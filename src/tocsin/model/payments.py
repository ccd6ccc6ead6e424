"""Payments as a service knows them: one account's, over a stretch of time. Ids are opaque; money is Decimal.

What is never asked, and has no field here: names, nationality, ethnicity, religion and sex.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

MINOR = frozenset({"under-13", "13-15", "16-17"})
"""The age bands of people under 18."""


class Means(StrEnum):
    """How a payment was made."""

    REMITTANCE = "remittance"
    BANK = "bank"
    CARD = "card"
    WALLET = "wallet"
    PERSON_TO_PERSON = "p2p"
    GIFT_CARD = "gift-card"
    VIRTUAL_ASSET = "virtual-asset"
    PROCESSOR = "processor"
    CASH = "cash"
    UNKNOWN = "unknown"


class PurchaseKind(StrEnum):
    """What was bought, in the classes that an indicator speaks of; everything else is ``other``."""

    VPN = "vpn"
    ANONYMISER = "anonymiser"
    TRACK_CLEANER = "track-cleaner"
    SCREEN_CAPTURE = "screen-capture"
    VIDEO_CAPTURE = "video-capture"
    WEBCAM = "webcam"
    LIVE_VIDEO = "live-video"
    OTHER = "other"


class JourneyKind(StrEnum):
    """What was seen at a place: a journey, cash drawn there, or a gift bought there."""

    TRAVEL = "travel"
    CASH = "cash"
    GIFT = "gift"


class Tie(StrEnum):
    """Whether payer and receiver are one family, as the service established it. *Unknown* is a value."""

    FAMILY = "family"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Who is paid. ``country`` is where the money arrives (ISO 3166-1, two letters), never a person's nationality.

    ``other_senders`` is how many other accounts without a family tie paid them, as the service counts; None: unknown.
    """

    id: str
    country: str = ""
    kind: str = "unknown"
    tie: Tie = Tie.UNKNOWN
    other_senders: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One payment of the account."""

    id: str
    at: datetime
    to: str
    amount: Decimal
    currency: str
    means: Means = Means.UNKNOWN
    memo: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """Something that the account bought."""

    id: str
    at: datetime
    kind: PurchaseKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """Something that shows the account's holder at a place."""

    at: datetime
    country: str
    kind: JourneyKind = JourneyKind.TRAVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentsSeen:
    """One account's payments up to ``until``, with what the service knows around them.

    ``time_zone`` (IANA) is the payer's clock; '' = not known. ``purchases`` and ``journeys`` are None where the
    service does not see any, which is not the same as none.
    """

    account: str
    until: datetime
    payments: tuple[Payment, ...]
    receivers: tuple[Receiver, ...] = ()
    purchases: tuple[Purchase, ...] | None = None
    journeys: tuple[Journey, ...] | None = None
    age_band: str = "unknown"
    time_zone: str = ""
