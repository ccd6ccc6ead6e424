"""A server that does not tell what is painted is asked; of the Windows and macOS adapter only its shape is shown."""

import threading
import time

import pytest
from PIL import Image
from Xlib import display

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
    server.wait(10)


def test_the_best_way_that_a_server_offers_is_taken(x_server, silent_server):
    kinds = []
    for name in (x_server, silent_server):
        opened = open_display(name)
        kinds.append(type(opened))
        opened.close()
    assert kinds == [X11Display, PolledX11]


def test_a_line_is_read_where_nothing_is_told(silent_server, line_reader, draw):
    painter = display.Display(silent_server)
    screen = painter.screen()
    window = screen.root.create_window(100, 100, 640, 240, 0, screen.root_depth, background_pixel=0xFFFFFF)
    window.set_wm_name("Chat")
    window.map()
    painter.sync()
    sensor = ScreenSensor(open_display(silent_server), line_reader, SystemClock(), set)
    seen: list[str] = []

    def listen():
        for told in sensor.observations():
            if isinstance(told.body, TextSeen):
                seen.extend(line.text for line in told.body.lines)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    for text in ("how was the game?", "see you at five"):
        pixels = draw((20, 40, text, "black"))
        window.put_pil_image(window.create_gc(), 0, 0, Image.fromarray(pixels[:, :, 2::-1].copy()))
        painter.sync()
        while text not in seen:
            assert time.monotonic() < deadline, seen
            time.sleep(0.01)
    sensor.close()
    thread.join(10)
    painter.close()


def test_it_has_every_public_part_of_the_x11_display():
    wanted = {name for name in vars(X11Display) if not name.startswith("_")} - {"tells_damage"}
    assert wanted <= set(dir(PolledDisplay))
