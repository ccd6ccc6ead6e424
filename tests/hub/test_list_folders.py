"""A folder that is no list is refused with a sentence, and a real one is described, opened and verified."""

from tocsin.hub.list_folders import _moment
from tocsin.model import utc_text


def test_a_manifests_times_are_read_as_utc() -> None:
    assert utc_text(_moment("2026-11-22T17:00:00Z")).startswith("2026-11-22T17:00:00")
    assert utc_text(_moment("2026-11-22T17:00:00")).startswith("2026-11-22T17:00:00")
    assert _moment("yesterday") is None
    assert _moment(None) is None
