"""Packs are read whole, checked, and errors say where."""

import pytest

from tocsin.text import packs
from tocsin.text.packs import PackError


def test_every_entry_has_its_own_name_and_three_languages_are_there() -> None:
    found = packs.entries()
    assert len({entry.id for entry in found}) == len(found) > 80
    assert {entry.language for entry in found} == {"en", "es", "tl"}


def test_an_entry_that_lacks_something_names_the_pack() -> None:
    with pytest.raises(PackError, match=r"broken\.yaml"):
        packs.read_pack("broken.yaml", "language: en\nentries:\n- id: en-x\n")
