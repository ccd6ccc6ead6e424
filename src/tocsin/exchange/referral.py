"""A referral for where there is no reporting service: one sealed package that anybody can open and check by hand.

An age file whose plaintext is a tar: ``manifest.json`` (what, from whom, for whom, why), ``items/`` (the evidence as it
was seen), ``custody.jsonl`` (the log's own entries about it, verbatim), ``SHA256SUMS`` (for ``sha256sum -c``) and
``README.txt``. The reference ``age`` and ``tar`` open it; nothing of ours is needed.
"""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import pyrage

from tocsin.evidence.sealing import Sealed, digest, read_recipient
from tocsin.model import utc_text

FORMAT: Final = "tocsin/referral@1"
LARGEST: Final = 512 * 2**20
ITEMS_MOST: Final = 5000
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}", re.ASCII)
_README: Final = """This is a referral made by Tocsin. It may hold material that few people are allowed to see.

manifest.json  what this is, who sends it to whom and why, and each item with its SHA-256
items/         the items, as they were seen
custody.jsonl  what the sender's tamper-evident log says about them, entry by entry, verbatim
SHA256SUMS     check all of it with: sha256sum -c SHA256SUMS

A match with a list says that an item matches an entry of that list. It does not describe what the item shows.
"""


class ReferralError(ValueError):
    """A referral that cannot be made, opened or believed; the message is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One file. ``about`` is plain JSON: where it was seen, what it matched."""

    name: str
    data: bytes
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Who refers what to whom, and why."""

    reference: str
    sender: str
    recipient: str
    reason: str
    made_at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Referral:
    """An opened referral whose every digest was checked: its manifest, and its files by path."""

    manifest: dict[str, Any]
    files: dict[str, bytes]


def build(about: About, items: Sequence[Item], custody: Iterable[str], recipients: Sequence[str]) -> Sealed:
    """Make and seal a referral to age recipients. The same input gives the same plaintext. Raises ReferralError."""
    if not recipients:
        raise ReferralError("A referral needs at least one recipient's age key.")
    if not items or len(items) > ITEMS_MOST:
        raise ReferralError(f"A referral holds 1 to {ITEMS_MOST} items; this one has {len(items)}.")
    files: dict[str, bytes] = {}
    listed = []
    for number, item in enumerate(items, 1):
        path = f"items/{number:04d}-{item.name}"
        if not _NAME.fullmatch(item.name):
            raise ReferralError(f"An item's name is plain letters, digits and joints, not {item.name[:60]!r}.")
        files[path] = item.data
        listed.append({"path": path, "sha256": _sha256(item.data), "size": len(item.data), "about": dict(item.about)})
    manifest = {
        "format": FORMAT,
        "reference": about.reference,
        "from": about.sender,
        "to": about.recipient,
        "reason": about.reason,
        "made_at": utc_text(about.made_at),
        "note": about.note,
        "items": listed,
    }
    files["custody.jsonl"] = "".join(f"{line}\n" for line in custody).encode()
    files["manifest.json"] = json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True).encode()
    files["README.txt"] = _README.encode()
    files["SHA256SUMS"] = "".join(f"{_sha256(data)}  {path}\n" for path, data in sorted(files.items())).encode()
    if sum(map(len, files.values())) > LARGEST:
        raise ReferralError(f"This referral is larger than {LARGEST:,} bytes; make two of it.")
    plain = _tar(files, about.made_at)
    try:
        sealed: bytes = pyrage.encrypt(plain, [read_recipient(each) for each in recipients])
    except (pyrage.EncryptError, ValueError) as error:
        raise ReferralError(f"The referral could not be sealed ({error}).") from error
    return Sealed(sealed, digest(sealed), len(sealed))


def read(plain: bytes) -> Referral:
    """Read the tar inside a referral, checking every name and digest. Raises ReferralError."""
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as tar:
            for member in tar:
                if not member.isfile() or not _is_ours(member.name) or member.name in files:
                    raise ReferralError(f"The referral holds something unexpected: {member.name[:80]!r}.")
                if len(files) > ITEMS_MOST + 4:
                    raise ReferralError("The referral holds too many files.")
                taken = tar.extractfile(member)
                files[member.name] = b"" if taken is None else taken.read()
    except (tarfile.TarError, EOFError, OSError, UnicodeDecodeError) as error:
        raise ReferralError("What was sealed in this file is not a referral, or it was cut short.") from error
    return Referral(_checked(files), files)


def _checked(files: Mapping[str, bytes]) -> dict[str, Any]:
    try:
        manifest = json.loads(files["manifest.json"])
        items = {str(each["path"]): str(each["sha256"]) for each in manifest["items"]}
        sums = dict(line.split("  ", 1)[::-1] for line in files["SHA256SUMS"].decode().splitlines())
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise ReferralError("The manifest of this referral cannot be read.") from error
    if manifest.get("format") != FORMAT:
        raise ReferralError(f"This is not a referral of format {FORMAT}.")
    for path, data in files.items():
        if path != "SHA256SUMS" and sums.get(path) != _sha256(data):
            raise ReferralError(f"{path} is not what it was when the referral was made.")
    if set(sums) != set(files) - {"SHA256SUMS"} or {path for path in files if path.startswith("items/")} != set(items):
        raise ReferralError("The referral lacks something that its manifest names, or has something more.")
    if any(items[path] != sums[path] for path in items):
        raise ReferralError("The manifest and the sums of this referral differ.")
    found: dict[str, Any] = manifest
    return found


def _is_ours(name: str) -> bool:
    if name in ("manifest.json", "custody.jsonl", "README.txt", "SHA256SUMS"):
        return True
    return name.startswith("items/") and _NAME.fullmatch(name.removeprefix("items/")) is not None


def _tar(files: Mapping[str, bytes], at: datetime) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, data in sorted(files.items()):
            member = tarfile.TarInfo(path)
            member.size, member.mtime, member.mode = len(data), int(at.timestamp()), 0o600
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
