import pytest

from tocsin.placement.chain import Bounds, Chain, NoRoomError
from tocsin.placement.disk import Disk
from tocsin.placement.segments import START

BOUNDS = Bounds(segment=4096, total=3 * 4096, reserve=1024, history=1)


def test_a_new_chain_begins_at_the_start_and_grows_by_segments(tmp_path):
    chain, damage = Chain.open(tmp_path, Disk(), BOUNDS)
    assert damage is None
    assert chain.head == START
    for n in range(20):
        chain.append(b"%d" % n * 200, 0)
    assert len(chain.segments) > 1
    assert [seq for seq, _ in chain.after(7)] == list(range(8, 21))
    assert chain.find(3) is not None
    assert chain.find(99) is None
    chain.close()


def test_the_bound_holds_and_acknowledged_segments_make_room(tmp_path):
    chain, _ = Chain.open(tmp_path, Disk(), BOUNDS)

    def fill():
        for n in range(200):
            chain.append(b"%d" % n * 100, 0)

    with pytest.raises(NoRoomError):
        fill()
    held = chain.head.seq
    chain.append(b"x" * 300, acked=held)
    assert chain.head.seq == held + 1
    chain.close()


def test_a_rebuild_that_was_cut_short_leaves_the_old_chain(tmp_path):
    chain, _ = Chain.open(tmp_path, Disk(), BOUNDS)
    chain.append(b"one", 0)
    chain.close()
    (tmp_path / "000002-00000000.seg").write_bytes(bytes(4096))
    again, damage = Chain.open(tmp_path, Disk(), BOUNDS)
    assert damage is None
    assert [p for _, p in again.after(0)] == [b"one"]
    assert not (tmp_path / "000002-00000000.seg").exists()
    again.close()


class Gone(BaseException):
    """The process was killed."""


class Killed(Disk):
    """A disk whose process is killed at the given sync."""

    left = 10**9

    def sync(self, fd):
        self.left -= 1
        if self.left < 0:
            raise Gone
        super().sync(fd)


def test_a_kill_while_a_segment_is_made_is_no_damage(tmp_path):
    disk = Killed()
    chain, _ = Chain.open(tmp_path, disk, BOUNDS)
    while chain.segments[-1].room(BOUNDS.reserve) >= 300:
        chain.append(b"x" * 300, 0)
    held, disk.left = chain.head, 0
    with pytest.raises(Gone):
        chain.append(b"x" * 300, 0)
    again, damage = Chain.open(tmp_path, Disk(), BOUNDS)
    assert damage is None
    assert again.head == held
    assert not list(tmp_path.glob("*.part"))
    again.close()
    chain.close()
