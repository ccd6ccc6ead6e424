"""Workers' tokens: shown once, kept as a digest, ended at once."""

import pytest

from tocsin.hub.refusals import Refused
from tocsin.hub.reports import workers


def found(desk, header: str):
    with desk.hub.store.reading() as session:
        return workers.find(session, header)


def test_a_token_names_its_worker_until_it_ends(desk) -> None:
    assert found(desk, f"Bearer {desk.token}").id == desk.worker.id
    assert desk.token not in desk.worker.token_hash
    with desk.hub.store.session() as session:
        workers.revoke(session, desk.administrator, desk.worker.id, desk.now)
        workers.revoke(session, desk.administrator, desk.worker.id, desk.now)
    with pytest.raises(Refused, match="token of a reporting worker"):
        found(desk, f"Bearer {desk.token}")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic dTpw", "Bearer trw-" + "a" * 200])
def test_nothing_else_is_a_token(desk, header) -> None:
    with pytest.raises(Refused) as caught:
        found(desk, header)
    assert caught.value.status == 401


def test_a_worker_is_of_a_unit_and_has_a_name(desk) -> None:
    for unit, name in (("none", "x"), (desk.worker.unit_id, "  ")):
        with pytest.raises(Refused), desk.hub.store.session() as session:
            workers.add(session, desk.administrator, unit, name, desk.now)
    with desk.hub.store.session() as session:
        with pytest.raises(Refused, match="no such"):
            workers.revoke(session, desk.administrator, "none", desk.now)
        assert [each.id for each in workers.listed(session)] == [desk.worker.id]
