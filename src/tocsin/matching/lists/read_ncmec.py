"""NCMEC hash sharing v2 XML, as its ``entries`` call answers: one page, or pages saved one after another.

Namespaces of any version are accepted; ``deletedImage`` and ``deletedVideo`` become tombstones. No DTD and no entity
is read (defusedxml), and every element is dropped once it is read, so that memory stays flat.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from tocsin.matching.lists.entry import BadRow, Entry, Rejected, Status, keep_date, keep_hash, key_of, shortened

_INDUSTRY = ("A1", "A2", "B1", "B2")
_KINDS = {"md5": "md5", "sha1": "sha1", "sha256": "sha256", "pdna": "photodna", "pdq": "pdq"}
_ENTRIES = {"image": False, "video": False, "deletedimage": True, "deletedvideo": True}


def read_ncmec(file: BinaryIO) -> Iterator[Entry | Rejected]:
    """Yield the images and videos of a ``queryResult``; a broken end is a fatal Rejected."""
    number = 0
    open_elements: list[Element] = []
    file.seek(0)
    try:
        for event, element in iterparse(file, events=("start", "end"), forbid_dtd=True):
            if event == "start":
                open_elements.append(element)
                continue
            open_elements.pop()
            what = _local(element)
            if what in _ENTRIES and (not open_elements or _local(open_elements[-1]) in ("images", "videos")):
                number += 1
                yield read_entry(number, element)
                element.clear()
            if open_elements and _local(open_elements[-1]) in ("images", "videos", "queryresult"):
                open_elements[-1].remove(element)
    except (ParseError, DefusedXmlException, UnicodeError, LookupError, ValueError) as error:
        why = "declares entities, which are never read" if isinstance(error, DefusedXmlException) else "is damaged here"
        yield Rejected(number + 1, f"the XML {why} ({shortened(error, 80)})", "", fatal=True)


def read_entry(number: int, element: Element) -> Entry | Rejected:
    """Return the entry that an ``image``, ``video``, ``deletedImage`` or ``deletedVideo`` is."""
    what = _local(element)
    if what not in _ENTRIES:
        return Rejected(number, f"<{shortened(what, 40)}> is no entry", "")
    deleted, video = _ENTRIES[what], what.endswith("video")
    parts = {_local(child): child for child in element}
    member, its_id = parts.get("member"), _text(parts.get("id"))
    owner = (member.get("id") or "") if member is not None else ""
    try:
        if not its_id:
            raise BadRow("no id")
        entry = Entry(
            number,
            id=f"{owner}-{its_id}",
            key=key_of(Entry(0, id=f"{'video' if video else 'image'} {owner}-{its_id}")),
            status=Status.DELETED if deleted else Status.ACTIVE,
            classification=_text(parts.get("classification")),
            category=_text(parts.get("classification")),
            scheme="industry" if _text(parts.get("classification")) in _INDUSTRY else "",
            source=_text(member),
        )
        keep_date(entry, _text(parts.get("timestamp")))
        kept: dict[str, object] = {"media": "video"} if video else {}
        for fingerprint in parts.get("fingerprints", ()):
            kind, text = _KINDS.get(_local(fingerprint)), _text(fingerprint)
            if kind and text:
                keep_hash(entry, kind, text)
            elif text:
                kept[_local(fingerprint)] = text[:2000]
        if feedback := list(_feedback(parts.get("feedback"))):
            kept["feedback"] = feedback
        entry.extra = kept or None
        if not deleted and not entry.hashes:
            raise BadRow(entry.problem or "no fingerprint that is known here")
        return entry
    except BadRow as reason:
        return Rejected(number, str(reason), shortened(" ".join("".join(element.itertext()).split())))


def _feedback(element: Element | None) -> Iterator[dict[str, Any]]:
    """Yield what other members said of an entry: kept raw, up to a hundred."""
    for one in list(element if element is not None else ())[:100]:
        yield {
            "feedback": _local(one),
            "type": one.get("type", ""),
            "reasons": [reason.get("name", "") for reason in one.iter() if _local(reason) == "reason"][:20],
            "members": [who.get("id", "") for who in one.iter() if _local(who) == "member"][:100],
        }


def _local(element: Element) -> str:
    tag = element.tag
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""


def _text(element: Element | None) -> str:
    return (element.text or "").strip()[:4000] if element is not None else ""
