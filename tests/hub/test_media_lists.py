"""Lists are opened, followed and verified; one that is broken says so and stops none of the others."""

import os
import time

import pytest

from tocsin.hub import media_lists
from tocsin.hub.media_lists import MediaLists
from tocsin.model.media import Fingerprints

SHA = "a" * 40


def asked(sha1: str = SHA) -> Fingerprints:
    return Fingerprints(media="picture", sha1=sha1)


@pytest.fixture
def opened(tmp_path, shelf):
    """Open lists under ``tmp_path / "lists"``, and others; closed at the end."""
    made = []

    def open_(*given, **options) -> MediaLists:
        made.append(MediaLists(shelf, tmp_path / "lists", given, **options))
        return made[-1]

    yield open_
    for lists in made:
        lists.close()


def until(probe, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < deadline, "it did not happen in time"
        os.sched_yield()


def test_a_hub_without_lists_matches_nothing_and_says_so(opened) -> None:
    lists = opened()
    assert lists.match([asked(), asked()]) == [(), ()]
    assert (lists.count, lists.entries, lists.version, lists.broken, lists.states) == (0, 0, "", 0, ())


def test_the_hubs_own_and_the_given_lists_answer_together(opened, tmp_path, made_list) -> None:
    made_list(tmp_path / "lists" / "one", "one", {SHA: "e1"})
    made_list(tmp_path / "lists" / ".half-built", "hidden", {SHA: "no"})
    given = made_list(tmp_path / "elsewhere", "two", {SHA: "e2", "b" * 40: "e3"})
    lists = opened(given, given)
    assert [(match.list, match.entry) for match in lists.match([asked()])[0]] == [("one", "e1"), ("two", "e2")]
    assert (lists.count, lists.entries) == (2, 3)


def test_a_broken_list_is_told_and_the_others_go_on(opened, tmp_path, made_list, caplog) -> None:
    made_list(tmp_path / "lists" / "one", "one", {SHA: "e1"})
    made_list(tmp_path / "lists" / "two", "bad-list", {SHA: "e2"})
    lists = opened(tmp_path / "nowhere")
    assert [(state.folder.name, state.state) for state in lists.states] == [
        ("nowhere", "broken"),
        ("one", "unverified"),
        ("two", "broken"),
    ]
    assert (lists.count, lists.broken) == (1, 2)
    assert "The list's index is cut short." in caplog.text
    assert len(lists.match([asked()])[0]) == 1


def test_a_change_on_disk_is_followed_within_a_second(opened, tmp_path, made_list) -> None:
    folder = made_list(tmp_path / "lists" / "one", "one", {})
    lists = opened()
    lists.follow()
    before = lists.version
    made_list(folder, "one", {SHA: "e1"})
    assert media_lists.LOOK_S < 1
    until(lambda: lists.match([asked()])[0])
    assert lists.version != before
    made_list(tmp_path / "lists" / "two", "two", {SHA: "e2"})
    until(lambda: lists.count == 2)
    (folder / "list.json").unlink()
    until(lambda: lists.broken == 1)
    assert [match.list for match in lists.match([asked()])[0]] == ["two"]


def test_verifying_settles_each_list(opened, tmp_path, made_list) -> None:
    made_list(tmp_path / "lists" / "one", "one", {SHA: "e1"})
    made_list(tmp_path / "lists" / "two", "rotten", {SHA: "e2"})
    lists = opened()
    lists.check()
    assert {state.name: state.state for state in lists.states} == {"one": "verified", "rotten": "broken"}
    assert [match.list for match in lists.match([asked()])[0]] == ["one"]
    made_list(tmp_path / "lists" / "three", "three", {})
    assert lists.look()
    assert {state.name: state.state for state in lists.states} == {
        "one": "verified",
        "rotten": "broken",
        "three": "unverified",
    }
    assert not lists.look()


def test_a_list_that_only_fails_when_opened_with_others_is_sorted_out(opened, tmp_path, made_list, shelf) -> None:
    made_list(tmp_path / "lists" / "one", "one", {SHA: "e1"})
    made_list(tmp_path / "lists" / "two", "sly", {SHA: "e2"})
    real = shelf.open

    def picky(folders, key):
        if any(folder.name == "two" for folder in folders):
            raise OSError("it vanished")
        return real(folders, key)

    shelf.open = picky
    lists = opened()
    assert {state.name: state.state for state in lists.states} == {"one": "unverified", "sly": "broken"}
    assert len(lists.match([asked()])[0]) == 1
