import pytest

from tocsin.cli.list_keys import PASSPHRASE, key_of
from tocsin.cli.speaking import Failure
from tocsin.evidence.sealing import key_file, new_identity


def test_a_key_file_comes_before_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv(PASSPHRASE, raising=False)
    assert key_of(None) is None
    monkeypatch.setenv(PASSPHRASE, "several words")
    assert key_of(None).passphrase == "several words"
    identity = new_identity()[0]
    (tmp_path / "key").write_text(key_file(identity))
    assert key_of(tmp_path / "key").identities == (identity,)


def test_a_file_without_a_key_is_a_sentence(tmp_path):
    (tmp_path / "key").write_text("nothing")
    with pytest.raises(Failure, match="age key"):
        key_of(tmp_path / "key")
