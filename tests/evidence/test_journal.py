from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.evidence.journal import (
    MAX_WHOLE,
    Head,
    JournalError,
    canonical,
    check,
    clock_drift,
    entry_hash,
    from_dict,
    sign_entry,
)
from tocsin.evidence.keys import DeviceKey
from tocsin.model import Entry

KEY = DeviceKey.generate()
START = Entry("d1", 1, "2026-01-01T00:00:00.000Z", 10**9, "b1", "start", {"order": "o", "share": 0.5}, "0" * 64)


def after(entry, **changes):
    """Return the signed entry that continues ``entry``, a second later."""
    following = replace(
        entry,
        seq=entry.seq + 1,
        at="2026-01-01T00:00:01.000Z",
        mono_ns=entry.mono_ns + 10**9,
        kind="heartbeat",
        prev=entry_hash(entry),
        sig="",
    )
    return sign_entry(replace(following, **changes), KEY)


@pytest.fixture(scope="module")
def first():
    return sign_entry(START, KEY)


@pytest.fixture(scope="module")
def head(first):
    return check(first, Head(), KEY.public)


def refused(entry, head, **more):
    with pytest.raises(JournalError) as caught:
        check(entry, head, KEY.public, **more)
    assert str(caught.value).endswith(".")
    return caught.value.code


def test_a_chain_is_admitted_entry_by_entry(first, head):
    assert head == Head(1, entry_hash(first), "b1", 10**9, START.at)
    second = after(first)
    assert check(second, head, KEY.public, "d1").seq == 2


def test_an_entry_survives_the_wire(first):
    import json

    again = from_dict(json.loads(json.dumps(first.as_dict())))
    assert entry_hash(again) == entry_hash(first)
    assert check(again, Head(), KEY.public).seq == 1


def test_each_way_to_lie_has_its_own_code(first, head):
    second = after(first)
    third = after(second)
    other = sign_entry(replace(START, body={"order": "other"}), KEY)
    assert refused(third, head) == "gap"
    assert refused(after(first, prev="f" * 64), head) == "fork"
    assert refused(other, head) == "fork"
    assert refused(first, head) == "replay"
    assert refused(first, check(second, head, KEY.public)) == "replay"
    assert refused(replace(second, sig=first.sig), head) == "bad-signature"
    assert refused(sign_entry(replace(second, sig=""), DeviceKey.generate()), head) == "bad-signature"
    assert refused(after(first, device="d2"), head, device="d1") == "wrong-device"
    assert refused(after(first, mono_ns=1), head) == "clock"


@pytest.mark.parametrize(
    "change",
    [{"at": "2026-01-01T00:00:09.000Z"}, {"kind": "stop"}, {"body": {}}, {"boot": "b2"}, {"mono_ns": 0}, {"seq": 7}],
)
def test_any_altered_field_breaks_the_signature(first, change):
    assert refused(replace(first, **change), Head()) == "bad-signature"


def test_a_new_boot_may_restart_the_monotonic_clock(first, head):
    assert check(after(first, boot="b2", mono_ns=5), head, KEY.public).mono_ns == 5


def test_a_wall_clock_set_back_is_admitted_and_measured(first, head):
    back = after(first, at="2025-12-31T23:00:01.000Z")
    assert check(back, head, KEY.public)
    assert clock_drift(back, head) == pytest.approx(-3600)
    assert clock_drift(after(first), head) == pytest.approx(0)
    assert clock_drift(after(first, boot="b2"), head) == 0
    assert clock_drift(first, Head()) == 0


def test_a_machine_that_runs_for_a_hundred_days_still_signs(first):
    long = sign_entry(replace(START, mono_ns=2**53 + 7), KEY)
    assert (long.boot, long.mono_ns) == ("b1+1", 7)
    assert check(from_dict(long.as_dict()), Head(), KEY.public)


