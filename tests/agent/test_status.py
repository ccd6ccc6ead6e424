"""What a running agent says of itself."""

import json

import pytest

from tocsin.agent.status import Status

STATUS = Status(
    pid=7,
    since="2026-11-22T17:00:00.000Z",
    at="2026-11-22T17:05:00.000Z",
    notice="accepted",
    accept=None,
    collecting=True,
    connected=False,
    hub="The hub does not answer.",
    waiting=3,
    untold=None,
    degradations=("pictures-off",),
)


def test_the_last_word_stands_alone_and_is_for_this_user_only(tmp_path):
    path = tmp_path / "status.json"
    STATUS.write(path)
    STATUS.write(path)
    read = json.loads(path.read_text())
    assert (read["notice"], read["waiting"], read["hub"]) == ("accepted", 3, "The hub does not answer.")
    assert (read["accept"], read["degradations"], read["sentence"]) == (None, ["pictures-off"], "")
    assert path.stat().st_mode & 0o077 == 0
    assert [one.name for one in tmp_path.iterdir()] == ["status.json"]


def test_a_folder_that_is_gone_is_told(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        STATUS.write(tmp_path / "gone" / "status.json")
