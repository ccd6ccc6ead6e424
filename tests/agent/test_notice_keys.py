from types import SimpleNamespace

import pytest
from Xlib import XK, X

from tocsin import orders
from tocsin.agent.notice import words
from tocsin.agent.notice_keys import Buttons
from tocsin.model import Rect
from tocsin.placement.config import Config

CONFIG = Config("https://hub.example:8420", "d", "k", "u", 15.0, "", (), "00", "laptop")


@pytest.fixture
def buttons(signed_order):
    return Buttons(words(orders.verify(signed_order()), CONFIG), Rect(100, 50, 700, 500))


def press(buttons, keysym):
    connection = SimpleNamespace(keycode_to_keysym=lambda code, _: code)
    return buttons.handle(SimpleNamespace(type=X.KeyPress, detail=keysym), connection)


def mouse(buttons, kind, box, button=1):
    event = SimpleNamespace(type=kind, detail=button, event_x=box.x + 5, event_y=box.y + 5)
    return buttons.handle(event, None)


def test_enter_does_nothing_until_a_button_was_chosen(buttons):
    assert press(buttons, XK.XK_Return) == ""
    press(buttons, XK.XK_Tab)
    press(buttons, XK.XK_Tab)
    assert press(buttons, XK.XK_space) == "declined"
    press(buttons, XK.XK_Tab)
    assert press(buttons, XK.XK_Return) == "accepted"


def test_a_press_counts_where_it_is_released(buttons):
    decline = Rect(buttons.accept.x - 100, buttons.accept.y, 10, 10)
    mouse(buttons, X.ButtonPress, buttons.accept)
    assert mouse(buttons, X.ButtonRelease, decline) == ""
    mouse(buttons, X.ButtonPress, buttons.accept)
    assert mouse(buttons, X.ButtonRelease, buttons.accept) == "accepted"
    mouse(buttons, X.ButtonPress, buttons.accept, button=3)
    assert mouse(buttons, X.ButtonRelease, buttons.accept, button=3) == ""


def test_it_scrolls_within_its_text(buttons):
    for _ in range(50):
        press(buttons, XK.XK_Page_Down)
    end = buttons.look.scroll
    assert end > 0
    press(buttons, XK.XK_End)
    assert buttons.look.scroll == end
    press(buttons, XK.XK_Home)
    assert buttons.look.scroll == 0
    mouse(buttons, X.ButtonPress, buttons.accept, button=5)
    assert buttons.look.scroll > 0


def test_accept_is_found_on_the_screen(buttons):
    assert buttons.accept_on_screen.x == buttons.accept.x + 100
    buttons.at(Rect(0, 0, 1, 1))
    assert buttons.accept_on_screen.x == buttons.accept.x
