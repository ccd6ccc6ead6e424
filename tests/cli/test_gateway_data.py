"""Where the gateway's commands work, and how they fail."""

import pytest

from tocsin.cli.gateway_data import opened, sentences
from tocsin.cli.speaking import Failure
from tocsin.gateway.access import list_keys
from tocsin.gateway.store import StoreError


def test_a_new_folder_is_made_for_this_user_alone(tmp_path):
    with opened(tmp_path / "gateway") as store:
        assert list_keys(store) == []
    assert (tmp_path / "gateway").stat().st_mode & 0o077 == 0


def test_what_a_person_can_mend_is_a_sentence_and_a_fault_of_ours_is_not_hidden():
    with pytest.raises(Failure, match="The store is locked"), sentences():
        raise StoreError("The store is locked.")
    with pytest.raises(KeyError), sentences():
        raise KeyError("ours")
    with pytest.raises(ValueError, match="ours"), sentences():
        raise ValueError("ours")
