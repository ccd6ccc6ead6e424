import pytest

from tocsin.gateway.cluster.bucket import BucketError, MissingError
from tocsin.gateway.cluster.following import following, name_of
from tocsin.gateway.cluster.mirror import push, withdraw
from tocsin.matching.lists import Entry, HashList, add

URL = "s3://bucket/lists/known"


def test_each_address_has_a_folder_of_its_own():
    assert name_of(URL) == name_of(URL) != name_of("s3://other/lists/known")
    assert name_of(URL).startswith("known-")
    assert "/" not in name_of("s3://bucket/../../ä b/")


def test_a_list_by_address_is_matched_followed_and_let_go(serving, make_list, bucket, tmp_path, until):
    made = make_list(tmp_path / "known", "0f" * 32)
    push(made, bucket)
    with following((URL,), tmp_path / "followed") as (followed,):
        api = serving(lists=(followed.copy.folder,))

        def found(code):
            return api.get("/m/lookup", params={"signal_type": "pdq", "signal": code}).json()

        assert "KNOWN_1" in found("0f" * 32)
        add(made, [("more", [Entry(1, [("pdq", bytes.fromhex("f0" * 32))], id="new")])])
        push(made, bucket)
        until(lambda: "KNOWN_1" in found("f0" * 32))
        withdraw(bucket)
        until(lambda: found("0f" * 32) == {})


def test_a_store_that_is_gone_for_a_while_leaves_the_list_as_it_was(make_list, bucket, s3, tmp_path, until):
    push(make_list(tmp_path / "known", "0f" * 32), bucket)
    with following((URL,), tmp_path / "followed") as (followed,):
        s3.broken.append("head.json")
        until(lambda: "does not answer" in followed.problem)
        assert HashList.open(followed.copy.folder).view.entries == 1
        s3.broken.clear()
        until(lambda: not followed.problem)
    s3.broken.append("head.json")
    with following((URL,), tmp_path / "followed") as (followed,):
        assert followed.copy.whole, "what came in an earlier run is matched"


def test_a_list_that_is_not_there_is_a_sentence(bucket, tmp_path):
    with pytest.raises(MissingError, match="no list"), following((URL,), tmp_path / "followed"):
        raise AssertionError
    withdraw(bucket)
    with pytest.raises(BucketError, match="withdrawn"), following((URL,), tmp_path / "followed"):
        raise AssertionError
