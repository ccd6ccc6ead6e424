import sys
from types import ModuleType

import pytest

from tocsin.agent.own_lists import OwnLists, check
from tocsin.model import Fingerprints, Match
from tocsin.placement.config import PlacementError


class Lists:
    version = "3"
    closed = False

    @classmethod
    def open(cls, folders):
        if not folders:
            raise ValueError("There is nothing.")
        return cls()

    def match(self, batch, missed=None):
        return [(Match(list="Own", entry="1", by="md5", distance=0),) for _ in batch]

    def close(self):
        self.closed = True


@pytest.fixture(autouse=True)
def road(monkeypatch):
    module = ModuleType("tocsin.matching.road")
    module.Lists = Lists
    monkeypatch.setitem(sys.modules, "tocsin.matching.road", module)


def folder(tmp_path, text):
    (tmp_path / "list.yaml").write_text(text)
    return tmp_path


def test_a_list_of_the_authoritys_own_is_asked_here(tmp_path):
    lists = OwnLists([folder(tmp_path, "name: Own\norigin: own\n")])
    assert lists.match([Fingerprints(media="picture")])[0][0].list == "Own"
    assert lists.version == "3"
    lists.close()


@pytest.mark.parametrize("text", ["name: IWF\norigin: iwf\n", "name: x\n", "- a list\n", "origin: [own", "\0"])
def test_any_other_list_is_refused_with_a_sentence(tmp_path, text):
    with pytest.raises(PlacementError, match="not") as told:
        check(folder(tmp_path, text))
    assert str(tmp_path) in str(told.value)


def test_a_folder_without_a_list_is_refused(tmp_path):
    with pytest.raises(PlacementError, match="is not a hash list"):
        OwnLists([tmp_path / "none"])
    with pytest.raises(PlacementError, match="There is nothing"):
        OwnLists([])
