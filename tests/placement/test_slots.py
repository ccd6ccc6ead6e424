import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.placement.disk import Disk
from tocsin.placement.slots import Slots


def test_the_last_value_comes_back(tmp_path):
    slots = Slots(tmp_path / "s", Disk())
    assert slots.read() is None
    for n in range(5):
        slots.write({"n": n}, sync=True)
    slots.close()
    assert Slots(tmp_path / "s", Disk()).read() == {"n": 4}


@given(st.integers(0, 8191), st.integers(1, 255))
def test_a_flipped_byte_brings_back_a_whole_value_or_none(tmp_path_factory, at, flip):
    path = tmp_path_factory.mktemp("s") / "s"
    slots = Slots(path, Disk())
    slots.write({"n": 1}, sync=False)
    slots.write({"n": 2}, sync=False)
    slots.close()
    data = bytearray(path.read_bytes())
    data[at] ^= flip
    path.write_bytes(data)
    again = Slots(path, Disk())
    assert again.read() in ({"n": 1}, {"n": 2})
    again.close()


def test_what_is_too_large_is_refused(tmp_path):
    slots = Slots(tmp_path / "s", Disk())
    with pytest.raises(ValueError, match="4 KiB"):
        slots.write({"n": "x" * 5000}, sync=False)
