import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.placement.disk import Disk
from tocsin.placement.segments import START, Segment, SpoolDamagedError, framed, frames_in


def filled(path, n=5):
    segment = Segment.create(Disk(), path, START, 4096)
    for number in range(n):
        segment.append(Disk(), b"payload %d" % number)
    return segment


def test_entries_come_back(tmp_path):
    segment = filled(tmp_path / "a")
    last = segment.last
    segment.close()
    again = Segment.open(tmp_path / "a")
    assert [p for p, _ in again.entries()] == [b"payload %d" % n for n in range(5)]
    assert again.last == last
    assert not again.torn
    again.cut(3)
    assert [p for p, _ in again.entries()] == [b"payload 0", b"payload 1", b"payload 2"]


@given(st.integers(0, 400), st.integers(1, 255))
def test_damage_anywhere_never_passes_as_another_entry(tmp_path_factory, at, flip):
    path = tmp_path_factory.mktemp("s") / "a"
    filled(path).close()
    data = bytearray(path.read_bytes())
    data[at] ^= flip
    path.write_bytes(data)
    whole = {b"payload %d" % n for n in range(5)}
    assert set(frames_in(bytes(data))) <= whole
    try:
        segment = Segment.open(path)
    except SpoolDamagedError:
        return
    found = [p for p, _ in segment.entries()]
    assert found == [b"payload %d" % n for n in range(len(found))]
    assert len(found) == 5 or segment.torn or segment.salvage
    segment.close()


def test_noise_is_a_sentence(tmp_path):
    (tmp_path / "a").write_bytes(b"noise")
    with pytest.raises(SpoolDamagedError, match="cannot be read"):
        Segment.open(tmp_path / "a")


@pytest.mark.parametrize("cut", range(20))
def test_a_write_cut_short_anywhere_is_no_entry(tmp_path, cut):
    segment = filled(tmp_path / "a", 2)
    data = bytearray((tmp_path / "a").read_bytes())
    data[segment.end : segment.end + cut] = framed(b"payload 9")[:cut]
    (tmp_path / "a").write_bytes(data)
    again = Segment.open(tmp_path / "a")
    assert [p for p, _ in again.entries()] == [b"payload 0", b"payload 1"]
    assert again.torn == (cut > 0)
    segment.close()
    again.close()
