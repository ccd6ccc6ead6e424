import base64
import os
import stat

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tocsin.evidence.keys import (
    DeviceKey,
    KeyFileError,
    LockedKeyError,
    fingerprint,
    read_private_pem,
    unbase64,
    verify_signature,
    write_private,
)


def test_a_saved_key_signs_as_before_and_only_its_owner_can_read_it(tmp_path):
    key, path = DeviceKey.generate(), tmp_path / "device.key"
    key.save(path)
    again = DeviceKey.load(path)
    assert again.public == key.public
    assert verify_signature(key.public, again.sign(b"x"), b"x")
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_saving_leaves_no_other_file_and_replaces_whole(tmp_path):
    path = tmp_path / "device.key"
    DeviceKey.generate().save(path)
    DeviceKey.generate().save(path)
    assert [one.name for one in tmp_path.iterdir()] == ["device.key"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "device.key"
    write_private(path, b"old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_private(path, b"new")
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_signatures_and_keys_that_are_malformed_are_simply_wrong():
    key = DeviceKey.generate()
    sig = base64.b64encode(key.sign(b"x")).decode()
    assert verify_signature(key.public, sig, b"x")
    for public, one, data in [
        (key.public, sig, b"y"),
        (DeviceKey.generate().public, sig, b"x"),
        ("", sig, b"x"),
        (key.public, "", b"x"),
        (key.public, "ä", b"x"),
        (key.public + "\n", sig, b"x"),
        (key.public, sig[:-1] + "A", b"x"),
        (base64.b64encode(bytes(32)).decode(), sig, b"x"),
        (key.public, b"short", b"x"),
    ]:
        assert not verify_signature(public, one, data)


def test_base64_has_one_spelling_only():
    assert unbase64("AA==") == b"\x00"
    assert unbase64("AB==") is None
    assert unbase64("AA==", 2) is None
    assert unbase64("AA=") is None
    assert unbase64("A A=") is None


def test_a_fingerprint_is_sixteen_bytes_in_groups_of_four():
    public = base64.b64encode(bytes(32)).decode()
    assert fingerprint(public) == "SHA256:6668 7aad f862 bd77 6c8f c18b 8e9f 8e20"
    with pytest.raises(KeyFileError):
        fingerprint("not a key")


def test_key_files_that_are_not_ours_are_refused_with_a_sentence(tmp_path):
    path = tmp_path / "k"
    with pytest.raises(KeyFileError, match="cannot be read"):
        DeviceKey.load(path)
    for data in (b"", b"junk", b"x" * 100_000):
        path.write_bytes(data)
        with pytest.raises(KeyFileError):
            DeviceKey.load(path)
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(other)
    with pytest.raises(KeyFileError, match="not an Ed25519 key"):
        DeviceKey.load(path)
    with pytest.raises(KeyFileError, match="cannot be written"):
        DeviceKey.generate().save(tmp_path / "missing" / "k")


def test_a_protected_key_says_so():
    pem = DeviceKey.generate().pem("pass")
    with pytest.raises(LockedKeyError, match="protected by a passphrase"):
        read_private_pem(pem)
    with pytest.raises(KeyFileError, match="passphrase is wrong"):
        read_private_pem(pem, "no")
    with pytest.raises(LockedKeyError, match="not protected"):
        read_private_pem(DeviceKey.generate().pem(), "pass")
    assert read_private_pem(pem, "pass")
