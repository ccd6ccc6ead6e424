"""A server that does not tell what is painted is asked; of the Windows and macOS adapter only its shape is shown."""

import threading

import pytest

from tocsin.agent.sensors.polling import PolledDisplay, PolledX11, open_display
from tocsin.agent.sensors.screen import ScreenSensor
from tocsin.agent.sensors.x11 import X11Display
from tocsin.model import SystemClock, TextSeen


@pytest.fixture
def silent_server(serve):
    """An X server without DAMAGE."""
    name, server = serve("-extension", "DAMAGE")
    yield name
    server.terminate()
    server.wait(60)


def test_the_best_way_that_a_server_offers_is_taken(x_server, silent_server):
    kinds = []
    for name in (x_server, silent_server):
        opened = open_display(name)
        kinds.append(type(opened))
        opened.close()
    assert kinds == [X11Display, PolledX11]


def test_a_line_is_read_where_nothing_is_told(silent_server, painter_class, line_reader, draw, until):
    painter = painter_class(silent_server)
    window = painter.window(100, 100, 640, 240, "Chat")
    sensor = ScreenSensor(open_display(silent_server), line_reader, SystemClock(), set)
    seen: list[str] = []

    def listen():
        for told in sensor.observations():
            if isinstance(told.body, TextSeen):
                seen.extend(line.text for line in told.body.lines)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    for text in ("how was the game?", "see you at five"):
        painter.paint(window, draw((20, 40, text, "black")))
        until(lambda: text in seen, what=text)  # noqa: B023 the wait ends within the loop
    sensor.close()
    thread.join(60)
    painter.close()


def test_it_has_every_public_part_of_the_x11_display():
    wanted = {name for name in vars(X11Display) if not name.startswith("_")} - {"tells_damage"}
    assert wanted <= set(dir(PolledDisplay))
