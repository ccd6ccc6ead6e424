"""A journal entry is signed over everything but its signature."""

from tocsin.model import Entry
from tocsin.model.entry import GENESIS


def test_the_signature_covers_every_other_field() -> None:
    entry = Entry("d", 1, "2026-11-22T17:00:00.000Z", 5, "boot", "start", {"a": 1}, GENESIS, "sig")
    assert set(entry.as_dict()) - set(entry.unsigned()) == {"sig"}
