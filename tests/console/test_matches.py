"""Matches are told plainly: the list, the entry, how surely; a near one is worded weaker; nothing accuses."""

import re

import pytest

from tocsin.console import matches, words


def match(by: str = "pdq", distance: int = 4, entry: str = "e1", name: str = "demo", **more: str) -> dict:
    return {"list": name, "entry": entry, "by": by, "distance": distance, "scheme": "", "category": ""} | more


def test_a_title_names_the_list_and_how_many() -> None:
    assert words.title("known-media-match", [], [match()]) == "Known media: list demo, 1 picture, for review"
    assert matches.title("near-match", [match("window", 9)]) == "Like known media: list demo, 1 picture, for review"
    many = [match(), match(entry="e2"), match("video", entry="v"), match("sha1", 0, "f", "other")]
    assert matches.title("known-media-match", many) == (
        "Known media: 2 lists, 2 pictures, 1 video and 1 file, for review"
    )


def test_a_picture_that_was_saved_too_is_still_one_picture() -> None:
    both = match("sha256", 0) | {"also": [{"by": "pdq", "distance": 6}]}
    assert matches.counted([both]) == "1 picture"
    assert matches.shown(both).how == "by SHA-256, and by PDQ at distance 6 of 256"


def test_a_picture_and_its_file_on_two_lists_are_one_picture() -> None:
    screen = match("pdq", 4, "e1", "looks") | {"thing": 0}
    file = match("sha256", 0, "e9", "digests") | {"thing": 0}
    another = match("md5", 0, "e7", "digests") | {"thing": 1}
    assert matches.title("known-media-match", [screen, file]) == "Known media: 2 lists, 1 picture, for review"
    assert matches.counted([screen, another, file]) == "1 picture and 1 file"


@pytest.mark.parametrize(
    ("by", "distance", "how", "means"),
    [
        ("pdq", 0, "by PDQ at distance 0 of 256", "Looks the same."),
        ("pdq", 4, "by PDQ at distance 4 of 256", "saved anew or resized"),
        ("pdq", 31, "by PDQ at distance 31 of 256", "Very like it"),
        ("pdq", 60, "by PDQ at distance 60 of 256", "look with care"),
        ("pdq", 9999, "by PDQ at distance 9999 of 256", "look with care"),
        ("sha256", 0, "by SHA-256", "The very same file"),
        ("photodna", 900, "by PhotoDNA at distance 900", "the list owner's own measure"),
        ("video", 3, "by its frames", "frames are on the list"),
        ("window", 9, "by part of a picture", "weaker sign"),
    ],
)
def test_each_way_has_its_words(by: str, distance: int, how: str, means: str) -> None:
    shown = matches.shown(match(by, distance))
    assert shown.how == how
    assert means in shown.means
    assert shown.weaker == (by == "window")
    assert not re.search(r"illegal|offen|breach|violat|victim", shown.means, re.IGNORECASE)


def test_a_category_comes_with_its_scheme_and_its_meaning() -> None:
    shown = matches.shown(match(scheme="own", category="A1"), "what it means")
    assert (shown.category, shown.meaning) == ("A1 (own)", "what it means")
    assert matches.shown(match(category="A1")).category == "A1"
