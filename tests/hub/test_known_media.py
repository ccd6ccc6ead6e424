"""Matches keep together by list and device, and an entry is named once, in its surest form."""

from tocsin.hub import known_media


def match(entry: str = "e1", name: str = "demo", by: str = "pdq", distance: int = 8) -> dict:
    return {"list": name, "entry": entry, "by": by, "distance": distance, "scheme": "", "category": ""}


def test_one_list_on_one_device_is_one_group() -> None:
    assert known_media.group("d1", [match("e1")]) == known_media.group("d1", [match("e2")])
    assert known_media.group("d1", [match()]) != known_media.group("d2", [match()])
    assert known_media.group("d1", [match()]) != known_media.group("d1", [match(name="other")])
    assert known_media.group("d1", []) == ""
    assert len(known_media.group("d" * 32, [match(name="n" * 64)])) < 60


def test_an_entry_is_named_once_in_its_surest_form() -> None:
    merged = known_media.merge(
        [match("e1"), match("e2")], [match("e1", by="sha1", distance=0), match("e2", by="window")]
    )
    assert [(m["entry"], m["by"]) for m in merged] == [("e1", "sha1"), ("e2", "pdq")]
    assert merged[0]["also"] == [{"by": "pdq", "distance": 8}]
    again = known_media.merge(merged, [match("e1", distance=2), match("e1", by="md5", distance=0)])
    assert again[0]["by"] == "sha1"
    assert again[0]["also"] == [{"by": "md5", "distance": 0}, {"by": "pdq", "distance": 2}]
    nearer = known_media.merge([match(distance=20)], [match(distance=4)])
    assert nearer[0] == match(distance=4) | {"thing": 0}


def things(matches: list[dict]) -> list[tuple[str, int]]:
    return [(m["entry"], m["thing"]) for m in matches]


def test_what_one_file_matched_is_one_thing_and_joins_what_was_seen_before() -> None:
    screen = known_media.merge([], [match("a")])
    other = known_media.merge(screen, [match("x")])
    file = known_media.merge(other, [match("a", by="sha256", distance=0), match("b", "digests", "sha256", 0)])
    assert things(file) == [("a", 0), ("x", 1), ("b", 0)], "the picture on the screen is the file"
    joined = known_media.merge(file, [match("x"), match("b", "digests", "md5", 0)])
    assert things(joined) == [("a", 0), ("x", 0), ("b", 0)]
    assert things(known_media.merge(joined, [match("y")]))[-1] == ("y", 1)


def test_alerts_of_before_have_a_thing_an_entry() -> None:
    assert things(known_media.merge([match("a"), match("b")], [match("c")])) == [("a", 0), ("b", 1), ("c", 2)]


def test_a_flood_is_bounded() -> None:
    assert len(known_media.merge([], [match(str(n)) for n in range(1000)])) == known_media.MOST_KEPT


def test_shared_entries_are_told() -> None:
    assert known_media.shared([match("e1")], [match("e2"), match("e1", by="md5")])
    assert not known_media.shared([match("e1")], [match("e1", name="other")])
