"""Changes of scene between keyframes, found without decoding everything.

A frame that shows something new costs its encoder many more bytes than its neighbours, keyframe or not. Only groups
that hold such a packet are decoded, up to the last one, and the frame is kept if it looks different.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tocsin.media.groups import Group

if TYPE_CHECKING:
    from av import VideoFrame

OUTLIER = 4.0
"""How many times the median of its group a packet must weigh to be looked at."""
OF_KEY = 0.2
"""And what part of its group's keyframe."""
DIFFERENT = 12.0
"""Mean difference of 64 x 64 luma (0 to 255) from which two frames are different scenes."""
MOST = 4
"""Frames looked at between two keyframes."""


def candidates(sizes: list[int], most: int = MOST) -> list[int]:
    """Return the places of packets that may begin a scene, given the bytes of a group's packets, keyframe first."""
    rest = np.asarray(sizes[1:], float)
    if len(rest) < 2:
        return []
    least = max(float(np.median(rest)) * OUTLIER, sizes[0] * OF_KEY)
    places = np.flatnonzero(rest >= least) + 1
    heaviest = places[np.argsort(-rest[places - 1], kind="stable")][:most]
    return sorted(int(place) for place in heaviest)


class Changes:
    """Chooses keyframes and likely changes of scene, and drops those that look like the frame before."""

    def __init__(self, different: float = DIFFERENT, most: int = MOST) -> None:
        self._different, self._most = different, most
        self._shown: npt.NDArray[np.int16] | None = None

    def wanted(self, group: Group) -> dict[int, int]:
        """Return the frames to decode of a group, number by timestamp."""
        numbers = group.numbers()
        places = [0, *candidates([packet.size for packet in group.packets], self._most)]
        stamps = [group.packets[place].pts for place in places]
        return {stamp: numbers[stamp] for stamp in stamps if stamp is not None}

    def every(self, number: int, stamp: int | None) -> bool:
        """Choose among frames that come without order: one in fifteen is looked at."""
        return number % 15 == 0

    def new(self, frame: VideoFrame) -> bool:
        """Tell whether a frame is a keyframe or differs from the one kept before it."""
        small = frame.reformat(width=64, height=64, format="gray", interpolation="AREA").to_ndarray().astype(np.int16)
        before, key = self._shown, bool(frame.key_frame)
        changed = before is None or float(np.abs(small - before).mean()) >= self._different
        if key or changed:
            self._shown = small
        return key or changed
