"""The page of hash lists: for administrators, with each list's state, and never a hash."""

from datetime import UTC, datetime
from pathlib import Path

from tocsin.hub.media_lists import ListState

STATES = (
    ListState(
        name="Example <list>",
        folder=Path("a"),
        source="Example unit",
        scheme="own",
        entries=12_345,
        updated=datetime(2026, 11, 20, 8, 30, tzinfo=UTC),
        state="verified",
    ),
    ListState(name="fresh", folder=Path("b"), negative=True, encrypted=True, entries=5),
    ListState(name="torn", folder=Path("c"), state="broken", sentence="Its index is cut short."),
)


def test_lists_are_shown_to_administrators_only(site, words_of) -> None:
    for who in ("ines", "ruth", "ada"):
        assert site.get(who, "/lists").status_code == 403
    empty = words_of(site.get("jo", "/lists"))
    assert "No list is in use" in empty
    assert "not as clean" in empty


def test_each_list_says_how_it_is(site, words_of) -> None:
    site.hub.lists._states = STATES
    page = site.get("jo", "/lists")
    said = words_of(page)
    assert "Example <list> Example unit own 12,345 2026-11-20 08:30 UTC verified" in said
    assert "known good: a match silences" in said
    assert "in use; being verified" in said
    assert "broken, not used Its index is cut short." in said
    assert "12,350 entries in use" in said
    assert "<list>" not in page.text
