"""Text files as lists come in: any Unicode encoding with a byte order mark, any line end, lines of bounded length."""

import codecs
import contextlib
import io
from collections.abc import Iterator
from typing import Any, BinaryIO

from tocsin.matching.lists.entry import Rejected, shortened

LONGEST_LINE = 65_536
"""Letters of the longest line that is read; a longer one is left out and counted."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def encoding_of(head: bytes) -> tuple[str, int]:
    """Return the encoding of a file that begins with ``head``, and the length of its byte order mark."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name, len(mark)
    sample = head[:400]
    if len(sample) >= 4 and sample[1::2].count(0) > len(sample) // 4 and sample[0::2].count(0) == 0:
        return "utf-16-le", 0
    if len(sample) >= 4 and sample[0::2].count(0) > len(sample) // 4 and sample[1::2].count(0) == 0:
        return "utf-16-be", 0
    return "utf-8", 0


def as_utf8(file: BinaryIO) -> BinaryIO:
    """Return ``file`` from its first letter on as UTF-8, without a byte order mark (for parsers that want bytes)."""
    encoding, mark = _start(file)
    file.seek(mark)
    if encoding == "utf-8":
        return file
    return io.BufferedReader(_Recoded(file, encoding))


def lines_of(file: BinaryIO) -> Iterator[tuple[int, str] | Rejected]:
    """Yield (number, line without its end); bytes that are no letters become U+FFFD; empty lines are passed over."""
    encoding, mark = _start(file)
    file.seek(mark)
    text = io.TextIOWrapper(file, encoding=encoding, errors="replace", newline=None)
    number, most = 0, LONGEST_LINE + 1
    try:
        while line := text.readline(most):
            number += 1
            if len(line) == most and not line.endswith("\n"):
                yield Rejected(number, f"a line of more than {LONGEST_LINE:,} letters", shortened(line))
                while (rest := text.readline(most)) and not rest.endswith("\n"):
                    pass
                continue
            line = line.rstrip("\n")
            if line:
                yield number, line
    finally:
        with contextlib.suppress(ValueError):  # where reading ended early, its owner has closed the file already
            text.detach()


def _start(file: BinaryIO) -> tuple[str, int]:
    file.seek(0)
    return encoding_of(file.read(4096))


class _Recoded(io.RawIOBase):
    """A file of another encoding read as UTF-8 bytes; the file itself stays open."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file, self._decoder = file, codecs.getincrementaldecoder(encoding)("replace")
        self._held = b""

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill ``buffer`` and return how many bytes; 0 at the end."""
        while not self._held:
            raw = self._file.read(65_536)
            self._held = self._decoder.decode(raw, final=not raw).encode("utf-8", "replace")
            if not raw:
                break
        taken = self._held[: len(buffer)]
        self._held = self._held[len(taken) :]
        buffer[: len(taken)] = taken
        return len(taken)
