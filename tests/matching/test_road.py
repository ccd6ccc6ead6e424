import hashlib
import random
import shutil
import subprocess
import sys

import pytest
import yaml

from tocsin.evidence.sealing import new_identity
from tocsin.matching.lists import HashList, Key, ListError, Terms, add, build, remove
from tocsin.matching.lists.entry import Entry, FrameHash
from tocsin.matching.lists.view import View
from tocsin.matching.road import Lists, standing
from tocsin.model import Fingerprints, Match, Rect
from tocsin.model.media import Frame, Print


def pdq(text):
    places = random.Random(text).sample(range(256), 128)
    return f"{sum(1 << place for place in places):064x}"


def off(text, bits):
    """The hash ``text``, with ``bits`` bits changed."""
    number = int(text, 16)
    for bit in random.Random(bits).sample(range(256), bits):
        number ^= 1 << bit
    return f"{number:064x}"


def entry(name, **more):
    frames = [FrameHash(n, bytes.fromhex(text), 90) for n, text in enumerate(more.pop("frames", ()))]
    kinds = {kind: more.pop(kind) for kind in ("md5", "sha256", "pdq", "photodna", "window") if kind in more}
    hashes = [(kind, bytes.fromhex(text)) for kind, given in kinds.items()
              for text in ([given] if isinstance(given, str) else given)]  # fmt: skip
    return Entry(1, hashes, id=name, frames=frames, **more)


@pytest.fixture
def lists(tmp_path):
    """Makes and opens lists: ``lists(name=[entries])``, terms by ``name_terms={...}``."""

    def make(**given):
        for name, entries in given.items():
            if not name.endswith("_terms"):
                terms = Terms(name=name, **given.get(f"{name}_terms", {}))
                build(tmp_path / "lists" / name, terms, [("made", entries)])
        return Lists.open([tmp_path / "lists"])

    make.folder = tmp_path / "lists"
    return make


def picture(*hashes, quality=90, **more):
    prints = tuple(one if isinstance(one, Print) else Print(one, quality) for one in hashes)
    return Fingerprints(media="picture", prints=prints, **more)


M = hashlib.md5(b"a").hexdigest()


def test_a_digest_and_a_near_hash_name_list_and_entry(lists):
    road = lists(
        agency=[entry("one", md5=M, category="A1"), entry("two", pdq=pdq("x"))],
        agency_terms={"scheme": "industry", "source": "us"},
    )
    by_digest, near, far = road.match(
        [Fingerprints(media="other", md5=M), picture(off(pdq("x"), 31)), picture(off(pdq("x"), 32))]
    )
    [match] = by_digest
    assert (match.list, match.entry, match.by, match.distance) == ("agency", "one", "md5", 0)
    assert (match.severity, match.scheme, match.category, match.source) == (5, "industry", "A1", "us")
    [match] = near
    assert (match.entry, match.by, match.distance, match.severity) == ("two", "pdq", 31, 4)
    assert far == ()


def test_lists_that_change_while_they_are_asked_do_not_hide_each_other(lists, monkeypatch):
    road = lists(one=[entry("first", pdq=pdq("x"))], two=[entry("second", pdq=pdq("x"))])
    monkeypatch.setattr(HashList, "view", property(lambda one: View(one._view.terms, one._view.state, one._view.parts)))
    for _ in range(20):
        [matches] = road.match([picture(pdq("x"))])
        assert [match.entry for match in matches] == ["first", "second"]


def test_an_entry_is_named_once_by_its_strongest_way(lists):
    road = lists(agency=[entry("one", md5=M, pdq=[pdq("x"), off(pdq("x"), 4)])])
    [[match]] = road.match([picture(off(pdq("x"), 10), md5=M)])
    assert match.by == "md5"
    [[match]] = road.match([picture(off(pdq("x"), 10), pdq("x"))])
    assert (match.by, match.distance) == ("pdq", 0)


def test_the_radius_is_the_lists_own_unless_one_is_asked_for(lists):
    road = lists(narrow=[entry("n", pdq=pdq("x"))], narrow_terms={"radius": 4}, wide=[entry("w", pdq=pdq("x"))])
    seen = [picture(off(pdq("x"), 10))]
    assert [match.list for match in road.match(seen)[0]] == ["wide"]
    assert len(road.match(seen, radius=10)[0]) == 2
    assert road.match(seen, radius=9)[0] == ()
    with pytest.raises(ListError, match="radius"):
        road.match(seen, radius=-1)


