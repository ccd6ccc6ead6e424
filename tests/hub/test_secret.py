"""The hub's secret: made once, private, seals and names."""

import stat

import pytest

from tocsin.hub.secret import HubSecret


def test_the_file_is_made_once_and_only_its_owner_reads_it(tmp_path):
    path = tmp_path / "keys" / "hub.secret"
    sealed = HubSecret.load_or_create(path).seal("words")
    assert HubSecret.load_or_create(path).open(sealed) == "words"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"words" not in sealed.encode()


def test_another_hubs_secret_opens_nothing(tmp_path):
    one, two = (HubSecret.load_or_create(tmp_path / name) for name in "ab")
    with pytest.raises(ValueError, match="key folder"):
        two.open(one.seal("words"))


def test_digests_differ_by_value_label_and_hub(tmp_path):
    one, two = (HubSecret.load_or_create(tmp_path / name) for name in "ab")
    digests = [one.digest("a", "x"), one.digest("a", "y"), one.digest("b", "x"), two.digest("a", "x")]
    assert len(set(digests)) == 4
    assert one.digest("a", "x") == digests[0]
