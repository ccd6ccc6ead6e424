"""The payment indicators P1 to P9, one function each, over one account's payments; each names those it rests on.

An indicator *fired*, did *not* fire, or was *not examined* for want of something, which never looks like *not fired*.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tocsin.detectors.payment_pack import Pack, Rule
from tocsin.model.payments import MINOR, JourneyKind, Payment, PaymentsSeen, Purchase, PurchaseKind, Receiver, Tie

FIRED: Final = "fired"
NOT_FIRED: Final = "not-fired"
NOT_EXAMINED: Final = "not-examined"

_SHORTEST_GAP_S: Final = 86_400.0
_HANDLE = re.compile(r"(?:^|\s)[@$][\w.-]{3,}|\b(?:t\.me|wa\.me|snap(?:chat)?|telegram|tele|cashtag|insta)\b\W", re.I)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one indicator: its state, how strongly it fired (0 to 1), why, and on which payments it rests."""

    id: str
    state: str
    because: str
    strength: float = 0.0
    payments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment with what is known around it; ``euros`` is None for a currency that is not listed."""

    payment: Payment
    receiver: Receiver
    euros: Decimal | None
    listed: bool

    @property
    def at(self) -> datetime:
        """When it was paid."""
        return self.payment.at


class Account:
    """One account's payments within the window, made ready for the indicators.

    ``open`` are those to people to whom no family tie is established and who are no business: only these count.
    """

    def __init__(self, seen: PaymentsSeen, pack: Pack) -> None:
        self.seen, self.pack = seen, pack
        receivers = {one.id: one for one in seen.receivers}
        since = seen.until - timedelta(days=pack.window_days)
        paid = []
        for payment in sorted(seen.payments, key=lambda one: (one.at, one.id)):
            if not since <= payment.at <= seen.until:
                continue
            receiver = receivers.get(payment.to) or Receiver(id=payment.to)
            euros = pack.euros(payment.amount, payment.currency)
            paid.append(Paid(payment, receiver, euros, receiver.country in pack.countries))
        self.all = paid
        self.open = [one for one in paid if one.receiver.tie is not Tie.FAMILY and one.receiver.kind != "business"]

    def rule(self, code: str) -> Rule:
        """Return an indicator's settings."""
        return self.pack.rules[code]


def p1(account: Account, _: Mapping[str, Outcome]) -> Outcome:
    """Frequent small payments to a listed country."""
    rule = account.rule("P1")
    if account.open and all(one.euros is None for one in account.open):
        return _not_examined("P1", "none of the currencies is listed")
    low, high = account.pack.money("P1", "low"), account.pack.money("P1", "high")
    small = [one for one in account.open if one.listed and one.euros is not None and low <= one.euros <= high]
    least, span = int(rule.number("least")), timedelta(days=rule.number("within_days"))
    for start in range(len(small) - least, -1, -1):
        if small[start + least - 1].at - small[start].at <= span:
            return _fired("P1", f"{len(small)} payments of €{low:.0f} to €{high:.0f} to a listed country", small)
    return _not("P1", f"fewer than {least} small payments to a listed country within {span.days} days")


def p2(account: Account, _: Mapping[str, Outcome]) -> Outcome:
    """Receivers paid by many others without a tie, or several receivers without a tie to the payer."""
    rule = account.rule("P2")
    by: dict[str, list[Paid]] = defaultdict(list)
    for one in account.open:
        if one.listed:
            by[one.receiver.id].append(one)
    many = [found for found in by.values() if (found[0].receiver.other_senders or 0) >= rule.number("senders")]
    several = [found for found in by.values() if len(found) >= rule.number("each")]
    if len(several) < rule.number("receivers"):
        several = []
    if not many and not several:
        if by and all(found[0].receiver.other_senders is None for found in by.values()):
            return _not("P2", "few receivers; how many others pay them is not known")
        return _not("P2", "few receivers, and few others who pay them")
    rests = [one for found in (*many, *several) for one in found]
    none = sum(one.receiver.tie is Tie.NONE for one in rests) / len(rests)
    unknown = rule.number("unknown_tie")
    words = [f"{len(many)} receivers whom {rule.number('senders'):.0f} or more others pay"] if many else []
    words += [f"{len(several)} receivers without an established tie"] if several else []
    return _fired("P2", " and ".join(words), rests, none + (1 - none) * unknown)


