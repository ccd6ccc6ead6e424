import json

import pytest

from tocsin.placement import config as configs
from tocsin.placement.config import Config, Folders, PlacementError

GOOD = Config("https://h", "d", "k", "u", 15.0, "pem", ("r",), "00", "laptop")


def test_what_is_saved_is_loaded(tmp_path):
    folders = Folders(tmp_path / "a")
    folders.create()
    configs.save(folders, GOOD)
    assert configs.load(folders) == GOOD


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cannot be read"),
        ("[]", "not an object"),
        ('{"format": "other"}', "not an enrolment"),
        ('{"format": "tocsin/agent@1", "hub": 5}', "damaged"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_a_damaged_enrolment_is_a_sentence(tmp_path, text, says):
    folders = Folders(tmp_path)
    folders.config.write_text(text)
    with pytest.raises(PlacementError, match=says):
        configs.load(folders)


def test_the_heartbeat_stays_within_reason(tmp_path):
    folders = Folders(tmp_path)
    configs.save(folders, GOOD)
    raw = json.loads(folders.config.read_text())
    folders.config.write_text(json.dumps(raw | {"heartbeat_s": 86400}))
    assert configs.load(folders).heartbeat_s == 60


def test_no_setting_could_make_it_silent():
    names = " ".join(Config.__slots__)
    assert not any(word in names for word in ("silent", "hidden", "stealth", "notice", "quiet", "skip", "accept"))


def test_an_enrolment_from_before_there_were_lists_is_read_and_lists_are_kept(tmp_path):
    folders = Folders(tmp_path)
    configs.save(folders, GOOD)
    raw = json.loads(folders.config.read_text())
    del raw["lists"]
    folders.config.write_text(json.dumps(raw))
    assert configs.load(folders).lists == ()
    folders.config.write_text(json.dumps(raw | {"lists": ["/a/b"]}))
    assert configs.load(folders).lists == ("/a/b",)
    folders.config.write_text(json.dumps(raw | {"lists": "/a/b"}))
    with pytest.raises(PlacementError, match="damaged"):
        configs.load(folders)