def test_turned_and_stripped_prints_say_so(lists):
    road = lists(agency=[entry("one", pdq=pdq("x"))])
    seen = [picture(Print(pdq("y"), 90), Print(pdq("x"), 90, turn=3), Print(off(pdq("x"), 6), 90, stripped=True))]
    [[match]] = road.match(seen)
    assert (match.distance, match.stripped, match.turn) == (6, True, 0)
    [[match]] = road.match(seen, dihedral=True)
    assert (match.distance, match.stripped, match.turn) == (0, False, 3)


def test_a_part_of_a_page_is_matched_with_its_place_and_stands_for_no_more(lists):
    road = lists(agency=[entry("one", pdq=pdq("x"))])
    part = Print(off(pdq("x"), 7), 90, region=Rect(5, 6, 300, 200))
    [match] = road.match([picture(pdq("page"), part)])[0]
    assert (match.by, match.distance, match.region) == ("pdq", 7, Rect(5, 6, 300, 200))
    blank = road.examine([picture(Print(pdq("page"), 10), Print(pdq("part"), 90, region=HERE))])[0]
    assert (blank.matches, blank.comparable, blank.low_quality) == ((), False, 1)


def test_too_little_detail_is_said_and_never_matched(lists):
    road = lists(agency=[entry("one", pdq=pdq("x"))], agency_terms={"min_quality": 60})
    [answer] = road.examine([picture(pdq("x"), quality=59)])
    assert answer.matches == ()
    assert (answer.comparable, answer.low_quality) == (False, 1)
    assert "too little detail" in answer.reason
    [answer] = road.examine([picture(pdq("x"), quality=60)])
    assert (answer.comparable, answer.compared, len(answer.matches)) == (True, ("pdq",), 1)
    [answer] = road.examine([Fingerprints(media="other", md5=M)])
    assert not answer.comparable


def test_the_limit_keeps_the_best_and_says_that_it_cut(lists):
    road = lists(agency=[entry(str(n), pdq=off(pdq("x"), n)) for n in range(20)])
    [answer] = road.examine([picture(pdq("x"))], limit=3)
    assert [match.distance for match in answer.matches] == [0, 1, 2]
    assert answer.cut
    assert not road.examine([picture(pdq("x"))], limit=20)[0].cut


def test_categories_of_severity_0_are_never_matched(lists):
    road = lists(agency=[entry("one", md5=M, category="5")], agency_terms={"categories": {"5": 0}})
    assert road.match([Fingerprints(media="other", md5=M)]) == [()]


def test_a_video_is_matched_by_shares_of_frames_both_ways(lists):
    known = [pdq(f"f{n}") for n in range(10)]
    road = lists(agency=[entry("clip", frames=known), entry("still", pdq=known[3])])
    upload = [pdq(f"other{n}") for n in range(90)] + [off(text, 8) for text in known]
    seen = Fingerprints(media="video", frames=tuple(Frame(n, text, 90) for n, text in enumerate(upload)))
    still, clip = road.match([seen])[0]
    assert (clip.entry, clip.by, clip.shares) == ("clip", "video", (0.1, 1.0))
    assert (still.entry, still.by, still.distance) == ("still", "pdq", 8)
    part = Fingerprints(media="video", frames=tuple(Frame(n, text, 90) for n, text in enumerate(upload[:95])))
    assert [match.entry for match in road.match([part])[0]] == ["still"]
    frame = road.match([picture(known[7])])[0]
    assert [(match.entry, match.by) for match in frame] == [("clip", "pdq")]


def test_photodna_is_compared_by_the_lists_own_measure(lists):
    near = bytes([1] * 3 + [0] * 141).hex()
    terms = {"photodna_metric": "absolute", "photodna_threshold": 3}
    road = lists(strict=[entry("s", photodna="00" * 144)], loose=[entry("l", photodna="00" * 144)], loose_terms=terms)
    [matches] = road.match([Fingerprints(media="picture", photodna=near)])
    assert [(match.list, match.by, match.distance) for match in matches] == [("loose", "photodna", 3)]


