"""What to make of a file: the same words for the process that asks and for the one that decodes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """What to make of a file.

    ``turns``: the 8 orientations; ``borders``: second looks within uniform borders; ``windows``: the crop-tolerant
    signal; ``frames``: hash videos, one frame a second (or ``keyframes`` and changes of scene); ``fast``: allow a JPEG
    decoder's scaled output, good for looking up and never for sharing. ``regions``: where a picture looks like a page,
    the photographs on it too, each by itself: good for looking up, never for a list.
    """

    digests: bool = True
    turns: bool = False
    borders: bool = True
    windows: bool = False
    frames: bool = False
    keyframes: bool = False
    fast: bool = True
    regions: bool = False
