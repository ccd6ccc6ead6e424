from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tocsin.agent.health import HealthMeter
from tocsin.agent.ledger import Ledger
from tocsin.agent.media_desk import MediaDesk
from tocsin.model import Fingerprints, Kind, MediaSeen, Observation
from tocsin.orders import public_key
from tocsin.placement.config import Config, Folders
from tocsin.placement.standing import Standing

CONFIG = Config("http://127.0.0.1:1", "d", "k", "u", 15.0, "", (), "00", "laptop")


@pytest.fixture
def desk(tmp_path, clock, open_journal, signed_order, authority, device_key):
    made = []

    def make(config=CONFIG, **changes):
        folders = Folders(tmp_path)
        folders.order.write_text(signed_order(**changes))
        standing = Standing(folders.order, (public_key(authority),), "laptop")
        journal, warned = open_journal(bounds=None), []
        ledger = Ledger(folders.ledger)
        desk = MediaDesk(folders, config, device_key, standing, journal, HealthMeter(clock), ledger, warned.append)
        made.append((desk, ledger))
        return desk, journal, warned, ledger

    yield make
    for each, ledger in made:
        each.close()
        ledger.close()


def seen(name="", title=""):
    body = MediaSeen(prints=Fingerprints(media="picture"), matches=(), place="file", name=name)
    at = datetime(2026, 11, 22, tzinfo=UTC)
    return Observation(id="o", kind=Kind.FILE, at=at, sensor="s", body=body, title=title)


def test_privileged_contacts_are_known_by_path_and_title(desk):
    media = desk()[0].open()
    assert media.private("", "/home/a/Harker and Co Solicitors/letter.jpg")
    assert media.private("mail", "Harker and Co Solicitors - Mail")
    assert not media.private("mail", "Holiday")
    media.asking.ask(Fingerprints(media="picture"), seen(name="/h/Harker and Co Solicitors/a.jpg"))
    assert media.asking.backlog == 0
    media.asking.ask(Fingerprints(media="picture"), seen(name="/h/a.jpg"))
    assert media.asking.backlog == 1


def test_the_agents_own_folder_is_never_looked_into(desk, tmp_path):
    media = desk()[0].open()
    assert media.own == (tmp_path,)
    assert media.state.parent == tmp_path


def test_what_goes_to_the_hub_stands_in_the_ledger(desk):
    made, _, _, ledger = desk()
    made.open().asking._sent(12, 3000)
    made.open().asking._sent(1, 10)
    [row] = ledger.rows()
    assert (row.kind, row.count, row.bytes) == ("fingerprints", 13, 3010)


def test_a_list_that_may_not_lie_here_is_told_once_and_not_used(desk, tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "list.yaml").write_text("origin: iwf\n")
    made, journal, warned, _ = desk(replace(CONFIG, lists=(str(tmp_path / "theirs"),)))
    assert made.open().asking._own is None
    made.open()
    bodies = [entry.body for entry in journal.entries() if entry.kind == "unsupported"]
    assert [body["what"] for body in bodies] == ["own-lists"]
    assert "stay on the hub" in bodies[0]["sentence"]
    assert warned == ["own-lists-refused"] * 2


def test_pixels_are_held_only_under_an_order_that_allows_pictures(desk):
    assert not desk()[0].open().asking.keep_pixels
    clauses = [{"number": "1", "condition": "C11", "text": "No listed pictures."}]
    assert desk(evidence=["text", "picture"], clauses=clauses)[0].open().asking.keep_pixels
