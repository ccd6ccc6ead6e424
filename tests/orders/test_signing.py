import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin import orders
from tocsin.evidence.keys import KeyFileError
from tocsin.orders import OrderError


@pytest.fixture(scope="module")
def key():
    return orders.keygen()


@pytest.fixture
def signed(document, key):
    return orders.sign(document, key)


def change(signed, **fields):
    """Return the signed order with fields of the order changed after signing."""
    raw = json.loads(signed)
    raw["order"].update(fields)
    return json.dumps(raw)


def test_a_signed_order_verifies_under_its_root_and_shows_its_signer(signed, key, order):
    root = orders.public_key(key)
    found = orders.verify(signed, [root])
    assert found.order == order
    assert found.signer == root
    assert found.text == signed
    assert len(found.digest) == 64
    assert found.fingerprint.startswith("SHA256:")
    assert len(found.fingerprint.removeprefix("SHA256:").split(" ")) == 8


def test_layout_of_the_file_does_not_matter_but_content_does(signed, key):
    compact = json.dumps(json.loads(signed), sort_keys=True, separators=(",", ":"))
    assert orders.verify(compact, [orders.public_key(key)]).digest == orders.verify(signed).digest


def test_another_authority_is_not_trusted(signed):
    with pytest.raises(OrderError, match="not an authority that is trusted"):
        orders.verify(signed, [orders.public_key(orders.keygen())])
    with pytest.raises(OrderError, match="not an authority"):
        orders.verify(signed, [])
    assert orders.verify(signed, orders.verify(signed).signer)
    with pytest.raises(OrderError, match="not an authority"):
        orders.verify(signed, "x" + orders.verify(signed).signer)


def test_an_altered_order_is_refused(signed):
    for altered in (change(signed, until="2099-01-01T00:00:00Z"), change(signed, extra="x"), change(signed, id="T-2")):
        with pytest.raises(OrderError, match="altered after it was signed"):
            orders.verify(altered)


def test_a_signature_moved_to_another_key_is_refused(signed):
    raw = json.loads(signed) | {"key": orders.public_key(orders.keygen())}
    with pytest.raises(OrderError, match="altered"):
        orders.verify(json.dumps(raw))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw.pop("sig"),
        lambda raw: raw.update(sig=""),
        lambda raw: raw.update(sig=None),
        lambda raw: raw.update(key=1),
        lambda raw: raw.update(key="AAAA"),
        lambda raw: raw.update(format="other"),
        lambda raw: raw.update(extra=1),
        lambda raw: raw.update(order=None),
        lambda raw: raw.update(order={"a": 1e400}),
    ],
)
def test_an_unsigned_or_malformed_order_is_refused_with_a_sentence(signed, spoil):
    raw = json.loads(signed)
    spoil(raw)
    with pytest.raises(OrderError) as caught:
        orders.verify(json.dumps(raw))
    assert str(caught.value).endswith(".")


def test_what_was_never_a_valid_order_is_refused_even_if_well_signed(signed):
    import rfc8785

    from tocsin.evidence.keys import DeviceKey

    signer = DeviceKey.generate()
    fields = json.loads(signed)["order"]
    fields["recipients"] = fields["recipients"][:1]
    sig = base64.b64encode(signer.sign(rfc8785.dumps(fields))).decode()
    raw = {"format": "tocsin/signed-order@1", "order": fields, "key": signer.public, "sig": sig}
    with pytest.raises(OrderError, match=r"order\.recipients: .*two recipients"):
        orders.verify(json.dumps(raw))


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "{" * 1000, "[" * 100_000, "x" * 2_000_000, '{"format":1}'])
def test_other_files_are_refused_with_a_sentence(text):
    with pytest.raises(OrderError):
        orders.verify(text)


def test_an_order_that_has_ended_verifies_and_permits_nothing(document, key):
    ended = document.replace("2027-01-01", "2026-01-02")
    found = orders.verify(orders.sign(ended, key))
    assert not orders.permit(found.order, found.order.ends).active


def test_a_key_with_a_passphrase_signs_only_with_it(document):
    locked = orders.keygen("correct horse")
    with pytest.raises(KeyFileError, match="passphrase"):
        orders.sign(document, locked)
    with pytest.raises(KeyFileError, match="passphrase is wrong"):
        orders.sign(document, locked, "wrong")
    assert orders.verify(orders.sign(document, locked, "correct horse"))


def test_placeholders_in_comments_do_not_count():
    assert orders.placeholders("# <<here>>\na: 1\nb: <<words>>\n") == [3]


@settings(max_examples=60)
@given(
    st.text(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=True) | st.text(max_size=10) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["format", "order", "key", "sig", "id", ""]), inner, max_size=4)
        ),
        max_leaves=12,
    ).map(json.dumps)
)
def test_any_text_is_verified_or_refused(text):
    with pytest.raises(OrderError):
        orders.verify(text)


@settings(max_examples=60)
@given(data=st.data())
def test_any_flipped_character_of_a_signed_order_is_refused_or_changes_nothing(document, data):
    signed = orders.sign(document, SIGNER)
    place = data.draw(st.integers(0, len(signed) - 1))
    letter = data.draw(st.characters(codec="utf-8"))
    try:
        found = orders.verify(signed[:place] + letter + signed[place + 1 :], [orders.public_key(SIGNER)])
    except OrderError:
        return
    assert found.digest == orders.verify(signed).digest


SIGNER = orders.keygen()
