"""Receipts: one file that ties one log entry to a signed checkpoint, checked offline (c2sp.org/tlog-proof@v1)."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.evidence.keys import unbase64
from tocsin.evidence.merkle import inclusion_proof, leaf_hash, verify_inclusion
from tocsin.evidence.notes import MAX_NOTE, Checkpoint, Note, NoteError, Verifier, verify_checkpoint

HEADER = "c2sp.org/tlog-proof@v1"
MAX_HASHES = 63

_INDEX = re.compile(r"index (0|[1-9][0-9]{0,15})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as read, nothing checked yet. ``extra`` is not authenticated by anything."""

    index: int
    proof: tuple[bytes, ...]
    checkpoint: str
    extra: bytes = b""


def write_receipt(leaves: Sequence[bytes], index: int, checkpoint: str, extra: bytes = b"") -> str:
    """Return the receipt of entry ``index`` (from 0) under a signed checkpoint over exactly ``leaves``.

    Raises ValueError for an index outside the log.
    """
    lines = [HEADER]
    if extra:
        lines.append("extra " + base64.b64encode(extra).decode("ascii"))
    lines.append(f"index {index}")
    lines.extend(base64.b64encode(one).decode("ascii") for one in inclusion_proof(leaves, index))
    return "\n".join(lines) + "\n\n" + checkpoint


def read_receipt(text: str) -> Receipt:
    """Read a receipt without checking it. Raises NoteError."""
    if len(text) > 2 * MAX_NOTE:
        raise NoteError("This receipt is too long.")
    head, cut, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not cut or lines[0] != HEADER:
        raise NoteError(f"This is not a receipt: those begin with the line {HEADER}.")
    lines = lines[1:]
    extra = b""
    if lines and lines[0].startswith("extra "):
        found = unbase64(lines.pop(0).removeprefix("extra "))
        if found is None:
            raise NoteError("The extra line of this receipt is not base64.")
        extra = found
    index = _INDEX.fullmatch(lines[0]) if lines else None
    if index is None:
        raise NoteError("This receipt does not say which entry it is for.")
    proof = [unbase64(line, 32) for line in lines[1:]]
    hashes = tuple(one for one in proof if one is not None)
    if len(hashes) != len(proof) or len(proof) > MAX_HASHES:
        raise NoteError("A proof line of this receipt is not a hash.")
    return Receipt(int(index[1]), hashes, checkpoint, extra)


def verify_receipt(
    text: str, entry: bytes, log: Verifier, witnesses: Sequence[Verifier] = ()
) -> tuple[Receipt, Checkpoint, Note]:
    """Check that ``entry`` stands in the log at the receipt's index, under a checkpoint that ``log`` signed.

    Raises NoteError when it does not.
    """
    receipt = read_receipt(text)
    checkpoint, note = verify_checkpoint(receipt.checkpoint, log, witnesses)
    if not verify_inclusion(leaf_hash(entry), receipt.index, checkpoint.size, receipt.proof, checkpoint.root):
        raise NoteError(f"The receipt does not show this entry at index {receipt.index} of {checkpoint.origin}.")
    return receipt, checkpoint, note
