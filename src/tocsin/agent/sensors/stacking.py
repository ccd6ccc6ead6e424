"""Which window is on top where: windows lie over one another as in a stack, topmost first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tocsin.media.rectangles import clip, subtract
from tocsin.model import Rect


@dataclass(frozen=True, slots=True)
class Window:
    """A top-level window: ``id`` of its frame, ``client`` of the program's own window inside it (often the same)."""

    id: int
    client: int
    rect: Rect
    app: str
    title: str
    pid: int


def owners(stack: Sequence[Window], rect: Rect) -> Iterator[tuple[Window | None, list[Rect]]]:
    """Yield each window that is on top somewhere in ``rect``, with the parts where it is; None is the desktop."""
    left = [rect]
    for window in stack:
        visible: list[Rect] = []
        rest: list[Rect] = []
        for part in left:
            inside = clip(part, window.rect)
            if inside is None:
                rest.append(part)
            else:
                visible.append(inside)
                rest.extend(subtract(part, inside))
        if visible:
            yield window, visible
        left = rest
        if not left:
            return
    yield None, left


def covered(stack: Sequence[Window], window: Window | None, rect: Rect) -> list[Rect]:
    """Return the parts of ``rect`` where other windows lie on top of ``window``."""
    parts = []
    for other in stack:
        if window is not None and other.id == window.id:
            break
        if (part := clip(other.rect, rect)) is not None:
            parts.append(part)
    return parts
