import pytest

from tocsin.evidence.sealing import Sealed, digest
from tocsin.placement.blobs import Blobs


def sealed(data):
    return Sealed(data, digest(data), len(data))


def test_evidence_waits_until_the_entry_that_names_it_is_on_disk(tmp_path):
    blobs = Blobs(tmp_path / "e")
    one = sealed(b"one")
    blobs.put(one)
    assert blobs.waiting() == []
    blobs.named(one.digest)
    assert blobs.waiting() == [one.digest]
    assert Blobs(tmp_path / "e").read(one.digest) == b"one"
    blobs.drop(one.digest)
    assert blobs.used == 0
    assert blobs.waiting() == []


def test_the_bound_and_a_full_disk_refuse_and_leave_nothing(tmp_path, disk):
    blobs = Blobs(tmp_path / "e", total=5, disk=disk)
    with pytest.raises(OSError, match="bound"):
        blobs.put(sealed(b"too long"))
    disk.full = True
    with pytest.raises(OSError, match="space"):
        blobs.put(sealed(b"ok"))
    assert list((tmp_path / "e").iterdir()) == []


def test_a_damaged_file_is_not_sent_as_whole(tmp_path):
    blobs = Blobs(tmp_path / "e")
    one = sealed(b"one")
    blobs.put(one)
    (tmp_path / "e" / one.digest).write_bytes(b"two")
    assert blobs.read(one.digest) is None
    blobs.aside(one.digest, tmp_path / "aside")
    assert (tmp_path / "aside" / one.digest).exists()
