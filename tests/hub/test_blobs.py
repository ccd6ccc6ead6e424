"""Evidence bytes: kept by digest, checked on the way in and out, in files and in object stores."""

from hashlib import sha256
from pathlib import Path

import pytest

from tocsin.hub.blobs import BlobError, Blobs, FileBlobs, ObjectBlobs, open_blobs

DATA = b"sealed bytes"
DIGEST = sha256(DATA).hexdigest()


@pytest.fixture(params=["files", "memory", "local"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "files":
        return open_blobs(str(tmp_path / "evidence"))
    store = pytest.importorskip("obstore.store")
    if request.param == "memory":
        return ObjectBlobs(store.MemoryStore())
    return ObjectBlobs(store.LocalStore(prefix=str(tmp_path)))


def test_put_get_list_delete(blobs: Blobs):
    assert blobs.put(DIGEST, DATA) is True
    assert blobs.put(DIGEST, DATA) is False
    assert blobs.has(DIGEST)
    assert blobs.get(DIGEST) == DATA
    assert list(blobs.digests()) == [DIGEST]
    assert blobs.delete(DIGEST) is True
    assert blobs.delete(DIGEST) is False
    assert not blobs.has(DIGEST)
    with pytest.raises(BlobError, match="not in the store"):
        blobs.get(DIGEST)


def test_bytes_of_another_digest_are_refused(blobs: Blobs):
    with pytest.raises(BlobError, match="altered"):
        blobs.put(DIGEST, b"other bytes")
    assert not blobs.has(DIGEST)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "/x"])
def test_names_that_are_no_digests_reach_nothing(blobs: Blobs, name):
    for call in (blobs.get, blobs.has, blobs.delete):
        with pytest.raises(BlobError, match="hex digits"):
            call(name)


def test_damage_on_disk_shows_when_read(tmp_path: Path):
    blobs = FileBlobs(tmp_path)
    blobs.put(DIGEST, DATA)
    next(tmp_path.glob("??/*")).write_bytes(DATA[:-1])
    with pytest.raises(BlobError, match="altered"):
        blobs.get(DIGEST)


def test_nothing_half_written_stays_behind(tmp_path: Path):
    blobs = FileBlobs(tmp_path)
    blobs.put(DIGEST, DATA)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [DIGEST]


def test_a_url_that_cannot_be_used_is_a_sentence():
    pytest.importorskip("obstore")
    with pytest.raises(BlobError, match="cannot be opened"):
        open_blobs("nosuch://bucket")


def test_without_the_extra_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "obstore.store", None)
    with pytest.raises(BlobError, match=r"tocsin\[s3\]"):
        open_blobs("s3://bucket")
