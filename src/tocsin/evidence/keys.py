"""Ed25519 keys: a device's own key, fingerprints that people compare, signatures checked."""

import base64
import binascii
import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PUBLIC_BYTES = 32
SIGNATURE_BYTES = 64
MAX_KEY_FILE = 16_384


class KeyFileError(ValueError):
    """A key file that cannot be read or written; the message is a sentence for the person who meets it."""


class DeviceKey:
    """An Ed25519 private key, made at enrolment and kept on the device."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @classmethod
    def generate(cls) -> Self:
        """Make a new key from the system's random source."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """Make the key of a 32-byte Ed25519 private seed."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a key written by :meth:`save`. Raises KeyFileError."""
        try:
            data = read_bounded(path, MAX_KEY_FILE)
        except OSError as error:
            raise KeyFileError(f"The key file {path} cannot be read: {error.strerror or error}.") from error
        return cls(read_private_pem(data, name=str(path)))

    def save(self, path: Path) -> None:
        """Write the key as PKCS8 PEM: mode 0600, atomically, durable on return. Raises KeyFileError."""
        try:
            write_private(path, self.pem())
        except OSError as error:
            raise KeyFileError(f"The key file {path} cannot be written: {error.strerror or error}.") from error

    def pem(self, passphrase: str | None = None) -> bytes:
        """Return the key as PKCS8 PEM, encrypted when a passphrase is given."""
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase is not None:
            encryption = serialization.BestAvailableEncryption(passphrase.encode("utf-8"))
        return self._private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)

    @property
    def public_bytes(self) -> bytes:
        """The raw 32-byte public key."""
        return self._private.public_key().public_bytes_raw()

    @property
    def public(self) -> str:
        """The raw public key in base64."""
        return base64.b64encode(self.public_bytes).decode("ascii")

    def sign(self, data: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature of ``data``."""
        return self._private.sign(data)


def read_private_pem(data: bytes, passphrase: str | None = None, name: str = "the key") -> Ed25519PrivateKey:
    """Read a PKCS8 PEM Ed25519 private key. Raises KeyFileError, whose ``locked`` says a passphrase is missing."""
    try:
        key = serialization.load_pem_private_key(data, None if passphrase is None else passphrase.encode("utf-8"))
    except TypeError as error:
        locked = passphrase is None
        sentence = "is protected by a passphrase" if locked else "is not protected, yet a passphrase was given"
        raise LockedKeyError(f"{name} {sentence}.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        reason = (
            "is not a PEM private key" if passphrase is None else "is not a PEM private key or the passphrase is wrong"
        )
        raise KeyFileError(f"{name} {reason}.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{name} is not an Ed25519 key; make one with: tocsin order keygen --out FILE.")
    return key


class LockedKeyError(KeyFileError):
    """A key that needs a passphrase, or does not."""


def fingerprint(public: str) -> str:
    """Return what people compare: ``SHA256:`` and the first 16 bytes of the key's digest, in groups of four digits.

    ``public`` is the raw Ed25519 public key in base64. Raises KeyFileError for anything else.
    """
    digest = hashlib.sha256(read_public(public)).hexdigest()[:32]
    return "SHA256:" + " ".join(digest[i : i + 4] for i in range(0, 32, 4))


def read_public(public: str) -> bytes:
    """Return the 32 bytes of a base64 Ed25519 public key. Raises KeyFileError."""
    raw = unbase64(public, PUBLIC_BYTES)
    if raw is None:
        raise KeyFileError("A public key is 32 bytes in base64; this one is not.")
    return raw


def verify_signature(public: str, sig: str | bytes, data: bytes) -> bool:
    """Say whether ``sig`` (64 bytes, or base64 of them) is the Ed25519 signature of ``data`` under ``public`` (base64).

    Anything malformed is simply not a signature: this never raises.
    """
    key = unbase64(public, PUBLIC_BYTES)
    raw = sig if isinstance(sig, bytes) else unbase64(sig, SIGNATURE_BYTES)
    if key is None or raw is None:
        return False
    return verify_raw(key, raw, data)


def verify_raw(public: bytes, sig: bytes, data: bytes) -> bool:
    """Say whether ``sig`` is the Ed25519 signature of ``data`` under the 32 raw bytes ``public``. Never raises."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(sig, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def unbase64(text: str, length: int | None = None) -> bytes | None:
    """Return the bytes of strict, canonical base64, or None; ``length`` is the number of bytes demanded."""
    if length is not None and len(text) != (length + 2) // 3 * 4:
        return None
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    if length is not None and len(raw) != length:
        return None
    return raw if base64.b64encode(raw).decode("ascii") == text else None


def read_bounded(path: Path, limit: int) -> bytes:
    """Read at most ``limit`` bytes of a file. Raises OSError when it is longer, or cannot be read."""
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(f"it is larger than {limit:,} bytes")
    return data


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, atomically and durably: a crash leaves the old one or the new one."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
