import json
from datetime import date
from decimal import Decimal

import jsonschema
import yaml

from tocsin import packs
from tocsin.detectors.payment_pack import pack
from tocsin.model import BENIGN, SIGNALS
from tocsin.model.payments import MINOR, Means, PurchaseKind


def test_the_pack_satisfies_its_schema():
    schema = json.loads(packs.read_text("payments.schema.json"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(packs.read_text("payments.yaml")))


def test_every_code_in_the_pack_is_one_that_is_known():
    found = pack()
    assert sorted(found.rules) == [f"P{n}" for n in range(1, 10)]
    for rule in found.rules.values():
        assert rule.name in SIGNALS
        assert set(rule.benign) <= set(BENIGN)
    assert found.rules["P5"].words("kinds") <= {str(kind) for kind in PurchaseKind}
    assert found.rules["P8"].words("means") <= {str(means) for means in Means}
    assert found.rules["P9"].words("age_bands") == MINOR


def test_the_guard_never_rests_on_a_pattern_alone_and_families_differ():
    found = pack()
    assert found.pattern == {"P1", "P2"}
    assert not found.pattern & found.beside
    assert found.least_families >= 2
    assert {found.rules[code].family for code in found.pattern}.isdisjoint(
        {found.rules[code].family for code in found.beside}
    )
    assert max(sum(found.rules[code].weight for code in found.pattern) + found.soft_limit, 0) < found.score


def test_lists_and_thresholds_are_dated_and_say_what_was_not_confirmed():
    found = pack()
    assert date.fromisoformat(found.dated) < found.review_by
    assert {"P1.high", "P9.first_below", "P9.total_most", "currencies"} <= set(found.secondary)
    assert "P1.low" not in found.secondary


def test_money_is_decimal_and_an_unknown_currency_is_no_number():
    found = pack()
    assert found.euros(Decimal("10"), "EUR") == Decimal("10")
    assert isinstance(found.money("P1", "low"), Decimal)
    assert found.euros(Decimal("10"), "XXX") is None