@pytest.mark.parametrize(
    "change",
    [
        {"seq": "1"}, {"seq": 1.0}, {"seq": True}, {"seq": 0}, {"seq": -1}, {"seq": 2**53}, {"seq": None},
        {"mono_ns": -1}, {"mono_ns": 2**60}, {"mono_ns": "0"},
        {"at": "2026-01-01T00:00:00Z"}, {"at": "2026-13-01T00:00:00.000Z"}, {"at": "x"}, {"at": 5},
        {"at": "2026-01-01T00:00:00.000+01:00"}, {"at": "٢٠٢٦-01-01T00:00:00.000Z"},
        {"device": ""}, {"device": "a b"}, {"device": "d" * 65}, {"device": None}, {"device": "d\n"},
        {"boot": ""}, {"kind": "Start"}, {"kind": "x" * 40}, {"prev": "0" * 63}, {"prev": "G" * 64},
        {"body": []}, {"body": None}, {"body": {"a": float("nan")}}, {"body": {"a": float("inf")}},
        {"body": {"a": 2**53}}, {"body": {"a": 1e300}}, {"body": {"a": "x" * 70_000}}, {"body": {"a": "\ud800"}},
        {"body": {1: 2}}, {"body": {"a": b"x"}}, {"body": {"a": [0] * 6000}},
        {"body": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}},
        {"sig": ""}, {"sig": "x"}, {"sig": None}, {"extra": 1},
    ],
)  # fmt: skip
def test_malformed_entries_are_refused_and_never_crash(first, change):
    with pytest.raises(JournalError) as caught:
        from_dict({**first.as_dict(), **change})
    assert caught.value.code == "malformed"
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("missing", ["device", "seq", "at", "mono_ns", "boot", "kind", "body", "prev", "sig"])
def test_every_field_is_needed(first, missing):
    raw = first.as_dict()
    del raw[missing]
    with pytest.raises(JournalError, match=missing):
        from_dict(raw)


def test_a_device_never_signs_what_no_hub_would_admit():
    for change in ({"body": {"a": float("nan")}}, {"seq": 0}, {"kind": "No"}, {"body": {"a": MAX_WHOLE + 1}}):
        with pytest.raises(JournalError):
            sign_entry(replace(START, **change), KEY)


def test_canonical_form_is_rfc_8785():
    assert canonical({"b": 1.0, "a": [1e21, "é\u2028"], "\U0001f600": None, "\ufb33": True}) == (
        '{"a":[1e+21,"é\u2028"],"b":1,"\U0001f600":null,"\ufb33":true}'.encode()
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


TRICKY = st.sampled_from([0.0, -0.0, 1.0, 1e16, 1e21, 1e-5, 1e-7, 5e-324, 0.1, 2**53 - 1, -(2**53), 123456789012345.6])


@settings(max_examples=200)
@given(st.recursive(JSON | TRICKY, lambda inner: st.lists(inner, max_size=3), max_leaves=6))
def test_canonical_form_is_byte_for_byte_that_of_the_reference_implementation(value):
    import rfc8785

    try:
        expected = rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError):
        with pytest.raises(JournalError):
            canonical(value)
    else:
        assert canonical(value) == expected


@settings(max_examples=80)
@given(raw=JSON | st.dictionaries(st.sampled_from(sorted(START.as_dict())), JSON, max_size=9))
def test_anything_at_all_is_read_or_refused(raw):
    with pytest.raises(JournalError):
        from_dict(raw)


@settings(max_examples=80)
@given(field=st.sampled_from(sorted(START.as_dict())), value=JSON)
def test_any_field_replaced_is_admitted_only_if_it_is_what_was_signed(field, value):
    entry = sign_entry(START, KEY)
    try:
        found = check(from_dict({**entry.as_dict(), field: value}), Head(), KEY.public)
    except JournalError:
        return
    assert found.hash == entry_hash(entry)


@settings(max_examples=40)
@given(body=st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_what_a_device_can_sign_a_hub_admits_after_the_wire(body):
    import json

    try:
        entry = sign_entry(replace(START, body=body), KEY)
    except JournalError:
        return
    assert check(from_dict(json.loads(json.dumps(entry.as_dict()))), Head(), KEY.public)
