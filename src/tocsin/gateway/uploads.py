"""Uploads, read as a stream into bounded memory: ``multipart/form-data`` with one file, and fields beside it."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from tocsin.gateway.refusals import Refused

MOST_FIELD: Final = 1 << 20
MOST_PARTS: Final = 32


@dataclass(slots=True)
class Upload:
    """One file of a form. ``field`` is its field's name (HMA's content type), ``name`` the file's own."""

    field: str
    name: str
    media_type: str
    data: bytes


@dataclass(slots=True)
class _Part:
    field: str = ""
    name: str | None = None
    media_type: str = ""
    data: bytearray = dataclasses.field(default_factory=bytearray)


async def read_form(request: Request, max_bytes: int) -> tuple[list[Upload], dict[str, str]]:
    """Return the files and the fields of a form. Raises Refused: 400 for what is no form, 413 for one too large."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 0 < len(boundary) <= 256:
        raise Refused(400, "Send the content as multipart/form-data, in one field named photo or video.")
    reader = _Reader(max_bytes)
    parser = MultipartParser(boundary, reader.callbacks())
    try:
        async for chunk in request.stream():
            parser.write(chunk)
        parser.finalize()
    except MultipartParseError as error:
        raise Refused(400, "The form is damaged and cannot be read.") from error
    except ClientDisconnect as error:
        raise Refused(400, "The caller went away before the form was complete.") from error
    if not reader.ended:
        raise Refused(400, "The form ends before its last boundary.")
    return reader.files, reader.fields


async def one_file(request: Request, max_bytes: int) -> tuple[Upload, dict[str, str]]:
    """Return the one file of a form, and its fields. Raises Refused."""
    files, fields = await read_form(request, max_bytes)
    if len(files) != 1:
        raise Refused(400, f"Send exactly one file; {len(files)} came.")
    if not files[0].data:
        raise Refused(400, "The file is empty.")
    return files[0], fields


class _Reader:
    """Gathers parts as the parser meets them."""

    def __init__(self, most: int) -> None:
        self._most, self._part = most, _Part()
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._headers: dict[bytes, bytes] = {}
        self._parts = 0
        self.files: list[Upload] = []
        self.fields: dict[str, str] = {}
        self.ended = False

    def callbacks(self) -> Any:
        """Return what the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise Refused(400, f"The form has more than {MOST_PARTS} parts.")
        self._part, self._headers = _Part(), {}

    def _header_end(self) -> None:
        self._headers[bytes(self._header[0]).lower()] = bytes(self._header[1])
        self._header = (bytearray(), bytearray())

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._part.field = options.get(b"name", b"").decode("utf-8", "replace")[:255]
        if b"filename" in options:
            self._part.name = options[b"filename"].decode("utf-8", "replace")[:255]
        self._part.media_type = self._headers.get(b"content-type", b"").decode("latin-1")[:255]

    def _data(self, data: bytes, start: int, end: int) -> None:
        held = self._part.data
        most = MOST_FIELD if self._part.name is None else self._most
        if len(held) + end - start > most:
            raise Refused(413, f"The {'file' if self._part.name is not None else 'field'} is over {most:,} bytes.")
        held += data[start:end]

    def _end(self) -> None:
        part = self._part
        if part.name is None:
            self.fields[part.field] = part.data.decode("utf-8", "replace")
        else:
            self.files.append(Upload(part.field, part.name, part.media_type, bytes(part.data)))
        self._part = _Part()

    def _finish(self) -> None:
        self.ended = True
