"""Wayland sessions are unsupported, and said to be: a program there cannot see other programs' windows."""

import os
from collections.abc import Mapping

from tocsin.model import NotScanned

SENTENCE = (
    "This session runs on Wayland, where a program cannot see other programs' windows: the screen is not watched. "
    "Log in to an X11 (Xorg) session to have it watched."
)
NO_DISPLAY = "This session has no X11 display, so there is no screen to watch."


def unsupported(environment: Mapping[str, str] = os.environ) -> NotScanned | None:
    """Return why the screen of this session cannot be watched, or None where it can (X11).

    An X display inside a Wayland session (XWayland) shows only some windows, so it does not count as X11.
    """
    kind = environment.get("XDG_SESSION_TYPE", "").lower()
    if environment.get("WAYLAND_DISPLAY") or kind == "wayland":
        return NotScanned("unsupported", SENTENCE)
    if not environment.get("DISPLAY"):
        return NotScanned("unsupported", NO_DISPLAY)
    return None
