"""What a file is, told by its first bytes and never by its name: a suffix is what a sender wants to be believed."""

HEAD = 4096
"""How many bytes from the start of a file ``kind_of`` likes to see; fewer do, at the cost of rarer kinds."""

PICTURES = frozenset({"jpeg", "png", "gif", "webp", "avif", "heic", "bmp", "tiff", "ico", "jp2"})
"""The picture kinds that are decoded."""

ARCHIVES = frozenset({"zip", "tar", "gz", "bz2", "xz"})
"""The archive kinds that are looked into. Office documents are zip archives."""

UNSUPPORTED_PICTURES = {
    "jxl": "JPEG XL pictures are not decoded yet",
    "svg": "SVG drawings are programs for a browser, not pixels, and are not drawn",
    "psd": "Photoshop documents are not decoded",
    "jxr": "JPEG XR pictures are not decoded",
    "exr": "OpenEXR pictures are not decoded",
}
"""Picture kinds that are known and not decoded, with the reason in words."""

UNSUPPORTED_ARCHIVES = {
    "7z": "7-Zip archives are not looked into",
    "rar": "RAR archives are not looked into",
    "zst": "Zstandard archives are not looked into",
    "cab": "Cabinet archives are not looked into",
    "pdf": "pictures inside PDF documents are not looked into",
}
"""Kinds that hold other files and are not looked into, with the reason in words."""

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"),
    (b"\xff\x0a", "jxl"),
    (b"8BPS", "psd"),
    (b"II\xbc\x01", "jxr"),
    (b"v/1\x01", "exr"),
    (b"FLV\x01", "video/x-flv"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c", "video/x-ms-wmv"),
    (b"\0\0\x01\xba", "video/mpeg"),
    (b"\0\0\x01\xb3", "video/mpeg"),
    (b".RMF", "video/x-realmedia"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PK\x07\x08PK\x03\x04", "zip"),
    (b"\x1f\x8b", "gz"),
    (b"\xfd7zXZ\0", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\x28\xb5\x2f\xfd", "zst"),
    (b"MSCF\0\0\0\0", "cab"),
    (b"%PDF-", "pdf"),
)

_ZIP_END, _ZIP_ENTRY, _ZIP_TAIL = b"PK\x05\x06", b"PK\x01\x02", 22 + 65_535
_ATTACHED = ((b"Rar!\x1a\x07", "rar"), (b"7z\xbc\xaf\x27\x1c", "7z"))

_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"mif2"}
_AVIF = {b"avif", b"avis"}


def kind_of(head: bytes) -> str:
    """Return what a file is by its first bytes: ``jpeg`` … for pictures, ``video/mp4`` … for video, ``zip`` … for
    archives, the empty string for anything else."""
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF":
        return {b"WEBP": "webp", b"AVI ": "video/x-msvideo"}.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _boxed(head)
    if head[4:8] in (b"moov", b"mdat", b"wide", b"skip", b"free", b"pnot") and not head[:1].strip(b"\0"):
        return "video/quicktime"
    return _rarer(head)


def attached_to(data: bytes) -> str:
    """Return the kind of an archive that hangs on behind a picture (its whole bytes): ``zip``, ``rar``, ``7z`` or none.

    A zip archive is found from its end, where its directory must be; the others by a mark too long for chance.
    """
    end = data.rfind(_ZIP_END, max(0, len(data) - _ZIP_TAIL))
    if end >= 0 and end + 22 <= len(data):
        size = int.from_bytes(data[end + 12 : end + 16], "little")
        begins = end - size
        if size == 0xFFFFFFFF or (size and begins >= 0 and data.startswith(_ZIP_ENTRY, begins)):
            return "zip"
    return next((kind for mark, kind in _ATTACHED if data.find(mark, 1) >= 0), "")


def media_of(kind: str) -> str:
    """Return ``picture``, ``video`` or ``other`` for a kind."""
    if kind.startswith("video/"):
        return "video"
    return "picture" if kind in PICTURES or kind in UNSUPPORTED_PICTURES else "other"


def _boxed(head: bytes) -> str:
    """Tell the ISO base media files (ISO/IEC 14496-12) apart by the brands of their ``ftyp`` box."""
    size = int.from_bytes(head[:4], "big")
    end = min(size if size >= 16 else 64, len(head), 512)
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]
    if brands[0] == b"qt  ":
        return "video/quicktime"
    if brands[0] not in (b"mif1", b"msf1", b"mif2"):
        found = _brand(brands[0])
        return found or "video/mp4"
    kinds = [_brand(one) for one in brands[1:]]
    return "avif" if "avif" in kinds else "heic"


def _brand(brand: bytes) -> str:
    if brand in _AVIF:
        return "avif"
    if brand in _HEIC:
        return "heic"
    if brand == b"crx ":
        return "video/quicktime"
    return "video/3gpp" if brand[:2] == b"3g" else ""


def _rarer(head: bytes) -> str:
    """Recognise the kinds whose mark is short, late or textual, and so needs a second sign."""
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if (
        head[:2] == b"BM"
        and len(head) >= 26
        and int.from_bytes(head[14:18], "little") in (12, 40, 52, 56, 64, 108, 124)
    ):
        return "bmp"
    if head[:4] in (b"\0\0\1\0", b"\0\0\2\0") and len(head) >= 22 and 0 < int.from_bytes(head[4:6], "little") <= 256:
        return "ico" if head[9] == 0 else ""
    if head[:3] == b"BZh" and head[3:4] in b"123456789" and head[4:10] in (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"):
        return "bz2"
    if head[:4] == b"OggS":
        return "video/ogg" if b"theora" in head[:512] or b"\x80theora" in head else ""
    if head[257:262] == b"ustar":
        return "tar"
    for step, first in ((188, 0), (192, 4)):
        marks = head[first : first + 4 * step + 1 : step]
        if len(marks) >= 4 and set(marks) == {0x47}:
            return "video/mp2t"
    text = head[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"<svg") or (text.startswith((b"<?xml", b"<!doctype svg", b"<!--")) and b"<svg" in head.lower()):
        return "svg"
    return ""
