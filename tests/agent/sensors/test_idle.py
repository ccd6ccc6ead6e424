from Xlib import X, display
from Xlib.ext import xtest

from tocsin.agent.sensors.idle import IdleClock


def test_a_display_that_is_not_there_gives_no_clock():
    assert IdleClock.open(":98765") is None


def test_a_key_ends_the_idle_time(x_server):
    clock = IdleClock.open(x_server)
    assert clock is not None
    keyboard = display.Display(x_server)
    for press in (X.KeyPress, X.KeyRelease):
        xtest.fake_input(keyboard, press, 38)
    keyboard.sync()
    value = clock.milliseconds()
    assert value is not None
    assert 0 <= value < 5000
    keyboard.close()
    clock.close()
    assert clock.milliseconds() is None
