from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tocsin.detectors.payment_indicators import ALL, FIRED, NOT_EXAMINED, NOT_FIRED, Account
from tocsin.detectors.payment_pack import pack
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

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def paid(days, amounts=40, to="r0", currency="AUD", hour=0, **more):
    amounts = amounts if isinstance(amounts, list) else [amounts] * len(days)
    return tuple(
        Payment(
            id=f"{to}-{n}",
            at=START + timedelta(days=day, hours=hour),
            to=to,
            amount=Decimal(str(amount)),
            currency=currency,
            **more,
        )
        for n, (day, amount) in enumerate(zip(days, amounts, strict=True))
    )


def look(payments, receivers=(Receiver(id="r0", country="PH", kind="person"),), **more):
    seen = PaymentsSeen(
        account="a", until=START + timedelta(days=120), payments=tuple(payments), receivers=tuple(receivers), **more
    )
    account, found = Account(seen, pack()), {}
    for indicator in ALL:
        outcome = indicator(account, found)
        found[outcome.id] = outcome
    return found


def test_p1_needs_frequent_small_sums_to_a_listed_country():
    assert look(paid(range(0, 42, 7)))["P1"].state == FIRED
    assert look(paid(range(0, 42, 7)))["P1"].payments == tuple(f"r0-{n}" for n in range(6))
    assert look(paid(range(0, 35, 7)))["P1"].state == NOT_FIRED
    assert look(paid(range(0, 120, 20)))["P1"].state == NOT_FIRED
    assert look(paid(range(0, 42, 7), amounts=900))["P1"].state == NOT_FIRED
    assert look(paid(range(0, 42, 7)), [Receiver(id="r0", country="FR")])["P1"].state == NOT_FIRED
    assert look(paid(range(0, 42, 7), currency="XXX"))["P1"].state == NOT_EXAMINED


@pytest.mark.parametrize("receiver", [{"tie": Tie.FAMILY}, {"kind": "business"}])
def test_family_and_businesses_do_not_count(receiver):
    found = look(paid(range(0, 90, 3)), [Receiver(id="r0", country="PH", other_senders=50, **receiver)])
    assert all(found[code].state != FIRED for code in found)


def test_what_lies_outside_the_window_does_not_count():
    assert look(paid(range(-400, -300, 3)))["P1"].state == NOT_FIRED
    assert look(paid(range(130, 200, 3)))["P1"].state == NOT_FIRED


def test_p2_knows_many_senders_or_several_receivers_and_counts_an_unknown_tie_less():
    hub = look(paid([0, 5]), [Receiver(id="r0", country="PH", tie=Tie.NONE, other_senders=7)])["P2"]
    assert (hub.state, hub.strength) == (FIRED, 1.0)
    many = [Receiver(id=f"r{n}", country="PH") for n in range(4)]
    payments = [one for n in range(4) for one in paid([n, n + 20], to=f"r{n}")]
    several = look(payments, many)["P2"]
    assert several.state == FIRED
    assert 0 < several.strength < 1
    assert look(payments[:6], many)["P2"].state == NOT_FIRED


def test_p3_counts_only_beside_p5_or_p6():
    payments = paid(range(0, 42, 7), memo="School UNIFORMS!")
    assert look(payments)["P3"].state == NOT_FIRED
    away = (Journey(at=START + timedelta(days=10), country="PH"),)
    assert look(payments, journeys=away)["P3"].state == FIRED
    assert look(paid(range(0, 42, 7)), journeys=away)["P3"].state == NOT_EXAMINED
    assert look(paid(range(0, 42, 7), memo="x"), journeys=away)["P3"].state == NOT_FIRED


def test_p4_reads_the_payers_own_clock():
    payments = paid(range(0, 42, 7), hour=1)
    assert look(payments)["P4"].state == NOT_EXAMINED
    assert look(payments, time_zone="No/Where")["P4"].state == NOT_EXAMINED
    assert look(payments, time_zone="../../etc/passwd")["P4"].state == NOT_EXAMINED
    assert look(payments, time_zone="Europe/London")["P4"].state == NOT_FIRED
    assert look(payments, time_zone="Australia/Sydney")["P4"].state == FIRED
    odd = paid(range(0, 42, 7), amounts=41.5, hour=1)
    assert look(odd, time_zone="Australia/Sydney")["P4"].state == NOT_FIRED


