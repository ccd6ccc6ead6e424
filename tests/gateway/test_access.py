import itertools
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from tocsin.gateway import access as access_module
from tocsin.gateway.access import OPEN, SCOPES, Access, ApiKeyError, Caller, Pace, list_keys, new_key, revoke_key
from tocsin.gateway.keys_tables import ApiKey
from tocsin.gateway.refusals import Refused
from tocsin.gateway.store import Store


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path / "gateway.db")
    yield store
    store.close()


@pytest.fixture
def pace(tmp_path):
    return Pace(tmp_path / "pace")


def call(*headers, key=""):
    return {"headers": list(headers)} | ({"tocsin.key": key} if key else {})


def bearer(key):
    return (b"authorization", b"Bearer " + key.encode())


def test_loopback_is_open_until_the_first_key_is_made_and_never_again(store, pace, clock):
    access = Access(store, pace, open_without_keys=True)
    assert access.is_open
    assert access.admit(call(), "admin").name == "open"
    new_key(store, clock, "first", ["lookup"])
    access._keys.refresh()
    assert not access.is_open
    revoke_key(store, clock, "first")
    access._keys.refresh()
    with pytest.raises(Refused):
        access.admit(call(), "lookup")


def test_another_host_is_never_open(store, pace):
    access = Access(store, pace, open_without_keys=False)
    with pytest.raises(Refused) as caught:
        access.admit(call(), "lookup")
    assert (caught.value.status, caught.value.headers) == (401, {"WWW-Authenticate": "Bearer"})


def test_a_key_comes_in_either_header_or_in_the_path(store, pace, clock):
    key = new_key(store, clock, "coop", ["lookup"])
    access = Access(store, pace, open_without_keys=True)
    for scope in (call(bearer(key)), call((b"x-api-key", key.encode())), call(key=key)):
        assert access.admit(scope, "lookup").name == "coop"


@pytest.mark.parametrize(
    "bad",
    ["", "x", "tg_1_", "tg_1_" + "a" * 43, "tg_ffffffff_" + "a" * 43, "tg_1_" + "a" * 42 + "\xff", "tg_-1_a", "Ω"],
)
def test_a_bad_key_is_no_key(store, pace, clock, bad):
    new_key(store, clock, "coop", ["lookup"])
    access = Access(store, pace, open_without_keys=True)
    with pytest.raises(Refused) as caught:
        access.admit(call((b"authorization", b"Bearer " + bad.encode("utf-8"))), "lookup")
    assert caught.value.status == 401


def test_a_key_is_good_for_its_scopes_only_and_admin_for_all(store, pace, clock):
    key = new_key(store, clock, "coop", ["lookup", "curate"])
    admin = new_key(store, clock, "root", ["admin"])
    access = Access(store, pace, open_without_keys=True)
    assert access.admit(call(bearer(key)), "curate").name == "coop"
    with pytest.raises(Refused) as caught:
        access.admit(call(bearer(key)), "raw")
    assert caught.value.status == 403
    for scope in SCOPES:
        assert access.admit(call(bearer(admin)), scope).name == "root"


@pytest.fixture
def at_one_moment(monkeypatch):
    """All calls come at the same moment, a microsecond after one another."""
    moments = itertools.count(1000.0, 1e-6)
    monkeypatch.setattr(access_module, "time", SimpleNamespace(monotonic=lambda: next(moments)))


@pytest.mark.usefixtures("at_one_moment")
def test_a_key_has_a_rate_that_all_processes_share(store, tmp_path, clock):
    key = new_key(store, clock, "slow", ["lookup"], rate=5)
    one, other = (Access(store, Pace(tmp_path / "pace"), open_without_keys=True) for _ in range(2))
    refusals = []
    for n in range(50):
        try:
            (one if n % 2 else other).admit(call(bearer(key)), "lookup")
        except Refused as refused:
            refusals.append(refused)
    assert 43 <= len(refusals) <= 45
    assert {refused.status for refused in refusals} == {429}
    assert int(refusals[0].headers["Retry-After"]) >= 1


def test_a_rate_of_an_earlier_run_of_the_machine_holds_nobody_up(pace):
    from tocsin.gateway.access import _SLOT

    _SLOT.pack_into(pace._memory, 8, 1e15)
    assert pace.take(1, 1.0) == 0.0


def test_the_text_of_a_key_is_kept_nowhere(store, clock, tmp_path):
    key = new_key(store, clock, "coop", ["lookup"])
    with store.reading() as session:
        row = session.scalars(select(ApiKey)).one()
    assert key not in (row.digest, row.name)
    store.close()
    assert all(key.encode() not in path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "scopes", "rate"),
    [("", ["lookup"], 0), ("a b", ["lookup"], 0), ("a", [], 0), ("a", ["nonsense"], 0), ("a", ["lookup"], -1)],
)
def test_what_makes_no_key_is_said(store, clock, name, scopes, rate):
    with pytest.raises(ApiKeyError):
        new_key(store, clock, name, scopes, rate)
    assert list_keys(store) == []


def test_a_name_is_used_once_and_only_a_known_one_is_revoked(store, clock):
    new_key(store, clock, "coop", ["lookup"])
    with pytest.raises(ApiKeyError):
        new_key(store, clock, "coop", ["lookup"])
    with pytest.raises(ApiKeyError):
        revoke_key(store, clock, "other")


@pytest.mark.usefixtures("at_one_moment")
def test_many_questions_in_one_call_are_owed_to_the_rate(store, pace, clock):
    key = new_key(store, clock, "slow", ["lookup"], rate=100)
    access = Access(store, pace, open_without_keys=True)
    access.charge(access.admit(call(bearer(key)), "lookup"), 999)
    with pytest.raises(Refused) as caught:
        access.admit(call(bearer(key)), "lookup")
    assert 5 <= int(caught.value.headers["Retry-After"]) <= 11


@pytest.mark.usefixtures("at_one_moment")
def test_what_is_owed_has_a_bound(store, pace, clock):
    key = new_key(store, clock, "slow", ["lookup"], rate=0.001)
    access = Access(store, pace, open_without_keys=True)
    access.charge(access.admit(call(bearer(key)), "lookup"), 999)
    with pytest.raises(Refused) as caught:
        access.admit(call(bearer(key)), "lookup")
    assert 0 < int(caught.value.headers["Retry-After"]) <= 3600


def test_who_is_not_let_in_is_told_of(store, pace, clock):
    seen = []
    key = new_key(store, clock, "coop", ["lookup"])
    access = Access(store, pace, open_without_keys=True, refused=lambda *told: seen.append(told[:2]))
    for scope, needed in ((call(), "lookup"), (call(bearer("tg_1_x")), "lookup"), (call(bearer(key)), "raw")):
        with pytest.raises(Refused):
            access.admit(scope, needed)
    assert seen == [("", 401), ("", 401), ("coop", 403)]


def test_what_a_key_made_is_its_own_and_admins():
    mine, other, admin = (
        Caller(str(key), frozenset(scopes), key) for key, scopes in ((1, ["streams"]), (2, ["streams"]), (3, ["admin"]))
    )
    assert [one.owns(1) for one in (mine, other, admin, OPEN)] == [True, False, True, True]
