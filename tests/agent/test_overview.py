import json

import pytest

from tocsin.agent.overview import open_ledger, overview
from tocsin.model import SystemClock
from tocsin.placement.config import Folders, PlacementError
from tocsin.placement.enrol import enrol
from tocsin.placement.platform import take_lock


def test_the_subject_sees_the_order_and_that_nothing_runs(tmp_path, hub, signed_order):
    folders = Folders(tmp_path / "a")
    with pytest.raises(PlacementError, match="not enrolled"):
        overview(folders)
    enrol(hub.url, "good-token", signed_order(), folders, SystemClock())
    found = overview(folders)
    assert not found.raw["running"]
    assert "nothing is collected" in found.text
    assert "Not to have any contact with any child under 18." in found.text
    assert found.raw["order"] == "EX-2026-0042"
    assert json.dumps(found.raw)
    with pytest.raises(PlacementError, match="no ledger"):
        open_ledger(folders)


def test_a_running_agent_is_seen(tmp_path, hub, signed_order):
    folders = Folders(tmp_path / "a")
    enrol(hub.url, "good-token", signed_order(), folders, SystemClock())
    folders.status.write_text(json.dumps({"collecting": True, "notice": "shown", "waiting": 3, "hub": "No answer."}))
    lock = take_lock(folders.lock)
    found = overview(folders)
    lock.close()
    assert found.raw["running"]
    assert "runs and collects" in found.text
    assert "No answer." in found.text