def p3(account: Account, so_far: Mapping[str, Outcome]) -> Outcome:
    """Memos of everyday help on small payments, where P5 or P6 fired."""
    rule = account.rule("P3")
    if not any(so_far[code].state == FIRED for code in rule.given["needs"]):
        return _not("P3", "counts only beside P5 or P6")
    if not any(one.payment.memo for one in account.open):
        return _not_examined("P3", "no memos were sent")
    wanted, below = rule.words("words"), account.pack.money("P3", "below")
    found = [
        one
        for one in account.open
        if one.listed and one.euros is not None and one.euros < below and _has_word(one.payment.memo, wanted)
    ]
    if len(found) < rule.number("least"):
        return _not("P3", "few small payments with a memo of everyday help")
    return _fired("P3", f"{len(found)} payments below €{below:.0f} with a memo of everyday help", found)


def p4(account: Account, _: Mapping[str, Outcome]) -> Outcome:
    """Even amounts, late at night by the payer's clock."""
    rule = account.rule("P4")
    try:
        zone = ZoneInfo(account.seen.time_zone) if account.seen.time_zone else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = None
    if zone is None:
        return _not_examined("P4", "the payer's time zone is not known")
    abroad = [one for one in account.open if one.listed]
    if len(abroad) < rule.number("least"):
        return _not("P4", "too few payments to tell")
    start, end, step = rule.number("from_hour"), rule.number("until_hour"), Decimal(str(rule.number("even")))
    even = [one for one in abroad if one.payment.amount % step == 0]
    night = [one for one in even if (hour := one.at.astimezone(zone).hour) >= start or hour < end]
    if len(even) < rule.number("share_even") * len(abroad) or len(night) < rule.number("share_night") * len(abroad):
        return _not("P4", "amounts are not mostly even, or not mostly at night")
    return _fired("P4", f"{len(night)} of {len(abroad)} payments are of even amounts at night", night)


def p5(account: Account, _: Mapping[str, Outcome]) -> Outcome:
    """Purchases of anonymising, recording or live-video services, near the payments."""
    rule = account.rule("P5")
    if account.seen.purchases is None:
        return _not_examined("P5", "purchases are not seen by the service")
    kinds, span = rule.words("kinds"), timedelta(hours=rule.number("within_hours"))
    wanted = _without_renewals([one for one in account.seen.purchases if str(one.kind) in kinds], rule)
    abroad = [one for one in account.open if one.listed]
    near = [one for one in wanted if any(abs(one.at - paid.at) <= span for paid in abroad)]
    if (
        len(near) < rule.number("least")
        or len({one.kind for one in near}) < rule.number("least_kinds")
        or len(near) < rule.number("share_near") * len(wanted)
    ):
        return _not("P5", "few such purchases near the payments, or of one kind only")
    words = ", ".join(sorted({str(one.kind) for one in near}))
    rests = [paid for paid in abroad if any(abs(one.at - paid.at) <= span for one in near)]
    return _fired("P5", f"{len(near)} purchases ({words}) within {span.days} days of a payment", rests)


def p6(account: Account, _: Mapping[str, Outcome]) -> Outcome:
    """Travel to, or much cash drawn at, a listed destination near payments that go there."""
    rule = account.rule("P6")
    if account.seen.journeys is None:
        return _not_examined("P6", "travel and cash are not seen by the service")
    span = timedelta(days=rule.number("within_days"))
    near = [
        (journey, one)
        for journey in account.seen.journeys
        for one in account.open
        if one.listed and one.receiver.country == journey.country and abs(one.at - journey.at) <= span
    ]
    there = {id(journey): journey for journey, _ in near}.values()
    cash = sum(journey.kind is not JourneyKind.TRAVEL for journey in there)
    if not near or (cash < rule.number("cash") and not any(j.kind is JourneyKind.TRAVEL for j in there)):
        return _not("P6", "no travel or much cash at a listed destination near the payments")
    rests = list({one.payment.id: one for _, one in near}.values())
    return _fired("P6", f"travel or cash at a listed destination within {span.days} days of payments", rests)


