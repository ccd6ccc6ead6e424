import re
from datetime import UTC, datetime, timedelta

import jsonschema
import pytest
import yaml

from tocsin import orders, packs
from tocsin.orders.conditions import conditions

FORBIDDEN = re.compile(r"breach|violat|offen[cs]e|offender|groomer|victim", re.IGNORECASE)
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", orders.TEMPLATES)
def test_an_unfilled_template_cannot_be_signed(name):
    text = orders.template(name)
    lines = orders.placeholders(text)
    assert len(lines) > 15
    with pytest.raises(orders.OrderError) as caught:
        orders.sign(text, orders.keygen())
    assert all(re.search(rf"\b{line}\b", str(caught.value)) for line in lines)


@pytest.mark.parametrize("name", orders.TEMPLATES)
def test_a_template_filled_in_is_a_valid_order(name, keys):
    text = orders.template(name)
    moments = iter(["2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"])
    recipients = iter([keys[0][1], keys[1][1]])
    text = re.sub(r'(?m)^(from|until): ".*"$', lambda found: f"{found[1]}: {next(moments)}", text)
    text = re.sub(r'(?m)age: ".*"$', lambda found: f"age: {next(recipients)}", text)
    order = orders.parse(re.sub(r"<<[^>]*>>", "the real words", text.replace("<<full name", "<<the full name")))
    assert orders.permit(order, NOW).active


@pytest.mark.parametrize("name", orders.TEMPLATES)
def test_an_example_is_plainly_marked_and_runs_from_yesterday_for_a_year(name, keys):
    text = orders.template(name, example=True, recipient=keys[0][1], recovery=keys[1][1], now=NOW)
    order = orders.parse(text)
    assert order.example
    assert order.title.startswith("EXAMPLE")
    assert all(clause.text.startswith("EXAMPLE") for clause in order.clauses)
    assert order.recipient_keys == (keys[0][1], keys[1][1])
    assert order.begins == NOW - timedelta(days=1)
    assert order.ends == NOW + timedelta(days=365)
    called_for = {"known-media", "live-stream", "payments"} if name == "platform-policy" else {"concealment"}
    assert orders.permit(order, NOW).detectors >= {"phrases", "conversation"} | called_for
    assert orders.verify(orders.sign(text, orders.keygen())).order == order


@pytest.mark.parametrize("name", orders.TEMPLATES)
def test_examples_satisfy_the_published_schema_as_documents_and_as_signed(name):
    schema = orders.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    text = orders.template(name, example=True)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(orders.parse(text).as_dict())
    validator.validate(yaml.load(text, Loader=yaml.BaseLoader) | {"example": True})


def test_the_schema_refuses_what_the_reader_refuses(order):
    validator = jsonschema.Draft202012Validator(orders.schema())
    fields = order.as_dict()
    validator.validate(fields)
    for change in (
        {"schema": "tocsin/order@2"},
        {"recipients": fields["recipients"][:1]},
        {"evidence": ["picture"]},
        {"title": "EXAMPLE"},
        {"example": True},
        {"clauses": [{"number": "1", "condition": "C99", "text": "x"}]},
        {"clauses": [{"number": "1", "condition": "custom", "text": "x"}]},
        {"clauses": [{"number": "1", "condition": "C1", "text": "x", "detectors": ["phrases"]}]},
        {"from": "2026-01-01"},
        {"stealth": True},
    ):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate({**fields, **change})


def test_the_schema_knows_the_conditions_of_the_pack():
    clause = orders.schema()["$defs"]["clause"]["properties"]
    assert set(clause["condition"]["enum"]) == set(conditions())
    assert set(clause["detectors"]["items"]["enum"]) == conditions()["custom"].detectors


def test_an_unknown_template_is_refused_with_the_known_ones():
    with pytest.raises(orders.OrderError, match="uk-shpo"):
        orders.template("../conditions")


@pytest.mark.parametrize("name", packs.names("orders"))
def test_no_template_says_of_a_person_what_only_a_court_may(name):
    assert not FORBIDDEN.findall(packs.read_text(name))


@pytest.mark.parametrize("name", ["../orders/signing.py", "/etc/hostname"])
def test_packs_are_read_from_their_folder_only(name):
    with pytest.raises(ValueError, match="not the name of a pack"):
        packs.read_text(name)
