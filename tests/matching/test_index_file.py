"""Index files that are cut, changed, swapped or from the future are refused in a sentence, and never crash a search."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin import _native
from tocsin.matching import index_file
from tocsin.matching.index import HashIndex
from tocsin.matching.index_file import HEADER, Header, Image, IndexFileError


def uniform(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32), np.uint8)


def saved(folder, name="a.idx", seed=0):
    codes = uniform(3000, seed)
    codes[:500] = codes[500:1000]  # some groups
    HashIndex.build(codes).save(folder / name)
    return folder / name


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("good")).read_bytes()


def damage(path, at, value=None):
    data = bytearray(path.read_bytes())
    data[at] = data[at] ^ 0x10 if value is None else value
    path.write_bytes(data)


def test_a_saved_file_is_opened_again_with_all_it_held(tmp_path):
    path = saved(tmp_path)
    assert HashIndex.verify(path) == 3000
    header, _, _ = index_file.open_file(path)
    assert (header.generation, header.shape[:3]) == (1, (3000, 2500, 2000))
    assert path.stat().st_mode & 0o077 == 0
    assert Header.parse(header.packed(), path.stat().st_size, "it") == header


def test_dense_ids_cost_nothing_and_all_in_an_entry_takes_less_than_140_bytes():
    dense, listed = (_native.index_block_size(*[10**7] * 3, listed, 0, 16) + HEADER for listed in (False, True))
    assert dense / 10**7 < 130
    assert listed / 10**7 < 140


@pytest.mark.parametrize("size", [0, 5, 11, 100, HEADER - 1, HEADER, HEADER + 1000, -1])
def test_a_cut_file_is_refused(tmp_path, size):
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(IndexFileError, match=r"a\.idx .*(cut|not an index)"):
        HashIndex.open(path)


def test_a_file_that_grew_is_refused(tmp_path):
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(IndexFileError, match="cut or grew"):
        HashIndex.open(path)


def test_another_kind_of_file_is_refused(tmp_path):
    (tmp_path / "a.idx").write_bytes(b"%PDF-1.7" + bytes(9000))
    with pytest.raises(IndexFileError, match="not an index file"):
        HashIndex.open(tmp_path / "a.idx")


def test_a_newer_version_is_refused_as_such(tmp_path):
    path = saved(tmp_path)
    damage(path, 8, 2)
    with pytest.raises(IndexFileError, match="newer Tocsin"):
        HashIndex.open(path)


@pytest.mark.parametrize("at", [12, 20, 40, 50, 60, 70, 90, 110, 125, 150])
def test_a_changed_header_is_refused_at_once(tmp_path, at):
    path = saved(tmp_path)
    damage(path, at)
    with pytest.raises(IndexFileError, match="damaged"):
        HashIndex.open(path)


@pytest.mark.parametrize("part", [0.001, 0.3, 0.6, 0.99])
def test_verify_finds_a_bit_flipped_anywhere(tmp_path, part):
    path = saved(tmp_path)
    damage(path, HEADER + int((path.stat().st_size - HEADER) * part))
    with pytest.raises(IndexFileError, match=r"SHA-256|damaged"):
        HashIndex.verify(path)


def test_damaged_offsets_are_found_when_opening(tmp_path):
    path = saved(tmp_path)
    damage(path, HEADER + 32 * 2500 + 4 * 1000 + 2)
    with pytest.raises(IndexFileError, match="offsets are damaged"):
        HashIndex.open(path)


def test_a_log_of_another_index_is_refused(tmp_path):
    one, other = saved(tmp_path, "one"), saved(tmp_path, "other", 1)
    HashIndex.open(one).add(uniform(1), [1])
    HashIndex.open(other).add(uniform(1), [1])
    one.write_bytes(other.read_bytes())
    with pytest.raises(IndexFileError, match="swapped"):
        HashIndex.open(one)


def test_an_older_base_put_back_under_a_newer_log_is_refused(tmp_path):
    path = saved(tmp_path)
    old = path.read_bytes()
    index = HashIndex.open(path)
    index.add(uniform(1), [1])
    index.merge()
    path.write_bytes(old)
    with pytest.raises(IndexFileError, match="swapped"):
        HashIndex.open(path)


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = saved(tmp_path)
    before = path.read_bytes()

    def full(self, file, header):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image, "write", full)
    with pytest.raises(OSError, match="No space"):
        HashIndex.build(uniform(3)).save(path)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*.tmp"))


def test_bytes_are_opened_into_memory_only(good):
    index = HashIndex.from_bytes(good)
    assert len(index) == 3000
    assert HashIndex.from_bytes(index.to_bytes()).search(uniform(3000)[500:501]).id.tolist() == [0, 500]
    with pytest.raises(IndexFileError, match="This index was cut"):
        HashIndex.from_bytes(good[:-1])
    with pytest.raises(IndexFileError):
        HashIndex.from_bytes(b"")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_damage_to_the_block_makes_a_search_crash(good, data):
    """The header fits, the content does not: opened or refused, but every search ends."""
    damaged = bytearray(good)
    for _ in range(data.draw(st.integers(1, 30))):
        at = data.draw(st.integers(HEADER, len(good) - 9))
        damaged[at : at + 8] = data.draw(
            st.sampled_from([b"\xff" * 8, bytes(8), b"\x01\x00" * 4, b"\xff\xff\xff\x7f" * 2])
        )
    try:
        index = HashIndex.from_bytes(bytes(damaged))
    except IndexFileError:
        return
    for scan in (False, True):
        index._snapshot.search(uniform(600), 31, None, 1, scan)
    index.search(uniform(3200), 31, limit=3)
    index._snapshot.live()


@settings(max_examples=100, deadline=None)
@given(
    counts=st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 4000), min_size=4, max_size=4), first=st.integers(-9, 9)
)
def test_headers_that_lie_about_counts_are_refused(good, counts, first):
    fields = bytearray(good[: index_file._FIELDS.size])
    for number, count in enumerate(counts):
        fields[56 + 8 * number : 64 + 8 * number] = count.to_bytes(8, "little")
    fields[88:96] = first.to_bytes(8, "little", signed=True)
    page = bytes(fields) + index_file.hashlib.blake2b(fields, digest_size=16).digest()
    with pytest.raises(IndexFileError):
        HashIndex.from_bytes(page.ljust(HEADER, b"\0") + good[HEADER:])
