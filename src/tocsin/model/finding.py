"""Finding: what a detector makes of an observation. Severity and confidence are kept apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from tocsin.model.media import Match
from tocsin.model.observation import Speaker


class Category(StrEnum):
    """What kind of concern. Tocsin's own scheme, version 1 (docs name each with its escalation row)."""

    KNOWN_MEDIA = "known-media-match"
    NEAR_MATCH = "near-match"
    SELF_GENERATED = "self-generated-concern"
    GROOMING = "grooming-signal"
    SEXTORTION = "sextortion-signal"
    LIVE_STREAM = "live-stream-concern"
    PAYMENT = "payment-indicator"
    SUPPORT = "support-indicator"
    CONDITION = "condition-observation"


CATEGORIES: Mapping[str, str] = MappingProxyType(
    {
        Category.KNOWN_MEDIA: "known media",
        Category.NEAR_MATCH: "near match of known media",
        Category.SELF_GENERATED: "self-generated picture, concern",
        Category.GROOMING: "contact",
        Category.SEXTORTION: "pressure or threat for pictures or money",
        Category.LIVE_STREAM: "live video, concern",
        Category.PAYMENT: "payment indicator",
        Category.SUPPORT: "somebody may need support",
        Category.CONDITION: "condition of the order",
    }
)
"""The words a person reads for each category."""

SIGNALS: Mapping[str, str] = MappingProxyType(
    {
        "age-asked": "asks age",
        "age-under-18": "stated age under 18",
        "secrecy": "secrecy",
        "isolation": "isolation from others",
        "private-app": "move to a private app",
        "gift-or-money": "gifts or money",
        "picture-request": "asks for pictures",
        "live-video-for-pay": "live video for pay",
        "meeting-travel": "travel to meet",
        "adults-near": "checks whether adults are near",
        "exclusivity": "flattery with exclusivity",
        "threat": "threat to share or tell",
        "phrase": "indicator phrase",
        "private-window": "private window",
        "tor": "Tor or another anonymising browser",
        "vpn": "VPN client",
        "wiper": "wiping or history-cleaning tool",
        "vault": "vault or hidden-container tool",
        "virtual-machine": "virtual machine or sandbox",
        "device-silent": "device silent",
        "notice-refused": "notice refused or closed",
        "agent-removed": "agent removed or stopped",
        "journal-gap": "gap in the device's journal",
        "clock-jump": "device clock changed",
        "not-scanned": "something could not be examined",
        "known-hash": "on a hash list",
        "classifier": "the operator's own classifier",
        "rung-note": "noted: too little to call a person for",
        "rung-ring": "a person is asked to look at the stream",
        "rung-hold": "the platform is asked to hold the stream for a person",
        "small-remittances": "frequent small payments to a listed country",
        "unrelated-parties": "payments between several people without a known tie",
        "everyday-memo": "memo of everyday help, beside another indicator",
        "even-amounts-at-night": "even amounts, late at night by the payer's clock",
        "concealing-purchases": "purchases of anonymising, recording or live-video services",
        "travel-near-payments": "travel or cash at a listed destination near the payments",
        "rising-faster": "amounts rise while the time between them shrinks",
        "indirect-payment": "payment by gift card, virtual asset or processor, or with a handle in the memo",
        "payer-pressed": "a payer who may be under pressure",
    }
)
"""Signal names (what the hub may read) and the words a person reads for them."""

BENIGN: Mapping[str, str] = MappingProxyType(
    {
        "relative": "a relative or family friend with reason to be in touch",
        "wrong-person": "another person using the device or the account",
        "age-peer": "people of the same age talking",
        "professional": "a teacher, coach, carer or shop doing their work",
        "quotation": "news, fiction, homework or online-safety material being read",
        "joke": "a joke or a game between friends",
        "consented": "contact that is allowed with consent",
        "work-tool": "a tool required for work or built into the device",
        "outage": "power-off, network outage or system update",
        "repair": "repair or reinstallation by a vendor",
        "read-error": "words or pictures were misread",
        "remittance": "ordinary family support",
        "school-fees": "school fees or help with education",
        "seasonal-gifts": "gifts at a holiday or feast",
        "shared-costs": "shared rent, bills or savings circles",
        "trade": "buying, selling or paying for work",
        "subscription": "a subscription, game or creator paid for regularly",
    }
)
"""Codes of benign explanations, shown beside every alert that they fit."""


class Direction(StrEnum):
    """Who to whom, as far as it shows."""

    FROM_SUBJECT = "from-subject"
    TO_SUBJECT = "to-subject"
    UNKNOWN = "unknown"

    @staticmethod
    def of(speaker: Speaker) -> "Direction":
        """Return the direction of words said by ``speaker``."""
        return _DIRECTIONS[speaker]


_DIRECTIONS = {
    Speaker.SUBJECT: Direction.FROM_SUBJECT,
    Speaker.OTHER: Direction.TO_SUBJECT,
    Speaker.UNKNOWN: Direction.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Quote:
    """Words a finding rests on, in order of time; sealed before they are stored anywhere.

    ``spans`` are (start, end) character offsets into ``text`` of the exact words that fired.
    """

    text: str
    speaker: Speaker = Speaker.UNKNOWN
    at: datetime | None = None
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Signal:
    """One sign that was seen: its name (a key of SIGNALS), who to whom, and how surely, 0 to 1."""

    name: str
    direction: Direction = Direction.UNKNOWN
    confidence: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a detector makes of an observation.

    ``severity`` 1 to 5: how bad if true. ``confidence`` 0 to 1: how likely true. ``why`` is a sentence a
    person can check and may quote the screen, so it is private, as ``quotes`` are: both are only ever sealed.
    ``not_seen`` names the detector's signals that did not fire, ``benign`` codes of BENIGN that fit.
    ``thread`` is the observation's thread. ``refines`` is true when the same detector has already reported
    this thread and now reports more (it rings again only if severity rose). ``matches`` are the entries of hash
    lists it rests on, the strongest first.
    """

    id: str
    at: datetime
    detector: str
    version: str
    category: Category
    severity: int
    confidence: float
    why: str
    observation: str
    signals: tuple[Signal, ...] = ()
    not_seen: tuple[str, ...] = ()
    benign: tuple[str, ...] = ()
    quotes: tuple[Quote, ...] = ()
    app: str = ""
    title: str = ""
    thread: str = ""
    refines: bool = False
    matches: tuple[Match, ...] = ()

    def __post_init__(self) -> None:
        """Refuse values that would read wrongly later."""
        if not 1 <= self.severity <= 5:
            raise ValueError(f"severity is 1 to 5, not {self.severity}")
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"confidence is 0 to 1, not {self.confidence}")
