"""What several lists found of one item is one answer, ranked, and says how far the item could be compared."""

from types import SimpleNamespace

from tocsin.matching.answers import Found, answer
from tocsin.matching.lists.view import Place
from tocsin.model import Fingerprints, Match


def kept(found, view, entry, by="pdq", distance=0, place=Place(0, 0)):
    found.keep(view, place, lambda: Match(list="demo", entry=entry, by=by, distance=distance), (3, distance))


def test_an_entry_is_kept_once_and_lists_are_ranked_together():
    one, other, first, second = SimpleNamespace(), SimpleNamespace(), Found(), Found()
    kept(first, one, "far", distance=9)
    kept(first, one, "near", distance=4)
    kept(first, one, "farther", distance=12)
    kept(second, other, "nearest", distance=1)
    first.compared, second.cut, second.low_quality = {"pdq"}, True, 2
    whole = Found()
    whole.take(first)
    whole.take(second)
    said = answer(Fingerprints(media="picture"), whole, 10)
    assert [match.entry for match in said.matches] == ["nearest", "near"]
    assert (said.cut, said.compared, said.low_quality, said.reason) == (True, ("pdq",), 2, "")
    assert answer(Fingerprints(media="picture"), whole, 1).matches[0].entry == "nearest"


def test_what_was_compared_with_nothing_says_why():
    said = answer(Fingerprints(media="picture"), Found(), 10)
    assert not said.comparable
    assert "nothing that a list holds" in said.reason
