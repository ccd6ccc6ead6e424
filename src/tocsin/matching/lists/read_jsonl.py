"""JSON Lines as ``tocsin lists export`` writes them, one entry a line, and vPDQ's JSON form of one video."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from tocsin.matching.lists.entry import LENGTHS, BadRow, Entry, Rejected, keep_date, keep_hash, read_status, shortened
from tocsin.matching.lists.lines import as_utf8, lines_of
from tocsin.matching.lists.read_text import MOST_FRAMES, vpdq_frame

MOST_JSON = 64 * 2**20
_NAMES = ("category", "classification", "scheme", "source")


def read_jsonl(file: BinaryIO) -> Iterator[Entry | Rejected]:
    """Yield an entry for each line: ``{"entry","md5","pdq",…,"category","status","updated","frames","extra"}``."""
    for line in lines_of(file):
        if isinstance(line, Rejected):
            yield line
            continue
        number, text = line
        try:
            held = json.loads(text)
            if not isinstance(held, dict):
                raise BadRow("not an object")
            yield _entry(number, held)
        except BadRow as reason:
            yield Rejected(number, str(reason), shortened(text))
        except (ValueError, TypeError, RecursionError):
            yield Rejected(number, "a line that is not JSON of an entry", shortened(text))


def _entry(number: int, held: dict[str, Any]) -> Entry:
    entry = Entry(number, id=str(held.get("entry") or held.get("id") or "")[:500])
    for name in _NAMES:
        setattr(entry, name, str(held.get(name) or "")[:500])
    entry.status = read_status(str(held.get("status") or ""))
    keep_date(entry, str(held.get("updated") or ""))
    quality = held.get("quality")
    entry.quality = quality if isinstance(quality, int) and 0 <= quality <= 100 else -1
    for kind in LENGTHS:
        texts = held.get(kind) or ()
        for text in [texts] if isinstance(texts, str) else texts:
            keep_hash(entry, kind, str(text))
    entry.frames = [vpdq_frame(str(text)) for text in held.get("frames") or ()]
    entry.extra = held["extra"] if isinstance(held.get("extra"), dict) else None
    if not entry.hashes and not entry.frames and (entry.status == 0 or not entry.id):
        raise BadRow(entry.problem or "no hash in this line")
    return entry


def read_vpdq_json(file: BinaryIO, name: str = "") -> Iterator[Entry | Rejected]:
    """Yield the one video of vPDQ's JSON form: a list of ``"hash,quality,seconds"``."""
    data = as_utf8(file).read(MOST_JSON + 1)
    try:
        if len(data) > MOST_JSON:
            raise BadRow(f"more than {MOST_JSON:,} bytes of frames")
        texts = json.loads(data)
        if not isinstance(texts, list) or len(texts) > MOST_FRAMES:
            raise BadRow("not a list of frames")
    except BadRow as reason:
        yield Rejected(1, str(reason), "", fatal=True)
        return
    except (ValueError, RecursionError) as error:
        yield Rejected(1, f"the JSON is damaged ({shortened(error, 80)})", "", fatal=True)
        return
    frames = []
    for number, text in enumerate(texts, 1):
        try:
            frames.append(vpdq_frame(str(text)))
        except BadRow as reason:
            yield Rejected(number, str(reason), shortened(text))
    if frames:
        stem = Path(name).stem
        yield Entry(1, id=stem, frames=frames)
