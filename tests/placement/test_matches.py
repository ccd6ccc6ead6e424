from dataclasses import replace
from datetime import UTC, datetime

from tocsin.model import Category, Finding, Fingerprints, Match, MediaSeen, Print, Rect
from tocsin.placement.matches import journal_matches, sealed_media

MATCH = Match(list="L", entry="7", by="pdq", distance=3, scheme="industry", category="B1", shares=(0.5, 0.1))
PRINTS = Fingerprints(media="picture", md5="0" * 32, prints=(Print("ab" * 32, 80),))
NAME = "/home/a/private name.jpg"


def finding(*matches):
    return Finding(
        id="f",
        at=datetime(2026, 11, 22, tzinfo=UTC),
        detector="known-media",
        version="1.0",
        category=Category.KNOWN_MEDIA,
        severity=4,
        confidence=0.9,
        why="A file.",
        observation="o",
        matches=matches,
    )


def test_the_hub_reads_entry_and_distance_and_no_name_or_hash():
    body = journal_matches(finding(*[MATCH] * 50))
    assert len(body) == 20
    assert body[0] == {
        "list": "L",
        "entry": "7",
        "by": "pdq",
        "distance": 3,
        "scheme": "industry",
        "category": "B1",
    }


def test_the_sealed_part_holds_place_digests_and_hashes_and_names_only_with_words():
    media = MediaSeen(prints=PRINTS, matches=(MATCH,), place="file", name=NAME, held="in/\udcff.jpg", size=9)
    found = sealed_media(finding(MATCH), media, words=True)
    assert (found["name"], found["size"], found["digests"]) == (NAME, 9, {"md5": "0" * 32})
    assert found["held"] == "in/\\xff.jpg"
    assert found["prints"][0]["pdq"] == "ab" * 32
    assert found["matches"][0]["shares"] == [0.5, 0.1]
    assert sealed_media(finding(MATCH), media, words=False)["name"] == ""


def test_the_sealed_part_says_where_on_a_page_it_was():
    part = Rect(1, 2, 30, 40)
    prints = replace(PRINTS, prints=(*PRINTS.prints, Print("cd" * 32, 80, region=part)))
    found = sealed_media(
        finding(replace(MATCH, region=part)), MediaSeen(prints=prints, matches=(), place="file"), words=True
    )
    assert (found["matches"][0]["region"], found["prints"][1]["region"]) == ([1, 2, 30, 40], [1, 2, 30, 40])
    assert "region" not in found["prints"][0]


def test_the_hub_hears_that_a_picture_was_one_of_a_page_and_not_where():
    part = Rect(1, 2, 30, 40)
    [whole, one] = journal_matches(finding(MATCH, replace(MATCH, region=part)))
    assert (whole.get("part"), one["part"], "region" in one) == (None, True, False)
