"""Signed notes, checkpoints and witness cosignatures (c2sp.org: signed-note, tlog-checkpoint, tlog-cosignature).

A checkpoint is three lines - origin, number of entries, root - that state a whole log; it can be printed on paper.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from tocsin.evidence.keys import SIGNATURE_BYTES, DeviceKey, unbase64, verify_raw

ED25519 = 0x01
COSIGNATURE = 0x04
MAX_NOTE = 65_536
"""Largest note read, in bytes."""
MAX_SIGNATURES = 100

_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,255}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


class NoteError(ValueError):
    """A note, checkpoint or key text that is refused; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """The public half of a note key: a name, what sort of signature it makes, and the key."""

    name: str
    kind: int
    public: bytes

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read ``<name>+<hex key id>+<base64(type || public key)>``. Raises NoteError."""
        parts = vkey.strip().split("+", 2)
        if len(parts) != 3 or not _NAME.fullmatch(parts[0]):
            raise NoteError("A verifier key reads NAME+KEYID+KEY; this text does not.")
        raw = unbase64(parts[2], 33)
        if raw is None or raw[0] not in (ED25519, COSIGNATURE):
            raise NoteError(f"The verifier key of {parts[0]} is not an Ed25519 key.")
        found = cls(parts[0], raw[0], raw[1:])
        if found.key_id.hex() != parts[1]:
            raise NoteError(f"The verifier key of {parts[0]} does not fit its key id (mistyped?).")
        return found

    @property
    def key_id(self) -> bytes:
        """First 4 bytes of SHA-256(name || newline || type || public key)."""
        return hashlib.sha256(self.name.encode("utf-8") + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        """The key as text, for people to keep and compare."""
        key = base64.b64encode(bytes([self.kind]) + self.public).decode("ascii")
        return f"{self.name}+{self.key_id.hex()}+{key}"

    def verify(self, text: str, signature: bytes) -> int | None:
        """Say whether ``signature`` is this key's over the note ``text``: its time (0 when it has none), or None."""
        if self.kind == ED25519:
            return 0 if verify_raw(self.public, signature, text.encode("utf-8")) else None
        if len(signature) != 8 + SIGNATURE_BYTES:
            return None
        when = int.from_bytes(signature[:8], "big")
        return when if verify_raw(self.public, signature[8:], _cosigned(text, when)) else None


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that signs notes under a name; for a log the name is its origin."""

    name: str
    key: DeviceKey

    def __post_init__(self) -> None:
        """Refuse a name that the note format cannot carry."""
        if not _NAME.fullmatch(self.name):
            raise NoteError("The name of a note key has no spaces, no plus sign and at most 255 letters.")

    @property
    def verifier(self) -> Verifier:
        """The key that checks this signer's notes."""
        return Verifier(self.name, ED25519, self.key.public_bytes)

    @property
    def witness(self) -> Verifier:
        """The key that checks this signer's cosignatures."""
        return Verifier(self.name, COSIGNATURE, self.key.public_bytes)

    def sign(self, text: str) -> str:
        """Return the signed note over ``text``, which ends in a newline. Raises NoteError."""
        _check_text(text)
        return f"{text}\n{_line(self.verifier, self.key.sign(text.encode('utf-8')))}"

    def cosign(self, note: str, when: int) -> str:
        """Return ``note`` with this witness's cosignature added; ``when`` is POSIX seconds. Raises NoteError."""
        text, _ = _split(note)
        signature = when.to_bytes(8, "big") + self.key.sign(_cosigned(text, when))
        return note + _line(self.witness, signature)


@dataclass(frozen=True, slots=True)
class Note:
    """A note whose signatures were checked: its text, who signed, and when each witness cosigned (POSIX seconds)."""

    text: str
    signers: tuple[str, ...]
    witnesses: tuple[tuple[str, int], ...] = ()


