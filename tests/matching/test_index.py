"""The exact index gives what comparing with every entry gives: whatever the data, the radius, the changes, the CPU."""

import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin import _native
from tocsin.matching import index as index_module
from tocsin.matching import index_file
from tocsin.matching.index import HashIndex, Hits

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "data" / "pdq" / "reg-test-input"


WAYS = [f"{width}-{form}" for width in ("avx512", "avx2", "portable") for form in ("wide", "narrow")]


@pytest.fixture(params=WAYS, autouse=True)
def way(request, monkeypatch):
    """Every path of the kernels that the CPU has, and both forms of the block."""
    width, form = request.param.split("-")
    _native.use_at_most(width)
    if _native.cpu() != width:
        pytest.skip(f"this CPU has no {width}, or less of it than the kernels need")
    monkeypatch.setattr(index_file, "FORM", 16 if form == "wide" else 8)
    yield request.param
    _native.use_at_most("avx512")


def uniform(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32), np.uint8)


def flipped(codes, distances, seed=0):
    """Copies of codes with so many bits changed each."""
    rng = np.random.default_rng(seed)
    bits = np.unpackbits(codes, axis=1)
    for row, distance in zip(bits, np.broadcast_to(distances, len(bits)), strict=True):
        row[rng.permutation(256)[:distance]] ^= 1
    return np.packbits(bits, axis=1)


def skewed(count, seed=0):
    """Mostly zero bits, and few of them free: every band has crowded buckets."""
    rng = np.random.default_rng(seed)
    return np.packbits(rng.random((count, 256)) < np.linspace(0, 0.3, 256), axis=1)


def clustered(count, seed=0):
    """A third exact copies, a third near copies of a few, the rest anything."""
    rng = np.random.default_rng(seed)
    codes = uniform(count, seed)
    third = count // 3
    codes[:third] = codes[rng.integers(0, 8, third)]
    codes[third : 2 * third] = flipped(codes[rng.integers(0, 8, third)], rng.integers(0, 25, third), seed)
    return codes


def distances_between(queries, codes):
    a, b = np.ascontiguousarray(queries).view(np.uint64), np.ascontiguousarray(codes).view(np.uint64)
    return sum(np.bitwise_count(a[:, None, w] ^ b[None, :, w]).astype(np.int32) for w in range(4))


def oracle(distances, ids, radius):
    """(query, distance, id) of every pair within the radius, in order."""
    query, entry = np.nonzero(distances <= radius)
    rows = np.stack([query, distances[query, entry], ids[entry]], axis=1)
    return rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]


def rows_of(hits: Hits):
    return np.stack([hits.query, hits.distance, hits.id], axis=1)


def banded(index, queries, radius, scan):
    """Rows found one way or the other, whatever would cost less."""
    found = index._snapshot.search(queries, radius, None, 1, scan)
    return np.empty((0, 3), np.int64) if found is None else np.stack([found[0], found[2], found[1]], axis=1)


@pytest.mark.parametrize("population", [uniform, clustered, skewed])
def test_every_radius_finds_what_comparing_with_each_finds(population, way):
    codes = population(3000)
    ids = np.random.default_rng(1).permutation(3000) * 7 - 4000
    near = flipped(codes[:140], np.arange(140) % 70)
    queries = np.concatenate([near, uniform(10, 9), codes[:5], np.zeros((1, 32), np.uint8)])
    index, distances = HashIndex.build(codes, ids), distances_between(queries, codes)
    for radius in [*range(0, 65, 9 if "portable" in way else 1), 79, 80, 255, 256]:
        expected = oracle(distances, ids, radius)
        assert np.array_equal(rows_of(index.search(queries, radius)), expected)
        if radius < 80:
            assert np.array_equal(banded(index, queries[::3], radius, False), oracle(distances[::3], ids, radius))


@pytest.mark.parametrize("population", [uniform, clustered, skewed])
def test_thousands_of_neighbours_around_the_radius_are_all_found(population, way):
    """Planted at 29 to 33 bits, asked together (a bulk join), in groups of 8, and on two threads."""
    codes = population(5000)
    planted = flipped(codes[np.random.default_rng(2).integers(0, 5000, 3200)], 29 + np.arange(3200) % 5, 3)
    index, distances = HashIndex.build(codes), distances_between(planted, codes)
    for radius in (31, 32) if "portable" in way else (29, 30, 31, 32, 33):
        expected = oracle(distances, np.arange(5000), radius)
        assert len(expected) >= 3200 * (radius - 28) // 5
        assert np.array_equal(rows_of(index.search(planted, radius)), expected)
        assert np.array_equal(banded(index, planted, radius, False), expected)
        assert np.array_equal(rows_of(index.search(planted, radius, threads=2)), expected)
        for at in range(0, 400, 8):
            eight = expected[(expected[:, 0] >= at) & (expected[:, 0] < at + 8)]
            assert np.array_equal(banded(index, planted[at : at + 8], radius, False), eight - np.array([at, 0, 0]))


