import threading

import pytest
from Xlib import X, display

from tocsin.agent.sensors.x11 import DisplayError, X11Display
from tocsin.model import Rect


class Program:
    """Another program with windows."""

    def __init__(self, name: str) -> None:
        self.display = display.Display(name)
        self.display.set_error_handler(lambda *_: None)  # a test may have destroyed a window itself
        self.screen = self.display.screen()
        self.made = []

    def window(self, x, y, w, h, title, colour=0xFF0000):
        made = self.screen.root.create_window(x, y, w, h, 0, self.screen.root_depth, background_pixel=colour)
        made.set_wm_name(title)
        made.set_wm_class("demo", "Demo")
        made.map()
        self.display.sync()
        self.made.append(made)
        return made

    def close(self):
        """Take all windows off the screen before the next test looks at it: the server does so only a while later."""
        for window in self.made:
            window.destroy()
        self.display.sync()
        self.display.close()


@pytest.fixture
def program(x_server):
    made = Program(x_server)
    yield made
    made.close()


@pytest.fixture
def watcher(x_server):
    made = X11Display(x_server)
    yield made
    made.close()


def test_a_display_that_is_not_there_is_a_clear_sentence():
    with pytest.raises(DisplayError, match="cannot be opened"):
        X11Display(":98765")


def test_damage_pixels_and_owner_of_a_new_window(watcher, program):
    watcher.watch()
    watcher.sync()
    watcher.damaged()
    window = program.window(100, 50, 200, 80, "One")
    assert watcher.wait(60)
    watcher.sync()
    rects = watcher.damaged()
    assert any(r.x <= 100 and r.y <= 50 and r.right >= 300 and r.bottom >= 130 for r in rects)
    assert tuple(watcher.grab(Rect(150, 60, 2, 2))[0, 0, :3]) == (0, 0, 255)
    [owner] = watcher.stack()
    assert (owner.app, owner.title, owner.rect) == ("Demo", "One", Rect(100, 50, 200, 80))
    assert owner.id == window.id


def test_parts_of_an_area_belong_to_what_is_on_top_there(watcher, program):
    watcher.watch()
    under = program.window(0, 0, 400, 400, "Under")
    over = program.window(100, 100, 100, 100, "Over")
    watcher.sync()
    watcher.damaged()
    parts = {w.id if w else 0: rects for w, rects in watcher.owners(Rect(50, 50, 400, 100))}
    assert parts[over.id] == [Rect(100, 100, 100, 50)]
    assert sum(r.w * r.h for r in parts[under.id]) == 350 * 100 - 5000
    assert sum(r.w * r.h for r in parts[0]) == 50 * 100
    beneath = next(w for w in watcher.stack() if w.id == under.id)
    assert watcher.covered(beneath, Rect(0, 0, 300, 300)) == [Rect(100, 100, 100, 100)]


def test_a_new_title_is_noticed(watcher, program):
    watcher.watch()
    window = program.window(0, 0, 50, 50, "Before")
    watcher.sync()
    watcher.damaged()
    assert watcher.stack()[0].title == "Before"
    window.set_wm_name("After")
    program.display.sync()
    watcher.sync()
    watcher.damaged()
    assert watcher.stack()[0].title == "After"


def test_the_focused_window_is_active_without_a_window_manager(watcher, program):
    first = program.window(0, 0, 50, 50, "First")
    program.window(60, 0, 50, 50, "Second")
    first.set_input_focus(X.RevertToParent, X.CurrentTime)
    program.display.sync()
    assert watcher.active().title == "First"


def test_wake_ends_a_wait(watcher):
    timer = threading.Timer(0.05, watcher.wake)
    timer.start()
    watcher.watch()
    watcher.sync()
    watcher.damaged()
    assert watcher.wait(60)
    timer.join()


def test_monitors_cover_the_screen(watcher):
    assert watcher.monitors() == [Rect(0, 0, 1280, 900)]
    assert watcher.size() == (1280, 900)
