import numpy as np
import pytest

from tocsin.matching import HashIndex, index
from tocsin.matching.lists import Entry, HashList, ListError, Status, add, building, part, remove


def codes(*texts):
    return np.frombuffer(bytes.fromhex("".join(texts)), np.uint8).reshape(-1, 32)


def flipped(text, *bits):
    number = int(text, 16)
    for bit in bits:
        number ^= 1 << bit
    return f"{number:064x}"


@pytest.fixture(params=[3, 4096], ids=["indexed", "small"])
def indexed_from(request, monkeypatch):
    monkeypatch.setattr(building, "INDEXED_FROM", request.param)
    monkeypatch.setattr(part, "INDEXED_FROM", request.param)


@pytest.mark.usefixtures("indexed_from")
def test_near_hashes_are_found_across_parts_and_hidden_ones_are_not(made, more, pdq_of):
    folder, _ = made("\n".join(pdq_of(str(n)) for n in range(8)))
    add(folder, more("pdq " + flipped(pdq_of("3"), 1, 2)))
    view = HashList.open(folder).view
    near = view.near("pdq", codes(pdq_of("3"), pdq_of("nobody")), 2)
    assert (near.query.tolist(), near.distance.tolist(), near.cut.tolist()) == ([0, 0], [0, 2], [False, False])
    remove(folder, [pdq_of("3")])
    view = HashList.open(folder).view
    assert view.near("pdq", codes(pdq_of("3")), 2).distance.tolist() == [2]
    assert view.near("pdq", codes(pdq_of("3")), 1).places == []
    assert view.near("pdq", codes(pdq_of("3")), 2, limit=1).distance.tolist() == [2]
    assert view.entries == 8


def test_entries_are_named_by_id_or_hash(made, pdq_of, md5_of):
    folder, _ = made(f"id,md5,pdq\n1,{md5_of('a')},{pdq_of('a')}\n2,{md5_of('b')},{pdq_of('b')}\n")
    view = HashList.open(folder).view
    one = view.named("1")
    assert one == view.named(md5_of("a")) == view.named(pdq_of("a").upper())
    assert [view.record(place).entry for place in one] == ["1"]
    assert view.named("zz") == view.named(md5_of("c")) == []
    assert view.kinds() == {"md5", "pdq"}
    assert view.windows(one[0]) == view.frames(one[0]) == []


def test_a_view_answers_on_when_its_parts_are_merged_away(made, pdq_of, monkeypatch):
    monkeypatch.setattr(building, "INDEXED_FROM", 3)
    monkeypatch.setattr(part, "INDEXED_FROM", 3)
    monkeypatch.setattr(index, "_FOLLOW_EVERY", 0)
    folder, _ = made("\n".join(pdq_of(str(n)) for n in range(6)))
    view = HashList.open(folder).view
    for path in folder.glob("part-*"):
        path.unlink()
    assert len(view.near("pdq", codes(pdq_of("3")), 0).places) == 1


@pytest.mark.parametrize("first", [-1, -(2**32), 6, 2**40])
def test_an_index_that_names_rows_that_are_not_there_is_said_to_be_damaged(made, pdq_of, monkeypatch, first):
    monkeypatch.setattr(building, "INDEXED_FROM", 3)
    monkeypatch.setattr(part, "INDEXED_FROM", 3)
    hashes = [pdq_of(str(n)) for n in range(6)]
    folder, _ = made("\n".join(hashes))
    [path] = folder.glob("*.pdq")
    size = path.stat().st_size
    HashIndex.build(codes(*hashes), np.arange(first, first + 6)).save(path)
    assert path.stat().st_size == size
    with pytest.raises(ListError, match="swapped"):
        HashList.open(folder)
    monkeypatch.setattr(part, "_own", lambda *_: None)  # as of a list built before samples were kept
    view = HashList.open(folder).view
    with pytest.raises(ListError, match="list made is damaged"):
        view.near("pdq", codes(hashes[0]), 0)


def test_digests_of_rows_that_are_not_there_are_said_to_be_damage(made, md5_of):
    folder, _ = made(md5_of("a"))
    view = HashList.open(folder).view
    [only] = view.parts
    object.__setattr__(only._digests["md5"], "row", np.array([7], np.uint32))
    with pytest.raises(ListError, match="list made is damaged"):
        view.find("md5", [bytes.fromhex(md5_of("a"))])


@pytest.mark.usefixtures("indexed_from")
def test_a_list_that_is_followed_answers_as_one_opened_anew_and_as_all_entries_one_by_one(made, pdq_of):
    folder, _ = made("id,pdq\n" + "\n".join(f"b{n},{pdq_of(f'base{n}')}" for n in range(40)))
    opened = HashList.open(folder)
    chance = np.random.default_rng(5)
    listed = {f"b{n}": codes(pdq_of(f"base{n}"))[0] for n in range(40)}
    for step in range(25):
        gone = [str(one) for one in chance.choice(sorted(listed), 2, replace=False)]
        rows = [Entry(1, id=one, status=Status.WITHDRAWN, updated=10 + step) for one in gone]
        for one in gone:
            del listed[one]
        for n in range(3):
            listed[f"n{step}-{n}"] = chance.integers(0, 256, 32, dtype=np.uint8)
            rows.append(Entry(1, [("pdq", listed[f"n{step}-{n}"].tobytes())], id=f"n{step}-{n}", updated=10))
        add(folder, [("x", rows)], opened=opened)
        opened.refresh()
        queries = chance.integers(0, 256, (3, 32), dtype=np.uint8)
        wanted = sorted(
            (query, int(np.bitwise_count(queries[query] ^ code).sum()), name)
            for query in range(3)
            for name, code in listed.items()
        )
        for view in (opened.view, HashList.open(folder).view):
            near = view.near("pdq", queries, 256)
            found = zip(near.query.tolist(), near.distance.tolist(), near.places, strict=True)
            assert sorted((query, apart, view.record(place).entry) for query, apart, place in found) == wanted
            assert view.entries == len(listed)
            for number, part_ in enumerate(view.parts):
                one_by_one = [view.stands(number, row) for row in range(part_.record.rows)]
                assert view.standing(number).tolist() == one_by_one


def test_what_of_a_part_was_replaced_is_worked_out_once(made, pdq_of):
    folder, _ = made("id,pdq\n" + "\n".join(f"b{n},{pdq_of(f'base{n}')}" for n in range(100)))
    opened = HashList.open(folder)
    remove(folder, ["b7"])
    opened.refresh()
    before = opened.view.live[0]
    add(folder, [("x", [Entry(1, [("pdq", bytes.fromhex(pdq_of("new")))], id="new")])])
    opened.refresh()
    assert opened.view.live[0] is before
    remove(folder, ["b8"])
    opened.refresh()
    assert (opened.view.live[0].sum(), before.sum()) == (98, 99)
