"""Sealing: words, pictures and files closed with age (X25519) where they were seen, to the order's recipients alone.

Format: an age v1 file (c2sp.org/age) whose plaintext is UTF-8 JSON ``tocsin/evidence@1``; the reference ``age``
tool and age's TypeScript library open it too.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyrage
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

FORMAT = "tocsin/evidence@1"
MAX_SEALED = 32 * 2**20
"""Largest sealed file a hub takes, in bytes."""

_RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}", re.ASCII)
_IDENTITY = re.compile(r"AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}", re.ASCII)
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}", re.ASCII)
_MAX_NAME = 200


class SealingError(ValueError):
    """Evidence that cannot be sealed or opened; the message is a sentence for the person who meets it."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file sealed as it is: the name it was known by, its media type (``video/mp4``) and its bytes."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed file: its bytes, their SHA-256 (hex) and their number."""

    data: bytes
    digest: str
    size: int


def seal(
    document: Mapping[str, Any],
    pictures: Sequence[bytes] = (),
    recipients: Sequence[str] = (),
    files: Sequence[Attachment] = (),
) -> Sealed:
    """Seal a document, its pictures (PNG or JPEG files) and other files to age recipients. Raises SealingError."""
    if not recipients:
        raise SealingError("Evidence needs at least one recipient; the order names none.")
    keys = [read_recipient(recipient) for recipient in recipients]
    size = sum(map(len, pictures)) + sum(len(one.data) for one in files)
    if size * 4 // 3 > MAX_SEALED:
        raise SealingError(
            f"The pictures and files of this evidence are {size:,} bytes; at most {MAX_SEALED * 3 // 4:,} can be kept."
        )
    plain = {
        **document,
        "format": FORMAT,
        "pictures": [{"mime": _mime(data), "data": base64.b64encode(data).decode("ascii")} for data in pictures],
    }
    if files:
        plain["files"] = [_file(one) for one in files]
    try:
        text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")
    except (TypeError, ValueError) as error:
        raise SealingError(f"This evidence cannot be written as JSON: {error}.") from error
    with _age("The evidence could not be sealed"):
        data = pyrage.encrypt(text, keys)
    if len(data) > MAX_SEALED:
        raise SealingError(f"The evidence is {len(data):,} bytes when sealed; at most {MAX_SEALED:,} can be kept.")
    return Sealed(data, digest(data), len(data))


def digest(data: bytes) -> str:
    """Return the SHA-256 (hex) that the journal and the audit log name sealed evidence by."""
    return hashlib.sha256(data).hexdigest()


def open_sealed(data: bytes, identities: Sequence[str]) -> dict[str, Any]:
    """Open sealed evidence with age identities (``AGE-SECRET-KEY-1...``) and return its document.

    Raises SealingError when none of them is a recipient, or when the file was altered or is not ours.
    """
    keys = [_read_identity(identity) for identity in identities]
    if not keys:
        raise SealingError("Opening evidence needs at least one key.")
    if len(data) > 2 * MAX_SEALED:
        raise SealingError("This file is too large to be sealed evidence.")
    with _age("This key does not open the evidence, or the file was altered"):
        plain = pyrage.decrypt(data, keys)
    try:
        document = json.loads(plain)
    except (ValueError, RecursionError) as error:
        raise SealingError("What was sealed in this file is not Tocsin evidence.") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise SealingError(f"What was sealed in this file is not Tocsin evidence of format {FORMAT}.")
    return document


def pictures_of(document: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    """Return the pictures of an opened document as (mime, bytes). Raises SealingError."""
    found = []
    pictures = document.get("pictures", [])
    if not isinstance(pictures, list):
        raise SealingError("The pictures in this evidence cannot be read.")
    for picture in pictures:
        try:
            found.append((str(picture["mime"]), base64.b64decode(picture["data"], validate=True)))
        except (KeyError, TypeError, binascii.Error, ValueError) as error:
            raise SealingError("A picture in this evidence cannot be read.") from error
    return found


def files_of(document: Mapping[str, Any]) -> list[Attachment]:
    """Return the files of an opened document; their names are a stranger's words. Raises SealingError."""
    found = []
    files = document.get("files", [])
    if not isinstance(files, list):
        raise SealingError("The files in this evidence cannot be read.")
    for one in files:
        try:
            data = base64.b64decode(one["data"], validate=True)
            found.append(Attachment(str(one["name"])[:_MAX_NAME], str(one["mime"]), data))
        except (KeyError, TypeError, binascii.Error, ValueError) as error:
            raise SealingError("A file in this evidence cannot be read.") from error
    return found


