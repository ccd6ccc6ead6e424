"""Entries made from pictures, videos and files themselves: how an authority makes a list of its own."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from tocsin.matching.lists.entry import Entry, FrameHash, Rejected, hash_key
from tocsin.media.options import Options
from tocsin.model import Fingerprints, NotScanned


class Fingerprinting(Protocol):
    """What makes fingerprints of files; ``tocsin.media.limited.Limited`` in earnest."""

    def map(
        self, paths: Iterable[Path], options: Options | None = None
    ) -> Iterator[tuple[Path, Fingerprints | NotScanned]]:
        """Yield (file, its fingerprints) in the order of the files."""
        ...


def options_for_lists(windows: bool = False) -> Options:
    """Return how media is fingerprinted for a list: faithfully, never by a decoder's scaled output."""
    return Options(borders=True, windows=windows, frames=True, fast=False)


def read_media(files: Iterable[Path], pool: Fingerprinting, windows: bool = False) -> Iterator[Entry | Rejected]:
    """Yield an entry for each file, named after it. A picture that cannot be decoded is still listed by digests.

    ``windows`` adds the crop-tolerant signal, which is weaker, and only for lists of one's own.
    """
    for number, (path, prints) in enumerate(pool.map(files, options_for_lists(windows)), 1):
        if isinstance(prints, NotScanned):
            yield Rejected(number, prints.detail or prints.reason, str(path))
            continue
        yield _entry(number, path, prints)


def _entry(number: int, path: Path, prints: Fingerprints) -> Entry:
    found = [(kind, text) for kind in ("md5", "sha1", "sha256") if (text := getattr(prints, kind))]
    standing = [one for one in prints.prints if not one.turn]
    found += [("pdq", one.hex) for one in standing] + [("window", code) for code in prints.windows]
    hashes = list(dict.fromkeys((kind, bytes.fromhex(text)) for kind, text in found))
    frames = [FrameHash(one.at, bytes.fromhex(one.hex), one.quality) for one in prints.frames if not one.stripped]
    return Entry(
        number,
        hashes,
        id=path.name[:500],
        key=hash_key(hashes),
        quality=standing[0].quality if standing else -1,
        frames=frames if prints.media == "video" else [],
        problem=prints.detail if prints.reason else "",
    )
