"""How long nobody has touched keyboard or pointer, from the X server (MIT-SCREEN-SAVER through libXss)."""

import ctypes
import ctypes.util
from typing import Any


class _Info(ctypes.Structure):
    _fields_ = (
        ("window", ctypes.c_ulong),
        ("state", ctypes.c_int),
        ("kind", ctypes.c_int),
        ("since", ctypes.c_ulong),
        ("idle", ctypes.c_ulong),
        ("mask", ctypes.c_ulong),
    )


class IdleClock:
    """Milliseconds since the last input. Belongs to the thread that opened it."""

    def __init__(self, x: Any, xss: Any, display: Any) -> None:
        """Hold libraries and a display; use ``open``."""
        self._x, self._xss, self._display = x, xss, display
        self._info = xss.XScreenSaverAllocInfo()

    @classmethod
    def open(cls, name: str) -> "IdleClock | None":
        """Return a clock for the named display, or None where libXss or the extension is missing."""
        x_name, xss_name = ctypes.util.find_library("X11"), ctypes.util.find_library("Xss")
        if not x_name or not xss_name:
            return None
        try:
            x, xss = ctypes.CDLL(x_name), ctypes.CDLL(xss_name)
        except OSError:
            return None
        x.XOpenDisplay.restype = ctypes.c_void_p
        x.XOpenDisplay.argtypes = (ctypes.c_char_p,)
        x.XDefaultRootWindow.restype = ctypes.c_ulong
        x.XDefaultRootWindow.argtypes = (ctypes.c_void_p,)
        x.XCloseDisplay.argtypes = (ctypes.c_void_p,)
        x.XFree.argtypes = (ctypes.c_void_p,)
        xss.XScreenSaverAllocInfo.restype = ctypes.POINTER(_Info)
        xss.XScreenSaverQueryInfo.argtypes = (ctypes.c_void_p, ctypes.c_ulong, ctypes.POINTER(_Info))
        display = x.XOpenDisplay(name.encode())
        return cls(x, xss, display) if display else None

    def milliseconds(self) -> int | None:
        """Return milliseconds since the last input, or None when the server does not tell."""
        root = self._x.XDefaultRootWindow(self._display)
        if not self._xss.XScreenSaverQueryInfo(self._display, root, self._info):
            return None
        return int(self._info.contents.idle)

    def close(self) -> None:
        """Close the connection."""
        self._x.XFree(self._info)
        self._x.XCloseDisplay(self._display)