def bought(*days, kinds=tuple(PurchaseKind)):
    return tuple(
        Purchase(id=f"b{n}", at=START + timedelta(days=day), kind=kinds[n % len(kinds)]) for n, day in enumerate(days)
    )


def test_p5_needs_several_kinds_near_the_payments():
    payments = paid(range(0, 42, 7))
    assert look(payments)["P5"].state == NOT_EXAMINED
    assert look(payments, purchases=())["P5"].state == NOT_FIRED
    assert look(payments, purchases=bought(0, 7, 15))["P5"].state == FIRED
    assert look(payments, purchases=bought(0, 7, 15, kinds=(PurchaseKind.VPN,)))["P5"].state == NOT_FIRED
    assert look(payments, purchases=bought(60, 70, 80))["P5"].state == NOT_FIRED


def test_p5_takes_the_renewals_of_a_subscription_for_none():
    monthly = bought(0, 0, 28, 28, 56, 56, kinds=(PurchaseKind.VPN, PurchaseKind.LIVE_VIDEO))
    assert look(paid(range(0, 70, 7)), purchases=monthly)["P5"].state == NOT_FIRED


def test_p6_needs_travel_or_much_cash_where_the_money_goes():
    payments = paid(range(0, 42, 7))

    def there(count, kind, country="PH"):
        return tuple(Journey(at=START + timedelta(days=n), country=country, kind=kind) for n in range(count))

    assert look(payments)["P6"].state == NOT_EXAMINED
    assert look(payments, journeys=there(1, JourneyKind.TRAVEL))["P6"].state == FIRED
    assert look(payments, journeys=there(1, JourneyKind.TRAVEL, "TH"))["P6"].state == NOT_FIRED
    assert look(payments, journeys=there(2, JourneyKind.CASH))["P6"].state == NOT_FIRED
    assert look(payments, journeys=there(3, JourneyKind.CASH))["P6"].state == FIRED


def test_p7_needs_amounts_that_rise_and_gaps_that_shrink():
    days = [0, 20, 38, 54, 66, 76, 84, 89, 92, 94]
    rising = [20 + 8 * n for n in range(10)]
    assert look(paid(days, rising))["P7"].state == FIRED
    assert look(paid(days))["P7"].state == NOT_FIRED
    assert look(paid(range(0, 100, 10), rising))["P7"].state == NOT_FIRED
    assert look(paid([0] * 12, list(range(20, 140, 10))))["P7"].state == NOT_FIRED


def test_p8_knows_indirect_means_and_handles():
    assert look(paid(range(4), means=Means.GIFT_CARD))["P8"].state == FIRED
    assert look(paid(range(4), means=Means.BANK))["P8"].state == NOT_FIRED
    assert look(paid(range(4), memo="for @some.body"))["P8"].state == FIRED
    assert look(paid(range(4), memo="mail me at a@b.example"))["P8"].state == NOT_FIRED


def test_p9_is_about_a_young_payer_and_somebody_new():
    fast = paid([0, 0.5, 1, 1.5], [50, 100, 150, 100], currency="EUR")
    assert look(fast)["P9"].state == NOT_EXAMINED
    assert look(fast, age_band="adult")["P9"].state == NOT_FIRED
    young = look(fast, age_band="16-17")["P9"]
    assert (young.state, young.strength) == (FIRED, 1.0)
    assert young.because.endswith(", then none")
    small = paid([0, 0.5, 1], [3, 5, 8], currency="EUR")
    assert look(small, age_band="16-17")["P9"].state == NOT_FIRED
    friend = paid([0, 0.5, 1, 60], [30, 30, 30, 5], currency="EUR")
    assert look(friend, age_band="16-17")["P9"].state == NOT_FIRED
    large = paid([0, 0.5, 1], [900, 900, 900], currency="EUR")
    assert look(large, age_band="16-17")["P9"].state == NOT_FIRED
    going_on = paid([118, 118.5, 119], [50, 50, 50], currency="EUR")
    assert look(going_on, age_band="16-17")["P9"].strength < 1


def test_no_payments_and_wild_sums_trouble_nothing():
    assert all(one.state != FIRED for one in look(()).values())
    wild = paid(range(12), [0, 0.0001, 10**15, *range(1, 10)])
    assert len(look(wild, time_zone="UTC", purchases=(), journeys=(), age_band="13-15")) == 9
