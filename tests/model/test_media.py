"""Fingerprints go over the wire without what is absent."""

from dataclasses import replace

from tocsin.model import Fingerprints, Match, Print, Rect


def test_only_what_is_there_is_sent() -> None:
    sent = Fingerprints(media="picture", md5="0" * 32, prints=(Print("f" * 64, 90),)).as_dict()
    assert set(sent) == {"media", "md5", "prints"}
    assert sent["prints"][0]["path"] == "full"


def test_matches_of_two_places_on_a_page_are_not_of_the_same_part() -> None:
    whole = Match(list="l", entry="e", by="pdq", distance=3)
    here = replace(whole, region=Rect(10, 10, 100, 80))
    assert whole.same_part(whole)
    assert here.same_part(replace(whole, region=Rect(12, 10, 98, 81)))
    assert not here.same_part(replace(whole, region=Rect(150, 10, 100, 80)))
    assert not here.same_part(whole)
    assert not whole.same_part(here)
