from datetime import UTC, datetime

import pytest

from tocsin.orders import public_key
from tocsin.placement.config import PlacementError
from tocsin.placement.standing import Standing

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def standing(tmp_path, signed_order, authority):
    path = tmp_path / "order.json"

    def make(**changes):
        path.write_text(signed_order(**changes))
        return Standing(path, (public_key(authority),), "laptop")

    return make


def test_an_order_is_over_at_its_end_and_when_discharged(standing):
    held = standing(until="2026-12-01T00:00:00Z")
    assert held.over(NOW) == ""
    assert held.permission(NOW).active
    late = datetime(2026, 12, 1, tzinfo=UTC)
    assert "ended" in held.over(late)
    assert not held.permission(late).active
    held.discharge("The authority ended it.")
    assert held.over(NOW) == "The authority ended it."


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"id": "EX-2"}, "does not say that it replaces"),
        ({"id": "EX-2", "replaces": "EX-2026-0042", "subject": {"reference": "S-99"}}, "another person"),
        ({"id": "EX-2", "replaces": "EX-2026-0042", "kind": "platform-policy"}, "another kind"),
        ({"id": "EX-2", "replaces": "EX-2026-0042", "devices": [{"label": "phone"}]}, "this device"),
    ],
)
def test_a_change_that_does_not_follow_is_refused(standing, signed_order, changes, says):
    held = standing()
    before = held.signed
    with pytest.raises(PlacementError, match=says):
        held.vary(signed_order(**changes))
    assert held.signed is before


def test_a_change_by_another_signer_is_refused(standing, signed_order, other_authority):
    held = standing()
    with pytest.raises(PlacementError, match="old one stays"):
        held.vary(signed_order(other_authority, id="EX-2", replaces="EX-2026-0042"))


def test_a_change_is_kept_on_disk(standing, signed_order, tmp_path):
    held = standing()
    assert not held.vary(held.signed.text)
    assert held.vary(signed_order(id="EX-2", replaces="EX-2026-0042"))
    assert held.signed.order.id == "EX-2"
    assert "EX-2" in (tmp_path / "order.json").read_text()


@pytest.mark.parametrize("text", ["", "{}", "\udcff"])
def test_a_damaged_order_collects_nothing(tmp_path, authority, text):
    (tmp_path / "o").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(PlacementError):
        Standing(tmp_path / "o", (public_key(authority),))
    with pytest.raises(PlacementError, match="cannot be read"):
        Standing(tmp_path / "absent", ())
