import hashlib
import stat

import pyrage
import pytest

from tocsin.evidence.sealing import key_file, new_identity
from tocsin.matching.lists.entry import ListError
from tocsin.matching.lists.sealed import Key, open_file, sample_of, sha256_of, write_file

PIECES = [b"first", b"", b"x" * 100_000, b"last"]


def test_plain_files_are_for_their_owner_only_and_counted(tmp_path):
    written = write_file(tmp_path / "plain", PIECES)
    data = (tmp_path / "plain").read_bytes()
    assert data == b"".join(PIECES)
    assert (written.size, written.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert stat.S_IMODE((tmp_path / "plain").stat().st_mode) == 0o600
    assert bytes(open_file(tmp_path / "plain")) == data
    assert list(sha256_of(tmp_path / "plain"))[-1] == written.sha256
    with pytest.raises(FileExistsError):
        write_file(tmp_path / "plain", PIECES)


def test_a_sample_tells_files_apart_by_size_beginning_middle_and_end(tmp_path):
    path, data = tmp_path / "f", bytes(300_000)
    seen = set()
    for change in (
        data,
        data[1:],
        b"x" + data[1:],
        data[:-1] + b"x",
        data[:140_000] + bytes([1] * 40_000) + data[180_000:],
    ):
        path.write_bytes(change)
        seen.add(sample_of(path))
        assert sample_of(path) in seen
    assert len(seen) == 5


def test_sealed_files_open_with_the_key_and_with_age_itself(tmp_path):
    identity, recipient = new_identity()
    write_file(tmp_path / "f.age", PIECES, [recipient])
    data = (tmp_path / "f.age").read_bytes()
    assert b"first" not in data
    assert bytes(open_file(tmp_path / "f.age", [identity])) == b"".join(PIECES)
    assert pyrage.decrypt(data, [pyrage.x25519.Identity.from_str(identity)]) == b"".join(PIECES)


def test_another_key_no_key_and_damage_are_sentences(tmp_path):
    identity, recipient = new_identity()
    write_file(tmp_path / "f.age", PIECES, [recipient])
    with pytest.raises(ListError, match="give the key"):
        open_file(tmp_path / "f.age")
    with pytest.raises(ListError, match="does not open"):
        open_file(tmp_path / "f.age", [new_identity()[0]])
    (tmp_path / "f.age").write_bytes((tmp_path / "f.age").read_bytes()[:-20])
    with pytest.raises(ListError, match=r"does not open|cannot be read"):
        open_file(tmp_path / "f.age", [identity])
    (tmp_path / "empty").touch()
    with pytest.raises(ListError, match="empty"):
        open_file(tmp_path / "empty")
    with pytest.raises(ListError, match="No such file"):
        open_file(tmp_path / "none")


def test_keys_come_as_identity_key_file_or_passphrase(tmp_path):
    identity, recipient = new_identity()
    path = tmp_path / "list.txt"
    path.write_text(key_file(identity))
    for given in (identity, key_file(identity), path, str(path), Key((identity,))):
        key = Key.of(given)
        assert key.identities == (identity,)
        assert key.recipients(tmp_path) == (recipient,)
    assert Key.of("several words").passphrase == "several words"
    assert Key.of(None) is None
    assert identity not in repr(Key((identity,)))
    path.write_text("nonsense AGE-SECRET-KEY-1")
    with pytest.raises(ListError, match="no age key"):
        Key.of(path)
    with pytest.raises(ListError, match="cannot be read"):
        Key.of(tmp_path / "none")


@pytest.mark.usefixtures("cheap_passphrases")
def test_a_passphrase_seals_a_key_beside_the_list(tmp_path):
    key = Key(passphrase="several words")
    [recipient] = key.recipients(tmp_path)
    write_file(tmp_path / "f.age", PIECES, [recipient])
    assert bytes(open_file(tmp_path / "f.age", key.opened(tmp_path))) == b"".join(PIECES)
    with pytest.raises(ListError, match="passphrase does not open"):
        Key(passphrase="other words").opened(tmp_path)
    with pytest.raises(ListError, match="sealed to a key file"):
        Key(passphrase="x").opened(tmp_path / "elsewhere")