def p7(account: Account, _: Mapping[str, Outcome]) -> Outcome:
    """Amounts that rise while the gaps between payments shrink."""
    rule = account.rule("P7")
    abroad = [one for one in account.open if one.listed and one.euros is not None]
    if len(abroad) < rule.number("least"):
        return _not("P7", "too few payments to tell a course")
    third = len(abroad) // 3
    amounts = [float(one.euros or 0) for one in abroad]
    gaps = [(later.at - one.at).total_seconds() for one, later in pairwise(abroad)]
    before, after = median(gaps[:third]), median(gaps[-third:])
    if before < _SHORTEST_GAP_S:
        return _not("P7", "payments began too close together to tell a course")
    rise, shrink = median(amounts[-third:]) / max(0.01, median(amounts[:third])), after / before
    if rise < rule.number("amounts_times") or shrink > rule.number("gaps_times"):
        return _not("P7", "amounts do not rise while gaps shrink")
    return _fired("P7", f"amounts rose {rise:.1f} times while gaps shrank to {shrink:.0%}", abroad)


def p8(account: Account, _: Mapping[str, Outcome]) -> Outcome:
    """Payment by indirect means, or with handles in the memo."""
    rule = account.rule("P8")
    means = rule.words("means")
    abroad = [one for one in account.open if one.listed]
    indirect = [one for one in abroad if str(one.payment.means) in means]
    handles = [one for one in abroad if _HANDLE.search(one.payment.memo + " ")]
    if len(handles) >= rule.number("handles"):
        return _fired("P8", f"{len(handles)} memos hold a handle", handles)
    if len(indirect) >= rule.number("least") and len(indirect) >= rule.number("share") * len(abroad):
        return _fired("P8", f"{len(indirect)} of {len(abroad)} payments by indirect means", indirect)
    return _not("P8", "few payments by indirect means, and few handles in memos")


def p9(account: Account, _: Mapping[str, Outcome]) -> Outcome:
    """A young payer who pays somebody new fast, in small sums, and stops: the payer may be under pressure."""
    rule = account.rule("P9")
    if account.seen.age_band not in MINOR | {"adult"}:
        return _not_examined("P9", "the service states no age band of the payer")
    if account.seen.age_band not in rule.words("age_bands"):
        return _not("P9", "the payer is of age")
    pack, span = account.pack, timedelta(hours=rule.number("within_hours"))
    by: dict[str, list[Paid]] = defaultdict(list)
    for one in account.open:
        if one.euros is not None:
            by[one.receiver.id].append(one)
    for found in by.values():
        total = sum((one.euros or Decimal() for one in found), Decimal())
        first = found[0].euros or Decimal()
        if first >= pack.money("P9", "first_below") or total > pack.money("P9", "total_most"):
            continue
        fast = [one for one in found if one.at - found[0].at <= span]
        if len(fast) < rule.number("least") or sum(one.euros or 0 for one in fast) < pack.money("P9", "fast_least"):
            continue
        if found[-1].at - found[0].at > timedelta(days=rule.number("course_days")):
            continue
        over = account.seen.until - found[-1].at >= timedelta(days=rule.number("stopped_days"))
        because = f"{len(found)} payments to somebody new, begun within {rule.number('within_hours'):.0f} hours"
        return _fired("P9", because + (", then none" if over else ""), found, 1.0 if over else 0.8)
    return _not("P9", "no fast beginning of small payments to somebody new")


Indicator = Callable[[Account, Mapping[str, Outcome]], Outcome]
ALL: Final[tuple[Indicator, ...]] = (p1, p2, p5, p6, p3, p4, p7, p8, p9)
"""In the order they are examined: P3 looks at what P5 and P6 found."""


def _fired(code: str, because: str, rests: Sequence[Paid], strength: float = 1.0) -> Outcome:
    return Outcome(code, FIRED, because, strength, tuple(dict.fromkeys(one.payment.id for one in rests)))


def _not(code: str, because: str) -> Outcome:
    return Outcome(code, NOT_FIRED, because)


def _not_examined(code: str, because: str) -> Outcome:
    return Outcome(code, NOT_EXAMINED, because)


def _without_renewals(bought: Sequence[Purchase], rule: Rule) -> list[Purchase]:
    """Return purchases without the renewals of a subscription: the same kind again after about a month is no news."""
    least, most = (timedelta(days=rule.number(key)) for key in ("renewal_from_days", "renewal_until_days"))
    kept: list[Purchase] = []
    before: dict[PurchaseKind, list[datetime]] = defaultdict(list)
    for one in sorted(bought, key=lambda one: (one.at, one.id)):
        if not any(least <= one.at - at <= most for at in before[one.kind]):
            kept.append(one)
        before[one.kind].append(one.at)
    return kept


def _has_word(memo: str, wanted: frozenset[str]) -> bool:
    text = " ".join(re.findall(r"\w+", memo.casefold()))
    return any(re.search(rf"\b{re.escape(word)}\b", text) for word in wanted)
