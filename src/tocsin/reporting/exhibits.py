"""From opened evidence to the files of a report: its pictures, its files and its words, numbered as people see them.

Items count from 1, pictures first and files after them, as the console shows them; 0 is the words as a text file.
What is said of a file comes from the sealed document and from people; ``viewed`` only from recorded views.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tocsin.evidence.sealing import SealingError, files_of, pictures_of
from tocsin.exchange.cybertip.facts import Details, FileDetails, IpEvent, OriginalHash
from tocsin.model import parse_utc, utc_text

SEEN: Final = frozenset({"grey", "colour", "played"})
"""Ways of looking, as the hub records them, that count as having viewed a file."""
_HASHES: Final = (("md5", "MD5"), ("sha1", "SHA1"), ("sha256", "SHA256"))
_ENDINGS: Final = {"image/png": "png", "image/jpeg": "jpg"}
_HEX: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One file to send, with what the report's file entry and the evidence say of it."""

    evidence: str
    item: int
    name: str
    data: bytes
    original_name: str = ""
    location: str = ""
    uploaded_at: datetime | None = None
    ip_event: IpEvent | None = None
    hashes: tuple[OriginalHash, ...] = ()
    details: tuple[Details, ...] = ()
    viewed: bool | None = None
    exif_viewed: bool | None = None
    chosen: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    def details_for(self, report_id: int, file_id: str) -> FileDetails:
        """Return the details that follow the upload."""
        return FileDetails(
            report_id=report_id,
            file_id=file_id,
            name=self.name,
            original_name=self.original_name,
            uploaded_at=self.uploaded_at,
            location=self.location,
            viewed=self.viewed,
            exif_viewed=self.exif_viewed,
            public=self.chosen.get("public"),
            relevance=self.chosen.get("relevance") or "Reported",
            annotations=tuple(self.chosen.get("annotations") or ()),
            classification=self.chosen.get("classification"),
            hashes=self.hashes,
            ip_event=self.ip_event,
            details=self.details,
            additional=self.notes,
        )


def exhibits_of(
    digest: str,
    document: Mapping[str, Any],
    chosen: Iterable[Mapping[str, Any]],
    views: Iterable[Mapping[str, Any]],
    notes: Iterable[str] = (),
) -> list[Exhibit]:
    """Return the files that ``chosen`` names of one opened piece of evidence. Raises SealingError.

    ``chosen`` are the report's entries of this evidence, ``views`` the hub's recorded views of it.
    """
    items = _items(document)
    seen = {(int(view["item"]), str(view["how"])) for view in views if view.get("evidence") == digest}
    found: list[Exhibit] = []
    for entry in chosen:
        number = entry.get("item")
        if number is None:
            wanted = sorted(item for item in items if item > 0)
        elif number == 0 or number in items:
            wanted = [int(number)]
        else:
            raise SealingError(f"The evidence {digest[:12]}… has no item {number}; it has {max(items, default=0)}.")
        for item in wanted:
            found.append(_exhibit(digest, document, item, items, entry, seen, tuple(notes)))
    return found


def _exhibit(
    digest: str,
    document: Mapping[str, Any],
    item: int,
    items: Mapping[int, tuple[str, bytes]],
    entry: Mapping[str, Any],
    seen: set[tuple[int, str]],
    notes: tuple[str, ...],
) -> Exhibit:
    name, data = items[item] if item else (f"{digest[:12]}-words.txt", words_of(document).encode())
    media, upload = _part(document, "media"), _part(document, "upload")
    is_media = item > 0
    is_it = is_media and sum(each > 0 for each in items) == 1  # of several files it is not said whose digests these are
    return Exhibit(
        evidence=digest,
        item=item,
        name=name,
        data=data,
        original_name=_text(upload.get("name") or media.get("name")) if is_media else "",
        location=_text(upload.get("url") or _part(document, "facts").get("url")) if is_media else "",
        uploaded_at=_moment(upload.get("at")) if is_media else None,
        ip_event=_ip(upload) if is_media else None,
        hashes=_hashes(_part(media, "digests")) if is_it else (),
        details=_perceptual(media) if is_it else (),
        viewed=True if any((item, how) in seen for how in SEEN) else None,
        exif_viewed=True if (item, "metadata") in seen else None,
        chosen=entry,
        notes=_seen(document, upload) + notes if is_media else (),
    )


def _seen(document: Mapping[str, Any], upload: Mapping[str, Any]) -> tuple[str, ...]:
    """Return when the service saw the content, where nobody said when it was uploaded."""
    at = None if _moment(upload.get("at")) else _moment(document.get("at"))
    if at is None:
        return ()
    return (f"The service's own system saw it at {utc_text(at)}; it may have been uploaded earlier.",)


def words_of(document: Mapping[str, Any]) -> str:
    """Return the words of a sealed document as plain text, one line each: time, speaker, text."""
    lines = [f"{_text(document.get('app'))} {_text(document.get('title'))}".strip()]
    said = document.get("context") or document.get("quotes")
    for one in said if isinstance(said, list) else []:
        if isinstance(one, Mapping):
            lines.append(f"{_text(one.get('at'))}\t{_text(one.get('speaker'))}\t{_text(one.get('text'), 10_000)}")
    return "\n".join(line for line in lines if line) + "\n"


def _items(document: Mapping[str, Any]) -> dict[int, tuple[str, bytes]]:
    found: dict[int, tuple[str, bytes]] = {}
    for mime, data in pictures_of(document):
        found[len(found) + 1] = (f"picture-{len(found) + 1}.{_ENDINGS.get(mime, 'bin')}", data)
    for file in files_of(document):
        number = len(found) + 1
        found[number] = (f"{number}-{safe_name(file.name)}", file.data)
    return found


def safe_name(name: str) -> str:
    """Return the last part of a file's name, as plain characters that no system takes for a path."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1][-100:]
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in last).lstrip(".") or "file"


def _perceptual(media: Mapping[str, Any]) -> tuple[Details, ...]:
    prints = media.get("prints")
    pairs = [
        ("PDQ", str(one["pdq"]))
        for one in (prints if isinstance(prints, list) else [])
        if isinstance(one, Mapping) and _hex(one.get("pdq"), 64)
    ]
    return (Details(type="HASH", pairs=tuple(pairs[:20])),) if pairs else ()


def _hashes(digests: Mapping[str, Any]) -> tuple[OriginalHash, ...]:
    return tuple(
        OriginalHash(type=label, value=str(digests[name]))
        for name, label in _HASHES
        if _hex(digests.get(name), {"md5": 32, "sha1": 40, "sha256": 64}[name])
    )


def _hex(value: Any, digits: int) -> bool:
    return isinstance(value, str) and len(value) == digits and set(value) <= _HEX


def _ip(upload: Mapping[str, Any]) -> IpEvent | None:
    address = _text(upload.get("ip"), 60)
    return IpEvent(address=address, event="Upload", at=_moment(upload.get("at"))) if address else None


def _part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}


def _text(value: Any, most: int = 1000) -> str:
    return value[:most] if isinstance(value, str) else ""


def _moment(value: Any) -> datetime | None:
    try:
        return parse_utc(value) if isinstance(value, str) else None
    except ValueError:
        return None
