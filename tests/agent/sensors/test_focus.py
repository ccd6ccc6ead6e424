import threading

from Xlib import X, display

from tocsin.agent.sensors.focus import FocusSensor
from tocsin.agent.sensors.x11 import X11Display
from tocsin.model import Kind, SystemClock


def test_application_and_title_are_told_and_the_agents_own_window_is_not(x_server):
    program = display.Display(x_server)
    screen = program.screen()

    def window(title):
        made = screen.root.create_window(0, 0, 50, 50, 0, screen.root_depth)
        made.set_wm_name(title)
        made.set_wm_class("demo", "Demo")
        made.map()
        program.sync()
        made.set_input_focus(X.RevertToParent, X.CurrentTime)
        program.sync()
        return made

    excluded: set[int] = set()
    sensor = FocusSensor(X11Display(x_server), SystemClock(), lambda: excluded)
    first = window("Notes")
    seen = sensor.observations()
    one = next(seen)
    assert (one.kind, one.app, one.title) == (Kind.STATE, "Demo", "Notes")
    assert one.body.detail == ()
    own = screen.root.create_window(0, 0, 50, 50, 0, screen.root_depth)
    excluded.add(own.id)
    own.map()
    program.sync()
    first.set_wm_name("Letters")
    first.set_input_focus(X.RevertToParent, X.CurrentTime)
    program.sync()
    assert next(seen).title == "Letters"
    threading.Timer(0.05, sensor.close).start()
    assert list(seen) == []
    program.close()
