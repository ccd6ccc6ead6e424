"""The demonstration's hash list: one harmless picture, by its digests and its PDQ hash, in a list folder like any."""

from pathlib import Path
from typing import Final

LIST: Final = "demo (harmless)"
ENTRY: Final = "lighthouse-1"
CATEGORY: Final = "harmless-example"


def make(folder: Path, data: bytes, entry: str = ENTRY, name: str = LIST) -> None:
    """Build the list in ``folder`` with one picture (an encoded file), unless it is there already. Raises ListError."""
    import hashlib

    from tocsin.matching.lists import Entry, Terms, build
    from tocsin.media import pdq

    if folder.is_dir() and any(folder.iterdir()):
        return
    print_ = pdq.hash_bytes(data)
    row = Entry(
        number=1,
        id=entry,
        category=CATEGORY,
        hashes=[
            ("md5", hashlib.md5(data, usedforsecurity=False).digest()),
            ("sha1", hashlib.sha1(data, usedforsecurity=False).digest()),
            ("sha256", hashlib.sha256(data).digest()),
            ("pdq", bytes.fromhex(print_.hex)),
        ],
        quality=print_.quality,
    )
    terms = Terms(
        name=name,
        source="Tocsin's demonstration: pictures that the program draws itself",
        scheme="own",
        origin="own",
        severity=3,
        categories={CATEGORY: 3},
    )
    build(folder, terms, [("the demonstration", [row])])