@pytest.mark.parametrize("count", [0, 1, 2, 17, 257, 4097])
def test_any_size_from_nothing_on(count):
    codes = uniform(count)
    index = HashIndex.build(codes)
    assert len(index) == count
    queries = np.concatenate([codes[:20], uniform(3, 5)])
    expected = oracle(distances_between(queries, codes), np.arange(count), 40)
    assert np.array_equal(rows_of(index.search(queries, 40)), expected)
    assert np.array_equal(rows_of(HashIndex.from_bytes(index.to_bytes()).search(queries, 40)), expected)


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the reference's search vectors are not beside the repository")
def test_the_references_needles_are_found_in_its_haystack():
    def read(name):
        lines = (VECTORS / name).read_text().split()
        return np.array([np.frombuffer(bytes.fromhex(line[-64:]), np.uint8) for line in lines])

    needles, index = read("needles.txt"), HashIndex.build(read("haystack.txt"))
    found = {radius: len(index.search(needles, radius).id) for radius in (0, 8, 16, 20, 24, 31, 40, 63)}
    assert found == {0: 50, 8: 150, 16: 152, 20: 180, 24: 250, 31: 250, 40: 252, 63: 352}
    assert len(set(index.search(needles, 8).query.tolist())) == 100


class Model:
    """Entries by brute force."""

    def __init__(self):
        self.codes, self.ids = np.empty((0, 32), np.uint8), np.empty(0, np.int64)

    def add(self, codes, ids):
        self.codes, self.ids = np.concatenate([self.codes, codes]), np.concatenate([self.ids, ids])

    def remove(self, ids):
        keep = ~np.isin(self.ids, ids)
        self.codes, self.ids = self.codes[keep], self.ids[keep]

    def agrees(self, index, queries, radius=31):
        assert len(index) == len(self.ids)
        expected = oracle(distances_between(queries, self.codes), self.ids, radius)
        assert np.array_equal(rows_of(index.search(queries, radius)), expected)


@pytest.mark.parametrize("on_disk", [False, True])
@settings(max_examples=15, deadline=None)
@given(
    steps=st.lists(
        st.sampled_from(["add", "add", "more", "again", "remove", "merge", "reopen"]), min_size=3, max_size=9
    ),
    seed=st.integers(0, 99),
)
def test_adds_removals_and_merges_in_any_order(tmp_path_factory, on_disk, steps, seed):
    rng = np.random.default_rng(seed)
    pool = clustered(4000, seed)
    model, path = Model(), tmp_path_factory.mktemp("index") / "a.idx"
    model.add(pool[:300], np.arange(300))
    index = HashIndex.build(pool[:300])
    if on_disk:
        index.save(path)
        index = HashIndex.open(path)
    for step in steps:
        if step in ("add", "more", "again"):
            size = 1500 if step == "more" else 40
            codes = pool[rng.integers(0, len(pool), size)]
            ids = rng.integers(0, 400, size) if step == "again" else rng.integers(300, 10**12, size)
            index.add(codes, ids)
            model.add(codes, ids)
        elif step == "remove" and len(model.ids):
            ids = model.ids[rng.integers(0, len(model.ids), 30)]
            index.remove(ids)
            model.remove(ids)
        elif step == "merge":
            index.merge()
        elif step == "reopen":
            index = HashIndex.open(path) if on_disk else HashIndex.from_bytes(index.to_bytes())
        model.agrees(index, flipped(pool[rng.integers(0, 4000, 12)], rng.integers(0, 34, 12), seed))


def test_a_removed_id_leaves_with_all_its_entries_and_may_come_back():
    codes = uniform(3)
    index = HashIndex.build(codes, np.array([5, 5, 6]))
    index.remove([5])
    assert len(index) == 1
    assert index.search(codes).id.tolist() == [6]
    index.add(codes[:1], [5])
    assert index.search(codes).id.tolist() == [5, 6]
    index.remove([5])
    assert index.search(codes).id.tolist() == [6]


def test_equal_hashes_are_all_reported():
    index = HashIndex.build(np.repeat(uniform(1), 50, axis=0), np.arange(50)[::-1] * 2)
    assert index.search(uniform(1)).id.tolist() == list(range(0, 100, 2))


def test_a_limit_keeps_the_nearest_and_says_that_it_cut():
    codes = flipped(np.repeat(uniform(1), 200, axis=0), np.arange(200) % 20)
    hits = HashIndex.build(codes).search(np.concatenate([uniform(1), uniform(1, 7)]), limit=15)
    assert hits.distance.tolist() == [0] * 10 + [1] * 5
    assert hits.id.tolist() == [*range(0, 200, 20), *range(1, 101, 20)]
    assert hits.truncated.tolist() == [True, False]
    assert not HashIndex.build(codes[:15]).search(uniform(1), limit=15).truncated.any()
    assert HashIndex.build(codes).search(uniform(1), limit=0).truncated.tolist() == [True]


