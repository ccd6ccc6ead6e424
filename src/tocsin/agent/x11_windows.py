"""Small dealings with X11 windows: their names and types, painting, where they stand and what stands over them."""

import os
import socket
from dataclasses import dataclass
from typing import Any

from PIL import Image
from Xlib import X, Xatom, display
from Xlib.error import XError
from Xlib.protocol import event

from tocsin.model import Rect

EVERY_DESKTOP = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Place:
    """Whether a window can be seen, and where on the screen it stands."""

    viewable: bool
    box: Rect


class Stack:
    """What is above what on one display."""

    def __init__(self, connection: display.Display) -> None:
        self._display = connection
        self._root = connection.screen().root
        self.managed = self._has_manager()

    def place(self, window: Any) -> Place | None:
        """Return where a window is, or None when it no longer exists."""
        try:
            state = window.get_attributes().map_state
            shape = window.get_geometry()
            at = self._root.translate_coords(window, 0, 0)
        except XError:
            return None
        return Place(state == X.IsViewable, Rect(at.x, at.y, shape.width, shape.height))

    def covered(self, window: Any, own: frozenset[int]) -> bool:
        """Say whether another program's window stands over a part of ``window``."""
        place = self.place(window)
        if place is None:
            return False
        frames = {self._frame(number) for number in own}
        children = self._root.query_tree().children
        numbers = [child.id for child in children]
        mine = self._frame(window.id)
        if mine not in numbers:
            return False
        return any(
            child.id not in frames and self._over(child, place.box) for child in children[numbers.index(mine) + 1 :]
        )

    def undo_tricks(self, window: Any) -> None:
        """Take back what another program may do to make a window invisible while it is mapped."""
        opacity = self._display.get_atom("_NET_WM_WINDOW_OPACITY")
        if window.get_full_property(opacity, X.AnyPropertyType) is not None:
            window.delete_property(opacity)
        if self._display.has_extension("SHAPE"):
            from Xlib.ext import shape

            extents = window.shape_query_extents()
            if extents.bounding_shaped:
                window.shape_mask(shape.SO.Set, shape.SK.Bounding, 0, 0, X.NONE)

    def to_every_desktop(self, window: Any) -> None:
        """Ask the window manager to show a window on every desktop, wherever somebody sent it."""
        kind = self._display.get_atom("_NET_WM_DESKTOP")
        asked = event.ClientMessage(window=window, client_type=kind, data=(32, [EVERY_DESKTOP, 2, 0, 0, 0]))
        self._root.send_event(asked, event_mask=X.SubstructureRedirectMask | X.SubstructureNotifyMask)

    def _over(self, other: Any, box: Rect) -> bool:
        try:
            state = other.get_attributes()
            if state.map_state != X.IsViewable or state.win_class != X.InputOutput:
                return False
            shape = other.get_geometry()
        except XError:
            return False
        beside = shape.x >= box.right or shape.x + shape.width <= box.x
        return not (beside or shape.y >= box.bottom or shape.y + shape.height <= box.y)

    def _frame(self, number: int) -> int:
        """Return the child of the root that holds a window: itself, or the frame a window manager gave it."""
        window = self._display.create_resource_object("window", number)
        try:
            while (parent := window.query_tree().parent) and parent.id != self._root.id:
                window = parent
        except XError:
            return number
        return int(window.id)

    def _has_manager(self) -> bool:
        """Say whether a window manager that follows EWMH runs."""
        atom = self._display.get_atom("_NET_SUPPORTING_WM_CHECK")
        found = self._root.get_full_property(atom, Xatom.WINDOW)
        if found is None or not len(found.value):
            return False
        try:
            child = self._display.create_resource_object("window", found.value[0])
            again = child.get_full_property(atom, Xatom.WINDOW)
        except XError:
            return False
        return again is not None and again.value[0] == found.value[0]


def dress(connection: display.Display, window: Any, name: str, title: str, kind: str, icon: Image.Image) -> None:
    """Give a window its real name, class, icon and process, and ask that it stays above and on every desktop."""
    atom = connection.get_atom
    window.set_wm_name(title.encode("latin-1", "replace").decode("latin-1"))
    window.set_wm_class(name.lower(), name)
    window.set_wm_protocols([atom("WM_DELETE_WINDOW")])
    window.set_wm_client_machine(socket.gethostname())
    window.change_property(atom("_NET_WM_NAME"), atom("UTF8_STRING"), 8, title.encode())
    window.change_property(atom("_NET_WM_PID"), Xatom.CARDINAL, 32, [os.getpid()])
    kinds = [atom(f"_NET_WM_WINDOW_TYPE_{kind}")]
    window.change_property(atom("_NET_WM_WINDOW_TYPE"), Xatom.ATOM, 32, kinds)
    states = [atom("_NET_WM_STATE_ABOVE"), atom("_NET_WM_STATE_STICKY")]
    window.change_property(atom("_NET_WM_STATE"), Xatom.ATOM, 32, states)
    window.change_property(atom("_NET_WM_DESKTOP"), Xatom.CARDINAL, 32, [EVERY_DESKTOP])
    rgba = icon.convert("RGBA").tobytes("raw", "BGRA")
    pixels = [int.from_bytes(rgba[i : i + 4], "little") for i in range(0, len(rgba), 4)]
    window.change_property(atom("_NET_WM_ICON"), Xatom.CARDINAL, 32, [icon.width, icon.height, *pixels])


def reserve_top(connection: display.Display, window: Any, width: int, height: int) -> None:
    """Ask a window manager to keep other windows out of the strip at the top."""
    atom = connection.get_atom
    window.change_property(atom("_NET_WM_STRUT"), Xatom.CARDINAL, 32, [0, 0, height, 0])
    partial = [0, 0, height, 0, 0, 0, 0, 0, 0, width - 1, 0, 0]
    window.change_property(atom("_NET_WM_STRUT_PARTIAL"), Xatom.CARDINAL, 32, partial)


def paint(connection: display.Display, window: Any, image: Image.Image) -> None:
    """Make a picture the window's background: the server shows it again whenever it was hidden."""
    pixmap = window.create_pixmap(image.width, image.height, connection.screen().root_depth)
    context = pixmap.create_gc()
    pixmap.put_pil_image(context, 0, 0, image.convert("RGB"))
    window.change_attributes(background_pixmap=pixmap)
    window.clear_area(0, 0, 0, 0)
    context.free()
    pixmap.free()
