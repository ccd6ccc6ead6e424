"""Lists that come as one whole file (CSV, VICS JSON, plain text, NCMEC XML, JSON Lines): at an address, or on a disk.

Such a file says all there is, so that what is no longer on it is withdrawn. Half a file would then withdraw half the
list: one that breaks off is refused whole, and one that lost most of its entries waits for a person
(see tocsin.gateway.exchanges.running).
"""

import hashlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tocsin.evidence.keys import write_private
from tocsin.exchange.calling import Caller, checked_base
from tocsin.exchange.pages import Mark, Opinion, Page, Refused, Unreachable, Unusable
from tocsin.matching.lists import Entry, ListError, Reading, Rejected, read
from tocsin.matching.lists.entry import BadRow, keep_hash, kind_by_length

BATCH = 20_000
MOST_BYTES = 8 * 2**30
TYPES = {"pdq": "pdq", "video_md5": "md5", "md5": "md5", "sha1": "sha1", "sha256": "sha256", "photodna": "photodna"}
"""Signal types that the lines of a file without telling may be, by the names that HMA uses, and ours."""

_WORDS = {"pdq": "pdq", "video_md5": "md5", "md5": "md5", "sha1": "sha1", "sha256": "sha256"}


class WholeFile:
    """One file. ``fetch`` brings it to ``path`` first (and says whether it changed); without, it lies there already."""

    def __init__(
        self,
        path: Path,
        *,
        how: Reading | None = None,
        signal_type: str = "",
        fetch: Callable[[Path], bool] | None = None,
    ) -> None:
        self._path, self._how, self._type, self._fetch = path, how or Reading(), signal_type, fetch

    def pages(self, checkpoint: Mark | None, resume: Mark | None) -> Iterator[Page]:
        """Yield the whole file in batches, unless it is the one read last. Raises ExchangeError."""
        if self._fetch is not None:
            self._fetch(self._path)
        digest = self._digest()
        done = {"sha256": digest}
        if checkpoint is not None and checkpoint.get("sha256") == digest:
            yield Page((), checkpoint=done)
            return
        rows = self._rows()
        first = True
        while batch := list(itertools.islice(rows, BATCH)):
            broken = next((row for row in batch if isinstance(row, Rejected) and row.fatal), None)
            if broken is not None:
                raise Unusable(f"The file breaks off: {broken.reason}. Of this part nothing was taken.")
            yield Page(batch, full=True, restart=first)
            first = False
        if self._digest() != digest:
            raise Unreachable("The file changed while it was read; it is read again at the next time.")
        yield Page((), checkpoint=done, full=True, restart=first)

    def _rows(self) -> Iterator[Entry | Rejected]:
        try:
            with self._path.open("rb") as file:
                head = file.read(4096)
            if _is_plain(head):
                yield from self._plain()
            else:
                yield from read(self._path, self._how)
        except OSError as error:
            raise Unreachable(f"The file cannot be read: {error.strerror or error}.") from error
        except ListError as error:
            raise Unusable(str(error).replace(str(self._path), "The file")) from error

    def _plain(self) -> Iterator[Entry | Rejected]:
        """Read lines of ``type hash``, or of bare hashes: the form of ThreatExchange's local files."""
        with self._path.open("r", encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                words = line[:4096].split()
                if not words or words[0].startswith("#"):
                    continue
                entry = Entry(number)
                try:
                    kind = _WORDS.get(words[0]) if len(words) > 1 else TYPES.get(self._type)
                    keep_hash(entry, kind or kind_by_length(words[-1], self._how.sixty_four or "pdq"), words[-1])
                    if not entry.hashes:
                        raise BadRow(entry.problem)
                    yield entry
                except BadRow as reason:
                    yield Rejected(number, str(reason), line[:300])

    def _digest(self) -> str:
        digest, size = hashlib.sha256(), 0
        try:
            with self._path.open("rb") as file:
                while piece := file.read(2**20):
                    digest.update(piece)
                    size += len(piece)
                    if size > MOST_BYTES:
                        raise Unusable(f"The file is larger than {MOST_BYTES:,} bytes.")
        except OSError as error:
            raise Unreachable(f"The file cannot be read: {error.strerror or error}.") from error
        return digest.hexdigest()

    def tell(self, opinion: Opinion) -> bool:
        """A file takes no verdicts."""
        return False

    def close(self) -> None:
        """Nothing is held open."""


def _is_plain(head: bytes) -> bool:
    """Tell lines of ``type hash`` (or bare hashes) from the formats that :mod:`tocsin.matching.lists` reads."""
    lines = [line.split() for line in head.decode("utf-8", "replace").splitlines() if line.strip()]
    first = next((line for line in lines if not line[0].startswith("#")), [])
    return len(first) == 2 and first[0] in _WORDS


def fetched_from(
    url: str, transport: httpx.BaseTransport, login: tuple[str, str] | None = None, most: int = MOST_BYTES
) -> Callable[[Path], bool]:
    """Return what brings the file at ``url`` to a path, whole or not at all, when it has changed. Raises Refused."""
    base = checked_base(f"{urlsplit(url).scheme}://{urlsplit(url).netloc}")
    if urlsplit(url).fragment:
        raise Refused("The address of a list has no fragment.")

    def fetch(path: Path) -> bool:
        mark = path.with_name(f"{path.name}.mark")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        known = {"If-None-Match": mark.read_text()} if path.is_file() and mark.is_file() else {}
        with Caller(base, auth=login, transport=transport, most_bytes=most) as caller:
            tag = caller.download(url[len(base) :], path, known)
        if tag is None:
            return False
        write_private(mark, tag.encode("utf-8", "replace"))
        return True

    return fetch