@pytest.mark.parametrize("limit", [2**60, 2**62, 2**63, 2**64 - 1, 2**64])
def test_a_limit_beyond_all_numbers_limits_nothing(limit):
    hits = HashIndex.build(uniform(5000)).search(uniform(1), 200, limit)
    assert len(hits.id) == 5000
    assert not hits.truncated.any()


def test_inside_a_huge_cluster_a_limit_stops_early_but_never_misses_the_same_picture():
    """The answer does not depend on how many are asked at once."""
    rng = np.random.default_rng(4)
    codes = np.repeat(uniform(1), 40_000, axis=0)
    codes[np.arange(40_000), rng.integers(0, 16, 40_000)] ^= rng.integers(1, 256, 40_000).astype(np.uint8)
    codes[np.arange(40_000), rng.integers(16, 32, 40_000)] ^= rng.integers(0, 256, 40_000).astype(np.uint8)
    codes[-3:] = uniform(1)
    index = HashIndex.build(codes)
    alone = index.search(uniform(1), limit=100)
    assert len(alone.id) == 100
    assert alone.truncated.all()
    assert alone.id[:3].tolist() == [39_997, 39_998, 39_999]
    many = index.search(np.concatenate([uniform(3100, 8), uniform(1)]), limit=100)
    assert np.array_equal(many.id, alone.id)
    assert many.truncated.sum() == 1
    whole = index.search(uniform(1))
    assert len(whole.id) == (distances_between(uniform(1), codes) <= 31).sum()


def test_threads_and_batches_do_not_change_the_answer():
    codes = clustered(9000)
    index, queries = HashIndex.build(codes), flipped(codes[:3300], np.arange(3300) % 40)
    one = index.search(queries, 31, limit=7)
    for threads in (2, 5):
        other = index.search(queries, 31, limit=7, threads=threads)
        assert np.array_equal(rows_of(one), rows_of(other))
        assert np.array_equal(one.truncated, other.truncated)
    apart = [index.search(queries[i : i + 1], 31, 7) for i in range(0, 3300, 300)]
    for number, hits in zip(range(0, 3300, 300), apart, strict=True):
        assert np.array_equal(hits.id, one.id[one.query == number])


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda index: index.search(np.zeros((2, 31), np.uint8)), r"shape \(n, 32\)"),
        (lambda index: index.search(np.zeros((2, 32))), "uint8"),
        (lambda index: index.search(uniform(1), radius=257), "radius"),
        (lambda index: index.search(uniform(1), radius=-1), "radius"),
        (lambda index: index.search(uniform(1), limit=-1), "limit"),
        (lambda index: index.add(uniform(2), [1]), "2 hashes"),
        (lambda index: index.add(uniform(1), [1.5]), "whole numbers"),
        (lambda index: index.add(uniform(1), np.array([2**63], np.uint64)), "63 bits"),
        (lambda index: HashIndex.build(uniform(2), [1]), "2 hashes"),
        (lambda index: HashIndex.build(np.zeros(5, np.uint8)), "shape"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(HashIndex.build(uniform(3)))


def test_queries_that_are_strided_turned_or_single_are_understood():
    codes = uniform(9)
    index = HashIndex.build(codes)
    assert index.search(np.asfortranarray(codes), 0).id.tolist() == list(range(9))
    assert index.search(codes[::-2], 0).id.tolist() == [8, 6, 4, 2, 0]
    assert index.search(codes[4], 0).id.tolist() == [4]
    assert index.search(codes[:0], 0).truncated.shape == (0,)


def test_searches_go_on_while_entries_are_added_and_merged():
    codes = uniform(6000)
    index, wrong, done = HashIndex.build(codes[:3000]), [], threading.Event()

    def search():
        while not done.is_set():
            if index.search(codes[:8], 0).id.tolist() != list(range(8)):
                wrong.append(1)

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    for at in range(3000, 6000, 100):
        index.add(codes[at : at + 100], np.arange(at, at + 100))
        if at % 1000 == 0:
            index.merge()
    done.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert index.search(codes, 0).id.tolist() == list(range(6000))


def test_many_changes_are_merged_in_the_background(tmp_path, monkeypatch):
    monkeypatch.setattr(index_module, "_MERGE_FROM", 50)
    HashIndex.build(uniform(10)).save(tmp_path / "a.idx")
    for index in (HashIndex.open(tmp_path / "a.idx"), HashIndex.build(uniform(10))):
        with index:
            index.add(uniform(60, 1), np.arange(10, 70))
        assert index._snapshot.added_entries == 0
        assert len(index) == 70