def open_note(note: str, verifiers: Sequence[Verifier]) -> Note:
    """Check a signed note against known keys. Raises NoteError.

    Unknown keys are passed over; a known key whose signature fails, or no known key at all, refuses the note.
    """
    text, lines = _split(note)
    signers: list[str] = []
    witnesses: list[tuple[str, int]] = []
    for name, key_id, signature in lines:
        for verifier in verifiers:
            if (verifier.name, verifier.key_id) != (name, key_id):
                continue
            when = verifier.verify(text, signature)
            if when is None:
                raise NoteError(f"The signature of {name} on this note is wrong: the note was altered.")
            if verifier.kind == COSIGNATURE:
                witnesses.append((name, when))
            else:
                signers.append(name)
    if not signers and not witnesses:
        raise NoteError("No key that is trusted here has signed this note.")
    return Note(text, tuple(dict.fromkeys(signers)), tuple(dict.fromkeys(witnesses)))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a whole log: its origin, number of entries and root (32 bytes)."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode('ascii')}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint's text (a note's text, signatures apart). Raises NoteError."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_NOTE:
        raise NoteError("This checkpoint is too long.")
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] != "" or not _NAME.fullmatch(lines[0]):
        raise NoteError("A checkpoint reads origin, number of entries and root on three lines; this text does not.")
    if not _SIZE.fullmatch(lines[1]):
        raise NoteError("The number of entries in this checkpoint is not a plain number.")
    root = unbase64(lines[2], 32)
    if root is None:
        raise NoteError("The root in this checkpoint is not 32 bytes in base64.")
    return Checkpoint(lines[0], int(lines[1]), root)


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> str:
    """Return the signed note of a checkpoint; the signer's name must be the log's origin. Raises NoteError."""
    if signer.name != checkpoint.origin:
        raise NoteError(f"A checkpoint of {checkpoint.origin} must be signed under that name, not {signer.name}.")
    return signer.sign(checkpoint.text)


def verify_checkpoint(note: str, log: Verifier, witnesses: Sequence[Verifier] = ()) -> tuple[Checkpoint, Note]:
    """Check a checkpoint signed by ``log`` and return it with the note, whose ``witnesses`` cosigned it.

    Raises NoteError when the log itself did not sign, whatever the witnesses say.
    """
    opened = open_note(note, [log, *witnesses])
    checkpoint = parse_checkpoint(opened.text)
    if log.name not in opened.signers:
        raise NoteError(f"This checkpoint is not signed by the log {log.name}.")
    if checkpoint.origin != log.name:
        raise NoteError(f"This checkpoint is of {checkpoint.origin}, but it is signed by {log.name}.")
    return checkpoint, opened


def _cosigned(text: str, when: int) -> bytes:
    """Return what a cosignature signs."""
    return f"cosignature/v1\ntime {when}\n{text}".encode()


def _line(verifier: Verifier, signature: bytes) -> str:
    return f"— {verifier.name} {base64.b64encode(verifier.key_id + signature).decode('ascii')}\n"


def _check_text(text: str) -> None:
    """Refuse a note's text with control characters or without a last newline."""
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise NoteError("A signed note must be valid UTF-8.") from None
    if size > MAX_NOTE:
        raise NoteError(f"A signed note is at most {MAX_NOTE:,} bytes.")
    if _CONTROL.search(text):
        raise NoteError("A signed note may not contain control characters.")
    if not text.endswith("\n"):
        raise NoteError("A signed note's text ends in a newline.")


def _split(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """Return a note's text and its signature lines as (name, key id, signature). Raises NoteError."""
    _check_text(note)
    cut = note.rfind("\n\n")
    if cut < 0:
        raise NoteError("This note carries no signatures.")
    text, block = note[: cut + 1], note[cut + 2 :]
    lines = []
    for line in block.split("\n")[:-1]:
        parts = line.split(" ")
        raw = unbase64(parts[2]) if len(parts) == 3 and parts[0] == "—" and _NAME.fullmatch(parts[1]) else None
        if raw is None or len(raw) < 5:
            raise NoteError("A signature line of this note cannot be read.")
        lines.append((parts[1], raw[:4], raw[4:]))
    if not lines:
        raise NoteError("This note carries no signatures.")
    if len(lines) > MAX_SIGNATURES:
        raise NoteError(f"This note carries more than {MAX_SIGNATURES} signatures.")
    return text, lines