def new_identity() -> tuple[str, str]:
    """Make an age key: (identity, to be kept secret; recipient, to be put into orders)."""
    identity = pyrage.x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def recipient_of(identity: str) -> str:
    """Return the public recipient of an identity. Raises SealingError."""
    return str(_read_identity(identity).to_public())


def is_recipient(text: str) -> bool:
    """Say whether ``text`` is an age X25519 recipient that evidence can be sealed to."""
    try:
        read_recipient(text)
    except SealingError:
        return False
    return True


@lru_cache(maxsize=256)
def read_recipient(text: str) -> Any:
    """Return pyrage's recipient for ``text``. Raises SealingError.

    A point of low order is a well-formed key to which anyone holds the secret; it is refused too.
    """
    if not _RECIPIENT.fullmatch(text):
        raise SealingError(f"{text[:80]!r} is not an age X25519 key: those are age1 and 58 letters and digits.")
    try:
        recipient = pyrage.x25519.Recipient.from_str(text)
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(_point(text)))
    except (pyrage.RecipientError, ValueError) as error:
        raise SealingError(f"{text!r} is not a valid age key (mistyped?).") from error
    return recipient


def key_file(identity: str) -> str:
    """Return the text of a key file as ``age-keygen`` writes it."""
    return f"# public key: {recipient_of(identity)}\n{identity}\n"


def identities_in(text: str) -> list[str]:
    """Return the identities in the text of a key file, comments left out. Raises SealingError."""
    lines = [line.strip() for line in text.splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise SealingError("This key file holds no key.")
    for line in found:
        _read_identity(line)
    return found


def is_protected(data: bytes) -> bool:
    """Say whether a key file is sealed with a passphrase (an age file, binary or armoured)."""
    return data.startswith((b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----"))


def protect(identity: str, passphrase: str) -> bytes:
    """Return a key file sealed with a passphrase (age scrypt, armoured), as ``age -p -a`` would make it."""
    if not passphrase:
        raise SealingError("The passphrase is empty.")
    sealed: bytes = pyrage.passphrase.encrypt(key_file(identity).encode("ascii"), passphrase, armored=True)
    return sealed


def unprotect(data: bytes, passphrase: str) -> str:
    """Return the identity in a key file sealed with a passphrase. Raises SealingError."""
    with _age("The passphrase does not open this key file"):
        plain = pyrage.passphrase.decrypt(data, passphrase)
    try:
        return identities_in(plain.decode("utf-8"))[0]
    except UnicodeDecodeError as error:
        raise SealingError("This key file holds no key.") from error


def _read_identity(text: str) -> Any:
    if not _IDENTITY.fullmatch(text):
        raise SealingError("This is not an age key: those begin with AGE-SECRET-KEY-1.")
    try:
        return pyrage.x25519.Identity.from_str(text)
    except pyrage.IdentityError as error:
        raise SealingError("This is not a valid age key (mistyped?).") from error


def _point(recipient: str) -> bytes:
    """Return the 32 bytes in a recipient (Bech32, BIP 173) whose checksum was already verified."""
    bits = 0
    for letter in recipient[4:-6]:
        bits = bits << 5 | _BECH32.index(letter)
    return (bits >> 4).to_bytes(32, "big")


@contextmanager
def _age(sentence: str) -> Iterator[None]:
    """Turn what age's library raises, a panic of its own included, into ``sentence``."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, pyrage.EncryptError | pyrage.DecryptError) or type(error).__name__ == "PanicException":
            raise SealingError(f"{sentence} ({error}).") from error
        raise


def _file(one: Attachment) -> dict[str, str]:
    if not _MEDIA_TYPE.fullmatch(one.media_type):
        raise SealingError(f"{one.media_type[:80]!r} is not a media type such as video/mp4.")
    name = one.name[:_MAX_NAME].encode("utf-8", "replace").decode("utf-8")
    return {"name": name, "mime": one.media_type, "data": base64.b64encode(one.data).decode("ascii")}


def _mime(data: bytes) -> str:
    if data.startswith(_PNG):
        return "image/png"
    if data.startswith(_JPEG):
        return "image/jpeg"
    raise SealingError("A picture in evidence must be a PNG or JPEG file.")
