import hashlib

import pytest

from tocsin.gateway.cluster import bucket as module
from tocsin.gateway.cluster.bucket import Bucket, BucketError, MissingError


def digest(data):
    return hashlib.sha256(data).hexdigest()


def test_a_head_is_read_once_and_again_only_when_it_changed(bucket, s3):
    with pytest.raises(MissingError, match="no list"):
        bucket.head()
    put = bucket.put_head(b"one")
    tag, data = bucket.head()
    assert (data, tag) == (b"one", put)
    assert bucket.head(tag) is None
    bucket.put_head(b"two")
    assert bucket.head(tag)[1] == b"two"
    assert "lists/known/head.json" in s3.objects


@pytest.mark.parametrize("size", [0, 1, 2_000, 6 << 20])
def test_a_file_comes_back_as_it_was_put(bucket, tmp_path, size, monkeypatch):
    monkeypatch.setattr(module, "PIECE", 1_500_000)
    data = hashlib.shake_128(b"file").digest(size)
    (tmp_path / "a").write_bytes(data)
    bucket.put(tmp_path / "a", digest(data))
    bucket.get(digest(data), size, tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == data
    assert [name for name, _ in bucket.held()] == [digest(data)]
    bucket.delete(digest(data))
    bucket.delete(digest(data))
    assert list(bucket.held()) == []
    if size:
        with pytest.raises(MissingError, match="lacks a file"):
            bucket.get(digest(data), size, tmp_path / "b")


@pytest.mark.parametrize("damage", [b"changed!", b"cut", b"longer than it was"])
def test_a_damaged_file_is_refused_and_nothing_of_it_stays(bucket, s3, tmp_path, damage):
    data = b"as it was"[:8]
    (tmp_path / "a").write_bytes(data)
    bucket.put(tmp_path / "a", digest(data))
    s3.objects[f"lists/known/files/{digest(data)}"] = damage
    with pytest.raises(BucketError, match="cut, changed or damaged"):
        bucket.get(digest(data), len(data), tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_what_does_not_answer_is_a_sentence(bucket, s3, tmp_path):
    s3.broken.append("")
    for call in (
        bucket.head,
        lambda: bucket.put_head(b""),
        lambda: list(bucket.held()),
        lambda: bucket.delete("0" * 64),
    ):
        with pytest.raises(BucketError, match="does not answer"):
            call()
    with pytest.raises(BucketError, match="64 lower-case hex"):
        bucket.get("../secret", 1, tmp_path / "x")


def test_addresses_and_packages_that_are_not_there_are_sentences(monkeypatch):
    with pytest.raises(BucketError, match="cannot be opened"):
        Bucket.open("nosuch://bucket")
    monkeypatch.setitem(__import__("sys").modules, "obstore.store", None)
    with pytest.raises(BucketError, match=r"tocsin\[s3\]"):
        Bucket.open("s3://bucket")
