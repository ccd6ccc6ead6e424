import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.detectors.known_media import KnownMedia, audible, confidence, severity
from tocsin.model import Category, Fingerprints, Kind, Match, MediaSeen, Observation, Print, Rect

AT = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
PICTURE = Fingerprints(media="picture", prints=(Print("0f" * 32, 90),))
PDQ = Match(list="Unit list", entry="17", by="pdq", distance=6, severity=4, scheme="industry", category="B1")
DIGEST = replace(PDQ, by="md5", distance=0)
WINDOW = replace(PDQ, by="window", distance=10)
VIDEO = replace(PDQ, by="video", distance=0, shares=(0.4, 0.1))


PART = Rect(10, 20, 300, 200)


def seen(*matches, thread="w1", name="", minutes=0.0, prints=PICTURE, **more):
    place = "file" if name else "screen"
    body = MediaSeen(prints=prints, matches=matches, place=place, name=name, **more)
    return Observation(
        id="o",
        kind=Kind.FILE if name else Kind.PICTURE,
        at=AT + timedelta(minutes=minutes),
        sensor="s",
        body=body,
        thread=thread,
    )


def found(*observations):
    detector = KnownMedia()
    return [finding for each in observations for finding in detector.examine(each)]


def test_a_match_takes_its_severity_from_the_list_and_says_what_where_and_how_near():
    [finding] = found(seen(PDQ, box=Rect(10, 20, 300, 200)))
    assert (finding.category, finding.severity) == (Category.KNOWN_MEDIA, 4)
    assert finding.matches == (PDQ,)
    assert [s.name for s in finding.signals] == ["known-hash"]
    for part in ("A picture", "10, 20, 300 x 200", "6 bits", "entry 17", "“Unit list”", "B1 (industry)"):
        assert part in finding.why


def test_the_severest_match_leads_and_the_others_follow():
    worse = replace(PDQ, entry="2", severity=5, distance=20)
    [finding] = found(seen(PDQ, worse, DIGEST))
    assert finding.severity == 5
    assert finding.matches[0] == worse
    assert "2 more entries match." in finding.why


def test_a_part_of_a_page_is_as_severe_and_says_where_in_the_picture():
    prints = replace(PICTURE, prints=(Print("f0" * 32, 100), Print("0f" * 32, 90, region=PART)))
    [finding] = found(seen(replace(PDQ, region=PART), name="/home/a/shot.png", prints=prints))
    assert (finding.category, finding.severity) == (Category.KNOWN_MEDIA, 4)
    assert finding.why.startswith(
        "A picture in “/home/a/shot.png”, in the part of it at 10, 20, 300 x 200 pixels, is 6 bits (PDQ) from entry 17"
    )


def test_files_are_named_with_where_inside_them():
    [finding] = found(seen(DIGEST, name="/home/a/b.zip", held="in/c.jpg"))
    assert "/home/a/b.zip" in finding.why
    assert "in/c.jpg" in finding.why
    assert finding.confidence == 1.0


def test_a_near_match_is_never_as_severe_as_a_match_proper():
    for said in range(1, 6):
        [near] = found(seen(replace(WINDOW, severity=said)))
        assert near.category == Category.NEAR_MATCH
        assert near.severity <= min(3, max(1, said - 1))
    [both] = found(seen(replace(WINDOW, severity=5), replace(PDQ, severity=2)))
    assert (both.category, both.severity) == (Category.KNOWN_MEDIA, 2)


GOOD = {"list": "Known good", "negative": True}


@pytest.mark.parametrize(
    ("positive", "good", "left"),
    [
        (PDQ, replace(DIGEST, **GOOD), False),
        (DIGEST, replace(DIGEST, **GOOD), False),
        (DIGEST, replace(PDQ, **GOOD), True),
        (PDQ, replace(PDQ, **GOOD, distance=6), False),
        (PDQ, replace(PDQ, **GOOD, distance=2), False),
        (PDQ, replace(PDQ, **GOOD, distance=7), True),
        (WINDOW, replace(PDQ, **GOOD, distance=30), False),
        (WINDOW, replace(WINDOW, **GOOD, distance=11), True),
        (VIDEO, replace(VIDEO, **GOOD), False),
        (VIDEO, replace(VIDEO, **GOOD, shares=(0.1, 0.1)), True),
        (PDQ, replace(WINDOW, **GOOD, distance=0), True),
        (replace(PDQ, region=PART), replace(PDQ, **GOOD, distance=0, region=Rect(400, 20, 300, 200)), True),
        (replace(PDQ, region=PART), replace(PDQ, **GOOD, distance=0, region=Rect(11, 20, 300, 200)), False),
        (replace(PDQ, region=PART), replace(DIGEST, **GOOD), False),
        (WINDOW, replace(PDQ, **GOOD, distance=0, region=PART), True),
    ],
)
def test_known_good_lists_silence_what_is_no_nearer(positive, good, left):
    assert bool(audible([positive, good])) is left
    assert bool(found(seen(positive, good))) is left


