"""What a file's name promises. It never says what a file is; it says where content of no known kind looks damaged.

A picture whose first bytes are overwritten is of no known kind, like any file that holds no picture at all. Named as a
picture, a video or an archive it is *unreadable*, and not clean; its digests are compared all the same. Text stays what
it is under any name: a page that says that a picture was not found, or a program in TypeScript (``.ts``).
"""

import codecs
from dataclasses import replace
from pathlib import PurePath

from tocsin.model.media import Fingerprints
from tocsin.model.observation import NotScanned

_NAMED = {
    "a picture": (
        "jpg jpeg jpe jfif jif mpo png apng gif webp avif avifs heic heif heics hif bmp dib tif tiff ico cur jp2 j2k "
        "jpx jpf jpc jxl jxr wdp hdp psd psb exr tga pcx pnm ppm pgm pbm xcf "
        "dng nef nrw cr2 cr3 crw arw orf rw2 raf pef srw"
    ),
    "a video": (
        "mp4 m4v mov qt avi divx mkv webm flv f4v wmv asf mpg mpeg mpe m1v m2v vob m2ts 3gp 3g2 ogv ogm rm rmvb mxf dv "
        "ts mts h264 264 h265 265 hevc mjpg mjpeg"
    ),
    "an archive": (
        "zip zipx tar gz tgz bz2 tbz tbz2 xz txz zst tzst 7z rar cab lzma tlz lz lz4 lzh lha arj ace iso "
        "docx xlsx pptx odt ods odp epub cbz cbr cb7 cbt"
    ),
}
_BY_SUFFIX = {f".{one}": what for what, suffixes in _NAMED.items() for one in suffixes.split()}
_BESIDE_A_FILE = ("._", "~$")
"""What macOS and Office keep beside a file, under its own name."""
_NO_TEXT = bytes({*range(32), 127} - set(b"\t\n\r\f\x1b"))
_LEAST_TEXT = 4


def named(name: str | PurePath, head: bytes) -> str:
    """Return what a file's name says that it is: ``a picture``, ``a video``, ``an archive`` or nothing.

    ``head`` is the file's beginning: the name of a file of text says nothing.
    """
    path = PurePath(name)
    if path.name.startswith(_BESIDE_A_FILE) or _is_text(head):
        return ""
    return _BY_SUFFIX.get(path.suffix.lower(), "")


def as_named(result: Fingerprints | NotScanned, name: str | PurePath, head: bytes) -> Fingerprints | NotScanned:
    """Return what was made of a file; *unreadable* where its content is of no known kind, and its name of one."""
    if not isinstance(result, Fingerprints) or result.format or result.reason or not (what := named(name, head)):
        return result
    why = unkept(what)
    return replace(result, reason=why.reason, detail=why.detail)


def unkept(what: str) -> NotScanned:
    """Return why a file is not scanned that is named ``what`` and holds nothing of the kind."""
    detail = f"By its name it is {what}, but its content is empty or of no known kind; it may be damaged."
    return NotScanned("unreadable", detail)


def _is_text(head: bytes) -> bool:
    """Tell whether a file begins with UTF-8 text of some letters, which may be cut within one."""
    if len(head) < _LEAST_TEXT or head.translate(None, _NO_TEXT) != head:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True
