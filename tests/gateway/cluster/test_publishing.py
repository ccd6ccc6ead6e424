import shutil

import pytest

from tocsin.gateway.cluster.bucket import Bucket, BucketError
from tocsin.gateway.cluster.mirror import Copy
from tocsin.gateway.cluster.publishing import Publishing
from tocsin.matching.lists import Entry, HashList, add


@pytest.fixture
def folders(make_list, tmp_path):
    return {"banks/A-1": make_list(tmp_path / "a", "0f" * 32), "banks/EMPTY-2": tmp_path / "empty"}


@pytest.fixture
def publishing(s3, folders):
    made = Publishing("s3://bucket/gateway/", lambda: dict(folders))
    yield made
    made.close()


def test_lists_are_published_as_they_change_and_withdrawn_when_they_go(publishing, folders, tmp_path, until):
    publishing.start()
    assert publishing.tags.keys() == {"banks/A-1"}
    copy = Copy(Bucket.open(publishing.url_of("banks/A-1")), tmp_path / "copy")
    copy.follow()
    first = publishing.tags["banks/A-1"]
    assert copy.tag == first
    add(folders["banks/A-1"], [("more", [Entry(1, [("pdq", bytes(range(32)))], id="new")])])
    until(lambda: publishing.tags["banks/A-1"] != first)
    copy.follow()
    assert HashList.open(copy.folder).view.entries == 2
    shutil.rmtree(folders.pop("banks/A-1"))
    until(lambda: publishing.tags == {})
    copy.follow()
    assert not copy.whole


def test_a_store_that_does_not_answer_is_told_and_tried_again(publishing, folders, s3, until):
    publishing.start()
    s3.broken.append("")
    add(folders["banks/A-1"], [("more", [Entry(1, [("pdq", bytes(range(32)))], id="new")])])
    before = dict(publishing.tags)
    until(lambda: "does not answer" in publishing.problem)
    s3.broken.clear()
    until(lambda: publishing.tags != before and not publishing.problem)


def test_an_address_that_cannot_be_used_is_refused_at_once():
    pytest.importorskip("obstore")
    with pytest.raises(BucketError, match="cannot be opened"):
        Publishing("nosuch://x", dict)
