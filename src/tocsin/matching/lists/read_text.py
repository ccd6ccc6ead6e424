"""Plain text: one hash a line, ``type hash`` lines as ``tx``'s local file has them, and vPDQ's frames of one video."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tocsin.matching.lists.entry import (
    BadRow,
    Entry,
    FrameHash,
    ListError,
    Rejected,
    kind_by_length,
    read_hash,
    read_quality,
    shortened,
    told_by_bits,
)
from tocsin.matching.lists.lines import lines_of
from tocsin.matching.lists.read_csv import kind_of_word

MOST_FRAMES = 1_000_000
"""Frames of one video that are read: eleven days at one a second."""

_SUM = "[0-9a-fA-F]{32,64}"
SUM_LINE = re.compile(
    rf"\\?(?P<first>{_SUM}) [ *](?P<name>.+)|(?P<kind>[A-Z0-9-]{{3,8}}) \((?P<tagged>.+)\) = (?P<last>{_SUM})"
)
"""A line as ``md5sum`` and ``sha256sum`` write it, with and without ``--tag``."""

VPDQ_LINE = re.compile(r"\d{1,9},\d{1,3},[0-9a-fA-F]{64}(,\d{1,9}(\.\d+)?)?")


def read_text(file: BinaryIO, sixty_four: str = "") -> Iterator[Entry | Rejected]:
    """Yield an entry for each line: a bare hash (its kind told by its length), a word for the kind and a hash, or a
    digest and a file's name as ``md5sum`` writes them.

    Lines beginning with ``#`` or ``//`` are passed over. ``sixty_four`` says what 64 digits are; empty: its bits tell.
    """
    lines = lines_of(file)
    first = list(itertools.islice(lines, 200))
    if not sixty_four:
        sixty_four = told_by_bits(line[1] for line in first if not isinstance(line, Rejected))
    for line in itertools.chain(first, lines):
        if isinstance(line, Rejected):
            yield line
            continue
        number, text = line
        words = text.split()
        if not words or words[0].startswith(("#", "//")):
            continue
        try:
            if summed := SUM_LINE.fullmatch(text.strip()):
                yield _summed(number, summed, sixty_four)
                continue
            if len(words) == 1:
                kind = kind_by_length(words[0], sixty_four)
            elif len(words) == 2:
                kind = kind_of_word(words[0])
            else:
                raise BadRow("more than a kind and a hash in one line")
            yield Entry(number, [(kind, read_hash(kind, words[-1]))])
        except BadRow as reason:
            yield Rejected(number, str(reason), shortened(text))


def _summed(number: int, line: re.Match[str], sixty_four: str) -> Entry:
    """Return the entry of a line of checksums; the file's name is kept beside it. Raises BadRow."""
    text = line["first"] or line["last"]
    kind = kind_of_word(line["kind"]) if line["kind"] else kind_by_length(text, sixty_four)
    return Entry(number, [(kind, read_hash(kind, text))], extra={"file": (line["name"] or line["tagged"])[:500]})


def read_vpdq(file: BinaryIO, name: str = "") -> Iterator[Entry | Rejected]:
    """Yield the one video whose frames a vPDQ text file lists: ``frame,quality,hex,seconds`` a line."""
    frames: list[FrameHash] = []
    for line in lines_of(file):
        if isinstance(line, Rejected):
            yield line
            continue
        number, text = line
        try:
            frames.append(vpdq_frame(text.strip()))
        except BadRow as reason:
            yield Rejected(number, str(reason), shortened(text))
        if len(frames) > MOST_FRAMES:
            raise ListError(f"{name or 'This video'} has more than {MOST_FRAMES:,} frames.")
    if frames:
        stem = Path(name).stem
        yield Entry(1, id=stem, frames=frames)


def vpdq_frame(text: str) -> FrameHash:
    """Return a frame of vPDQ's text form (``frame,quality,hex[,seconds]``) or JSON form (``hex,quality,seconds``)."""
    parts = text.split(",")
    try:
        if len(parts) == 3 and len(parts[0]) == 64:
            return FrameHash(float(parts[2]), read_hash("pdq", parts[0]), read_quality(parts[1]))
        if VPDQ_LINE.fullmatch(text):
            at = float(parts[3]) if len(parts) == 4 else float(parts[0])
            return FrameHash(at, read_hash("pdq", parts[2]), read_quality(parts[1]))
    except ValueError as error:
        raise BadRow(f"a frame that cannot be read ({error})") from error
    raise BadRow("not a frame of vPDQ: frame,quality,hash,seconds")
