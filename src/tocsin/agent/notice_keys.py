"""What mouse and keyboard do in the first-run window. Neither button has focus at first, so that keys typed for
something else accept nothing."""

from dataclasses import replace
from typing import Any

from PIL import Image
from Xlib import XK, X

from tocsin.agent import notice_art
from tocsin.agent.notice import Words
from tocsin.model import Rect

_STEP = 60
_BACK_TAB = 0xFE20  # ISO_Left_Tab: Shift and Tab


class Buttons:
    """The state of the window: scroll, focus, pointer. ``handle`` returns accepted, declined or nothing."""

    def __init__(self, words: Words, box: Rect) -> None:
        self._words, self._box = words, box
        self.look = notice_art.Look()
        self.visible = False
        self._pressed = ""
        self._drawn = notice_art.window(words, box.w, box.h)

    @property
    def accept(self) -> Rect:
        """Where Accept stands in the window."""
        return self._drawn.accept

    @property
    def accept_on_screen(self) -> Rect:
        """Where Accept stands on the screen."""
        box = self._drawn.accept
        return Rect(self._box.x + box.x, self._box.y + box.y, box.w, box.h)

    def at(self, box: Rect) -> None:
        """Note where the window is now."""
        self._box = Rect(box.x, box.y, self._box.w, self._box.h)

    def draw(self) -> Image.Image:
        """Return the window's picture."""
        self._drawn = notice_art.window(self._words, self._box.w, self._box.h, self.look)
        return self._drawn.image

    def handle(self, event: Any, connection: Any) -> str:
        """Take a real event of the window."""
        match event.type:
            case X.MotionNotify:
                self.look = replace(self.look, hover=self._under(event))
            case X.ButtonPress if event.detail == 1:
                self._pressed = self._under(event)
            case X.ButtonPress if event.detail in (4, 5):
                self._scroll(-_STEP if event.detail == 4 else _STEP)
            case X.ButtonRelease if event.detail == 1:
                pressed, self._pressed = self._pressed, ""
                if pressed and pressed == self._under(event):
                    return _ANSWERS[pressed]
            case X.KeyPress:
                return self._key(connection.keycode_to_keysym(event.detail, 0))
        return ""

    def _key(self, key: int) -> str:
        page = max(_STEP, self._box.h // 2)
        moves = {XK.XK_Page_Down: page, XK.XK_Page_Up: -page, XK.XK_Down: _STEP, XK.XK_Up: -_STEP}
        moves |= {XK.XK_Home: -(10**6), XK.XK_End: 10**6}
        if key in moves:
            self._scroll(moves[key])
        elif key in (XK.XK_Tab, XK.XK_Left, XK.XK_Right, _BACK_TAB):
            self.look = replace(self.look, focus="decline" if self.look.focus == "accept" else "accept")
        elif key in (XK.XK_Return, XK.XK_KP_Enter, XK.XK_space) and self.look.focus:
            return _ANSWERS[self.look.focus]
        return ""

    def _scroll(self, by: int) -> None:
        self.look = replace(self.look, scroll=min(max(0, self.look.scroll + by), self._drawn.most))

    def _under(self, event: Any) -> str:
        for name, box in (("accept", self._drawn.accept), ("decline", self._drawn.decline)):
            if box.x <= event.event_x < box.right and box.y <= event.event_y < box.bottom:
                return name
        return ""


_ANSWERS = {"accept": "accepted", "decline": "declined"}
