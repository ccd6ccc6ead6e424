"""The ladder: its pack holds to its schema, and no ladder rings on one frame alone."""

from pathlib import Path

import pytest
import yaml

from tocsin import packs
from tocsin.detectors.ladder import HOLD, NOTE, RING, Ladder, LadderError


def raw() -> dict:
    return yaml.safe_load(packs.read_text("ladder.yaml"))


def test_the_pack_has_all_rungs_highest_first() -> None:
    rungs = [rule.rung for rule in Ladder.read().rules]
    assert rungs == sorted(rungs, reverse=True)
    assert {*rungs} == {NOTE, RING, HOLD}


def test_no_rule_of_the_pack_rings_on_one_frame_alone() -> None:
    for rule in Ladder.read().rules:
        assert rule.rung == NOTE or rule.of == "chat" or rule.with_chat or rule.frames >= 2


@pytest.mark.parametrize("of", ["known-media", "classifier"])
@pytest.mark.parametrize("name", ["ring", "hold"])
def test_a_ladder_that_rings_on_one_frame_is_refused(of: str, name: str) -> None:
    rules = [{"of": of, "frames": 1, "within": 10, "because": "one frame"}]
    with pytest.raises(LadderError, match="frames"):
        Ladder.of({"schema": "tocsin/ladder@1", "rungs": [{"name": name, "rules": rules}]})


def test_a_ladder_of_ones_own_is_read(tmp_path: Path) -> None:
    mine = raw()
    mine["rungs"] = mine["rungs"][:1]
    path = tmp_path / "ladder.yaml"
    path.write_text(yaml.safe_dump(mine))
    assert {rule.rung for rule in Ladder.read(path).rules} == {NOTE}


@pytest.mark.parametrize("text", ["[", "schema: other", "schema: tocsin/ladder@1\nrungs: []"])
def test_a_broken_ladder_is_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ladder.yaml"
    path.write_text(text)
    with pytest.raises(LadderError, match=r"The ladder .*\."):
        Ladder.read(path)