def test_a_known_good_entry_alone_is_no_finding_nor_is_an_entry_of_no_concern():
    assert found(seen(replace(PDQ, **GOOD))) == []
    assert found(seen(replace(PDQ, severity=0))) == []


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from(["pdq", "window", "photodna"]), st.integers(0, 100))
@settings(max_examples=60)
def test_confidence_never_rises_with_distance(one, other, by, quality):
    near, far = sorted((one, other))
    prints = replace(PICTURE, prints=(Print("0f" * 32, quality),))
    sure = [confidence(replace(PDQ, by=by, distance=d), prints) for d in (near, far)]
    assert 1 >= sure[0] >= sure[1] >= 0.3


def test_confidence_by_road():
    assert confidence(DIGEST, PICTURE) == 1
    assert confidence(replace(PDQ, distance=0), PICTURE) == 0.99
    assert confidence(replace(PDQ, distance=31), PICTURE) == pytest.approx(0.9)
    assert confidence(PDQ, replace(PICTURE, prints=(Print("0f" * 32, 10),))) < 0.8
    shares = [confidence(replace(VIDEO, shares=(s, 0.0)), PICTURE) for s in (0.1, 0.5, 1.0)]
    assert shares == sorted(shares)
    assert shares[-1] == 0.99
    assert confidence(replace(WINDOW, distance=0), PICTURE) < confidence(replace(PDQ, distance=31), PICTURE)


def test_the_same_picture_shown_again_within_a_while_is_no_new_alert():
    findings = found(seen(PDQ), seen(replace(PDQ, distance=8), minutes=3), seen(PDQ, minutes=12))
    assert [f.refines for f in findings] == [False, True]


def test_another_place_another_entry_or_a_worse_one_is_told():
    other = replace(PDQ, entry="18")
    worse = replace(PDQ, severity=5)
    findings = found(seen(PDQ), seen(PDQ, thread="w2"), seen(other), seen(worse, minutes=1))
    assert [f.refines for f in findings] == [False, False, False, True]


def test_a_copy_under_another_name_is_told_as_more_of_the_same():
    findings = found(*(seen(DIGEST, name=f"/home/a/{n}.jpg", thread="folder") for n in (1, 2, 1)))
    assert [f.refines for f in findings] == [False, True]


def test_what_is_forgotten_is_told_anew_and_as_nothing_more_of_the_same():
    detector = KnownMedia()
    (first,) = detector.examine(seen(PDQ))
    assert not list(detector.examine(seen(PDQ)))
    detector.forget(seen(PDQ))
    (again,) = detector.examine(seen(PDQ))
    assert (first.refines, again.refines) == (False, False)


def test_what_is_remembered_is_bounded():
    detector = KnownMedia()
    for number in range(6000):
        list(detector.examine(seen(PDQ, thread=f"w{number}")))
    assert len(detector._told) <= 4096


@given(st.lists(st.builds(Match, list=st.text(), entry=st.text(), by=st.text(), distance=st.integers())))
@settings(max_examples=60)
def test_whatever_a_hub_answers_is_no_reason_to_fail(matches):
    for finding in found(seen(*matches)):
        assert 1 <= finding.severity <= 5
        assert finding.why.endswith(".")


def test_severity_stays_in_bounds():
    assert [severity(replace(PDQ, severity=n)) for n in (-3, 0, 3, 99)] == [0, 0, 3, 5]
    for by, said in itertools.product(("pdq", "window"), range(1, 6)):
        assert severity(replace(PDQ, by=by, severity=said)) >= 1
