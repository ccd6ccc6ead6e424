import contextlib

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin import orders
from tocsin.orders import OrderError

EARLY, LATE = "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"


def test_an_order_is_read_with_its_words_untouched(order, keys):
    assert order.clauses[1].text == "No contact with children."
    assert order.clauses[1].exceptions == ("Inadvertent contact.",)
    assert order.recipient_keys == (keys[0][1], keys[1][1])
    assert order.evidence == ("text",)
    assert order.ledger == "counts"
    assert order.clause("3") is order.clauses[1]


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("schema: tocsin/order@1", "schema: tocsin/order@9", 1, "schema must be"),
        ("id: T-1", "id:", 2, "has no id"),
        ("id: T-1\n", "", 1, "has no id"),
        ("id: T-1", "id: ' '", 2, "has no id"),
        ("id: T-1", "id: [a]", 2, "must be text"),
        ("kind: court-order", "kind: wish", 3, "court-order or school-policy or platform-policy"),
        ("court: A court\n", "", 1, "has no court"),
        ("  complaints: 01632 960 001\n", "", 7, "has no complaints"),
        ("title: An order for tests", "title: EXAMPLE of an order", 4, "example: true"),
        ("id: T-1", "id: T-1\nexample: true", 5, 'begin with "EXAMPLE"'),
        ("id: T-1", "id: T-1\nexample: maybe", 3, "true or false"),
        ("id: T-1", "id: T-1\nreplaces: T-1", 3, "cannot replace itself"),
        ("id: T-1", "id: T-1\nsecret: yes", 3, "no field 'secret'"),
        ("until: 2027-01-01T00:00:00Z", "until: 2025-01-01T00:00:00Z", 13, "later than from"),
        ("until: 2027-01-01T00:00:00Z", "until: 2027-01-01T00:00:00", 13, "zone"),
        ("until: 2027-01-01T00:00:00Z", "until: 2027-02-30T00:00:00Z", 13, "not a real moment"),
        ("until: 2027-01-01T00:00:00Z", "until: 9999-12-31T23:59:59-12:00", 13, "years"),
        ("until: 2027-01-01T00:00:00Z", "until:", 13, "has no until"),
        ("    role: recovery", "    role: officer", 17, "role recovery"),
        ("    role: officer", "    role: recovery", 17, "role officer"),
        ("    role: officer", "    role: judge", 19, "officer or recovery"),
        ("    condition: C10", "    condition: C99", 28, "unknown condition 'C99'"),
        ("    text: No contact with children.\n", "", 27, "clause 3 has no text"),
        ("    text: No contact with children.", "    text:", 29, "clause 3 has no text"),
        ("  - number: 3", "  - number: 1", 27, "clause number 1 is used twice"),
        ("  - number: 3", "  - number: ;", 27, "not a clause number"),
        ("    condition: C10", "    condition: custom", 27, "must name its detectors"),
        ("    condition: C10", "    condition: C10\n    detectors: [phrases]", 27, "settles them"),
        ("    condition: C10", "    condition: C10\n    evidence: [picture]", 29, "possible here"),
        ("    condition: C10", f"    condition: C10\n    until: {EARLY}\n    from: {LATE}", 29, "later"),
        ("id: T-1", "id: T-1\nevidence: [picture]", 3, "must allow text"),
        ("id: T-1", "id: T-1\nprivileged:\n  - label: Doctor\n    match: [a]", 5, "too short"),
        ("  - label: laptop", "  - label: laptop\n  - label: Laptop", 16, "used twice"),
        ("  - label: laptop", "  []", 15, "0 entries"),
        ("No contact with children.", '"No \\e contact."', 29, "invisible control"),
        ("No contact with children.", '"No \\u202e contact."', 29, "invisible control"),
    ],
)  # fmt: skip
def test_each_mistake_is_one_sentence_that_names_its_line(document, old, new, line, says):
    assert old in document
    with pytest.raises(OrderError) as caught:
        orders.parse(document.replace(old, new, 1))
    message = str(caught.value)
    assert message.startswith(f"line {line}: "), message
    assert says in message
    assert message.endswith(".")
    assert "\n" not in message


def test_recipients_must_be_valid_distinct_and_two(document, keys):
    officer, recovery = keys[0][1], keys[1][1]
    mistyped = officer[:-1] + ("q" if officer[-1] != "q" else "p")
    anyones = "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z"
    for key, line, says in [
        (mistyped, 18, "not a valid age"),
        (anyones, 18, "not a valid age"),
        ("age1yubikey1qwerty", 18, "not a valid age"),
        (recovery, 20, "used twice"),
    ]:
        with pytest.raises(OrderError, match=f"^line {line}: .*{says}"):
            orders.parse(document.replace(officer, key))
    alone = document.replace(f"  - name: Safe\n    age: {recovery}\n    role: recovery\n", "")
    with pytest.raises(OrderError, match=r"^line 17: .*at least two recipients"):
        orders.parse(alone)


def test_times_are_read_in_any_zone_and_kept_in_utc(document):
    order = orders.parse(document.replace("from: 2026-01-01T00:00:00Z", "from: 2026-07-01T00:00:00+01:00"))
    assert order.begins.isoformat() == "2026-06-30T23:00:00+00:00"


def test_a_custom_clause_names_what_looks(document):
    order = orders.parse(
        document.replace("condition: C10", "condition: custom\n    detectors: [phrases]\n    signals: [secrecy]")
    )
    assert order.clauses[1].detectors == ("phrases",)
    assert order.clauses[1].signals == ("secrecy",)


FIELD = st.sampled_from(["id", "kind", "from", "until", "clauses", "recipients", "text", "condition", "role", "match"])
VALUE = st.recursive(
    st.one_of(
        st.text(max_size=20), st.booleans(), st.none(), st.integers(), st.sampled_from(["C1", "custom", "~", "<<"])
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELD, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60)
@given(data=st.data())
def test_a_document_with_any_line_changed_is_read_or_refused(document, data):
    lines = document.splitlines()
    place = data.draw(st.integers(0, len(lines) - 1))
    lines[place] = data.draw(st.text(max_size=40) | st.just(lines[place][1:]) | st.just("  " + lines[place]))
    try:
        order = orders.parse("\n".join(lines))
    except OrderError as error:
        said = str(error)
    else:
        said = ""
        jsonschema.Draft202012Validator(orders.schema()).validate(order.as_dict())
    assert "\n" not in said


@settings(max_examples=60)
@given(field=FIELD, value=VALUE)
def test_an_order_with_any_field_replaced_is_read_or_refused(order, field, value):
    from tocsin.orders.document import from_json
    from tocsin.orders.reading import read

    fields = order.as_dict()
    fields[field] = value
    with contextlib.suppress(OrderError):
        read(from_json(fields, "order"))