def test_windows_match_where_they_stand_to_each_other_as_listed(lists):
    places = [(100 + 90 * n, 200 + 40 * (n % 3) * n, 60 + 7 * n) for n in range(8)]
    scale = 65535 / 1000

    def codes(move, factor):
        return tuple(
            pdq(f"w{n}") + b"".join(round(v * scale).to_bytes(2, "big") for v in
                                    (factor * x + move, factor * y + move, factor * half)).hex()
            for n, (x, y, half) in enumerate(places)
        )  # fmt: skip

    road = lists(own=[entry("one", window=codes(0, 1.0)), entry("two", window=codes(0, 1.0)[:1])])
    [[match]] = road.match([Fingerprints(media="picture", windows=codes(20, 1.1))])
    assert (match.entry, match.by) == ("one", "window")
    jumbled = tuple(code[:64] + other[64:] for code, other in zip(codes(0, 1.0), reversed(codes(0, 1.0)), strict=True))
    assert road.match([Fingerprints(media="picture", windows=jumbled)]) == [()]


def test_windows_that_a_thousand_pictures_have_do_not_hide_the_one_that_is_shown(lists, monkeypatch):
    def codes(places, bits=0):
        shown = (b"".join(round(65.535 * v).to_bytes(2, "big") for v in place).hex() for place in places)
        return tuple(off(pdq(f"w{n}"), bits) + place for n, place in enumerate(shown))

    places = [(100 + 90 * n, 200 + 40 * (n % 3) * n, 60 + 7 * n) for n in range(8)]
    alike = [entry(f"e{n}", window=codes(places)[n % 8]) for n in range(8 * 1001)]
    road = lists(own=[*alike, entry("the one", window=codes(places, 1))])
    seen = [Fingerprints(media="picture", windows=codes(places))]
    [[match]] = road.match(seen)
    assert (match.entry, match.by) == ("the one", "window")
    monkeypatch.setattr("tocsin.matching.road._MOST_ALIKE_AT_ALL", 1001)
    [answer] = road.examine(seen)
    assert (answer.matches, answer.cut) == ((), True), "what was not compared in full says so"


def test_a_list_that_fails_stops_no_other_and_is_named(lists, monkeypatch):
    road = lists(agency=[entry("one", md5=M)], rotten=[entry("two", md5=M)])
    real = View.find

    def find(view, kind, digests):
        if view.terms.name == "rotten":
            raise view._damaged(view.parts[0], kind)
        return real(view, kind, digests)

    monkeypatch.setattr(View, "find", find)
    missed = []
    [[match]] = road.match([Fingerprints(media="other", md5=M)], missed=missed)
    assert match.list == "agency"
    [one] = missed
    assert (one.folder, one.name, one.damaged) == (lists.folder / "rotten", "rotten", True)
    assert "The list rotten is damaged" in one.sentence
    with pytest.raises(ListError, match="rotten"):
        road.match([Fingerprints(media="other", md5=M)])


CUT = """
import os, sys
from pathlib import Path
from tocsin.matching.lists import ListError
from tocsin.matching.road import Lists
from tocsin.model import Fingerprints
road, asked = Lists.open([sys.argv[1]]), [Fingerprints(media="other", md5=sys.argv[2])]
before = road.match(asked)
for path in Path(sys.argv[1]).glob("rotten/part-*"):
    os.truncate(path, 0)
for _ in range(300):
    missed = []
    found = road.match(asked, missed=missed)
    road.refresh()
print([match.list for match in before[0]], [match.list for match in found[0]], [str(one.sentence) for one in missed])
"""


def test_a_file_cut_while_it_is_mapped_is_a_sentence_and_not_the_programs_end(lists):
    filler = [entry(f"e{n}", md5=f"{n:032x}") for n in range(9000)]
    lists(agency=[entry("one", md5=M)], rotten=[entry("two", md5=M), *filler])
    ended = subprocess.run(
        [sys.executable, "-c", CUT, str(lists.folder), M], capture_output=True, text=True, timeout=150, check=False
    )
    assert ended.returncode == 0, f"it ended by {ended.returncode}: {ended.stderr}"
    assert ended.stdout.startswith("['agency', 'rotten'] ['agency'] ")
    assert "was cut while it was in use" in ended.stdout


def test_changes_and_new_lists_are_followed(lists):
    road = lists(agency=[entry("one", md5=M)])
    seen = [Fingerprints(media="other", md5=M)]
    before = road.version
    assert road.match(seen)[0]
    remove(lists.folder / "agency", ["one"])
    build(lists.folder / "second", Terms(name="second"), [("x", [entry("two", md5=M)])])
    assert road.refresh()
    assert [match.list for match in road.match(seen)[0]] == ["second"]
    assert road.version != before
    assert set(road.names) == {"agency", "second"}
    assert (road.entries, road.kinds, road.problems) == (1, {"md5"}, ())


def test_a_list_taken_out_of_a_folder_of_lists_is_asked_no_more(lists):
    road = lists(agency=[entry("one", md5=M)], second=[entry("two", md5=M)])
    shutil.rmtree(lists.folder / "agency")
    assert road.refresh()
    assert [match.list for match in road.match([Fingerprints(media="other", md5=M)])[0]] == ["second"]
    given = Lists.open([lists.folder / "second"])
    shutil.rmtree(lists.folder / "second")
    given.refresh()
    assert "second" in given.problems[0]
    assert given.match([Fingerprints(media="other", md5=M)])[0]


def test_lists_joined_while_open_stay_joined_when_their_folders_are_looked_at(lists):
    lists(agency=[entry("one", md5=M)])
    road = Lists.of([HashList.open(lists.folder / "agency")])
    road.refresh()
    assert [match.list for match in road.match([Fingerprints(media="other", md5=M)])[0]] == ["agency"]


def test_a_list_that_breaks_answers_as_before_and_is_named(lists):
    road = lists(agency=[entry("one", md5=M)])
    (lists.folder / "agency" / "state.json").write_text("{")
    road.refresh()
    assert "damaged" in road.problems[0]
    assert road.match([Fingerprints(media="other", md5=M)])[0]
    with pytest.raises(ListError, match="damaged"):
        Lists.open([lists.folder])


def test_the_version_is_the_same_for_the_same_lists(lists):
    one = lists(agency=[entry("one", md5=M)])
    assert one.version == Lists.open([lists.folder / "agency"]).version
    before = one.version
    held = yaml.safe_load((lists.folder / "agency" / "list.yaml").read_text())
    (lists.folder / "agency" / "list.yaml").write_text(yaml.safe_dump(held | {"radius": 5}))
    assert before != Lists.open([lists.folder]).version


def test_folders_that_hold_no_list_are_a_sentence(tmp_path):
    with pytest.raises(ListError, match="is not a hash list, and holds none"):
        Lists.open([tmp_path])


def test_sealed_lists_are_matched_in_memory(tmp_path):
    key = Key((new_identity()[0],))
    build(tmp_path / "l", Terms(name="l"), [("x", [entry("one", md5=M, pdq=pdq("x"))])], key)
    road = Lists.open([tmp_path / "l"], key)
    assert len(road.match([picture(off(pdq("x"), 20))])[0]) == 1
    add(tmp_path / "l", [("x", [entry("two", pdq=pdq("x"))])], key)
    road.refresh()
    assert len(road.match([picture(off(pdq("x"), 20))])[0]) == 2
    road.close()
    assert not road.refresh()
    assert road.match([picture(pdq("x"))]) == [()]
    assert HashList.open(tmp_path / "l", key).verify()


HERE, THERE = Rect(0, 0, 100, 80), Rect(120, 0, 100, 80)


def a(by, distance=0, negative=False, region=None):
    return Match(list="l", entry="e", by=by, distance=distance, negative=negative, region=region)


@pytest.mark.parametrize(
    ("matches", "stands"),
    [
        ([a("md5")], 1),
        ([a("md5", negative=True)], 0),
        ([a("pdq", 4), a("sha1", negative=True)], 0),
        ([a("pdq", 4), a("pdq", 4, negative=True)], 0),
        ([a("pdq", 4), a("pdq", 6, negative=True)], 1),
        ([a("md5"), a("sha1", negative=True)], 1),
        ([a("md5"), a("pdq", 0, negative=True)], 1),
        ([a("pdq", 4, region=HERE), a("pdq", 0, negative=True, region=HERE)], 0),
        ([a("pdq", 4, region=HERE), a("pdq", 0, negative=True, region=THERE)], 1),
        ([a("pdq", 4, region=HERE), a("pdq", 0, negative=True)], 1),
        ([a("pdq", 4), a("pdq", 0, negative=True, region=HERE)], 1),
        ([a("pdq", 4, region=HERE), a("md5", negative=True)], 0),
    ],
)
def test_known_good_silences_what_is_no_surer_than_itself(matches, stands):
    assert len(standing(matches)) == stands


def test_hashes_that_are_no_hex_match_nothing(lists):
    road = lists(agency=[entry("one", md5=M, pdq=pdq("x"), frames=[pdq("y")], window="ab" * 38, photodna="00" * 144)])
    odd = Fingerprints(
        media="picture", md5="zz", sha1="é", prints=(Print("xyz", 90),), windows=("q", "ab"), photodna="-"
    )
    assert road.match([odd]) == [()]
