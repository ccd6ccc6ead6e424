"""The screen sensor on a real X server, with drawn windows and with a real Chromium."""

import contextlib
import os
import shutil
import subprocess
import threading
import time

import pytest
from Xlib import X

from tocsin.agent.sensors.screen import ScreenSensor
from tocsin.agent.sensors.x11 import X11Display
from tocsin.model import NotScanned, StateSeen, SystemClock, TextSeen


class Listener:
    def __init__(self, sensor: ScreenSensor) -> None:
        self.sensor, self.seen, self._changed = sensor, [], threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for seen in self.sensor.observations():
            with self._changed:
                self.seen.append(seen)
                self._changed.notify_all()

    def texts(self) -> list[str]:
        return [line.text for seen in list(self.seen) if isinstance(seen.body, TextSeen) for line in seen.body.lines]

    def wait(self, condition, seconds: float = 60.0) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, seconds), self.seen

    def of(self, text: str):
        return next(
            s for s in self.seen if isinstance(s.body, TextSeen) and any(line.text == text for line in s.body.lines)
        )


@pytest.fixture
def watch(x_server, line_reader):
    with contextlib.ExitStack() as stack:

        def start(excluded=set) -> Listener:
            sensor = ScreenSensor(X11Display(x_server), line_reader, SystemClock(), excluded)
            stack.callback(sensor.close)
            listener = Listener(sensor)
            wait_for(lambda: sensor.stats().looks > 0)
            return listener

        yield start


def wait_for(condition, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_new_line_is_told_with_its_window_and_only_once(watch, painter, draw):
    window = painter.window(100, 50, 640, 240, "(3) Chat")
    painter.paint(window, draw((20, 20, "this was here before", "black")))
    listener = watch()
    listener.wait(lambda: "this was here before" in listener.texts())
    painter.paint(window, draw((20, 20, "see you at five", "white"), ground="#0b5cff", size=(300, 60)), 200, 100)
    listener.wait(lambda: "see you at five" in listener.texts())
    seen = listener.of("see you at five")
    assert (seen.app, seen.title, seen.body.frame.x) == ("Demo", "(3) Chat", 100)
    (line,) = seen.body.lines
    assert line.fill == (11, 92, 255)
    assert 318 <= line.box.x <= 325
    assert seen.thread == listener.of("this was here before").thread
    painter.paint(window, draw((20, 20, "and now the end", "black"), size=(300, 60)), 0, 180)
    listener.wait(lambda: "and now the end" in listener.texts())
    assert len(listener.texts()) == 3
    assert listener.sensor.picture(line.box).startswith(b"\x89PNG")


def test_a_chat_is_the_same_one_after_the_sensor_starts_again(watch, painter, draw):
    window = painter.window(100, 100, 640, 240, "Chat with Mia")
    painter.paint(window, draw((20, 40, "how was the game?", "black")))
    threads = set()
    for _ in range(2):
        listener = watch()
        listener.wait(lambda: "how was the game?" in listener.texts())  # noqa: B023 the wait ends within the loop
        threads.add(listener.of("how was the game?").thread)
        listener.sensor.close()
    assert len(threads) == 1


def test_the_agents_own_windows_are_not_read_nor_pictured(watch, painter, draw):
    own: set[int] = set()
    listener = watch(lambda: own)
    notice = painter.window(0, 0, 640, 100, "Notice")
    own.add(notice.id)
    painter.paint(notice, draw((20, 20, "this device is supervised", "black"), size=(640, 100)))
    other = painter.window(0, 200, 640, 100, "Other")
    painter.paint(other, draw((20, 20, "ordinary words", "black"), size=(640, 100)))
    listener.wait(lambda: "ordinary words" in listener.texts())
    painter.paint(notice, draw((20, 20, "still supervised", "black"), size=(640, 100)))
    painter.paint(other, draw((20, 60, "more words", "black"), size=(640, 100)))
    listener.wait(lambda: "more words" in listener.texts())
    assert not [text for text in listener.texts() if "supervised" in text]


def test_text_belongs_to_the_window_on_top_not_to_the_focused_one(watch, painter, draw):
    listener = watch()
    below = painter.window(0, 0, 640, 400, "Below")
    above = painter.window(300, 100, 300, 100, "Above")
    below.set_input_focus(X.RevertToParent, X.CurrentTime)
    painter.paint(above, draw((20, 20, "words above", "black"), size=(300, 100)))
    painter.paint(below, draw((20, 20, "words below", "black"), size=(640, 100)), 0, 250)
    listener.wait(lambda: {"words above", "words below"} <= set(listener.texts()))
    assert listener.of("words above").title == "Above"
    assert listener.of("words below").title == "Below"


def test_a_black_screen_and_its_return_are_told(watch, painter, draw):
    listener = watch()
    curtain = painter.window(0, 0, 1280, 900, "Curtain")
    gc = curtain.create_gc(foreground=0)
    curtain.fill_rectangle(gc, 0, 0, 1280, 900)
    painter.display.sync()

    def states():
        return [s.body.state for s in listener.seen if isinstance(s.body, StateSeen)]

    listener.wait(lambda: "screen-black" in states())
    curtain.destroy()
    white = painter.window(0, 0, 1280, 900, "White")
    painter.paint(white, draw((20, 20, "back again", "black")))
    listener.wait(lambda: "screen-back" in states() and "back again" in listener.texts())


def test_a_server_that_ends_is_told(line_reader, serve):
    name, server = serve()
    sensor = ScreenSensor(X11Display(name), line_reader, SystemClock())
    listener = Listener(sensor)
    wait_for(lambda: sensor.stats().looks > 0)
    server.terminate()
    server.wait(60)
    listener.wait(lambda: any(isinstance(s.body, StateSeen) and s.body.state == "screen-lost" for s in listener.seen))
    assert not any(isinstance(s.body, NotScanned) for s in listener.seen)
    sensor.close()


PAGE = """<meta charset=utf-8><title>Chat</title><body style="margin:0;background:#111b21;font:16px sans-serif">
<style>div div{margin:8px} div div:nth-child(2n){text-align:right} div div:nth-child(2n) span{background:#005c4b}
span{display:inline-block;padding:7px 12px;border-radius:16px;background:#202c33;color:#fff}</style>
<div id=c style="height:600px;overflow:auto"></div><script>
let i=0; const words=WORDS;
function add(){const d=document.createElement('div'), s=document.createElement('span');
s.textContent=words[i]; d.append(s); c.append(d); c.scrollTop=1e9; if(++i<words.length)setTimeout(add,400)}
setTimeout(add,300)</script>"""


@pytest.mark.e2e
def test_every_line_of_a_real_chat_is_read(watch, x_server, tmp_path):
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine")
    words = [
        *("did you finish the maths homework?", "almost, question 7 is hard", "mañana voy al colegio temprano"),
        *("¿a qué hora llega el autobús?", "kumain ka na ba ng tanghalian?", "yes, at 12:30 with my cousins"),
        *("it costs $25, or less", "ok", "see you on Monday then", "salamat sa tulong mo kanina"),
    ]
    page = tmp_path / "page.html"
    page.write_text(PAGE.replace("WORDS", repr(words)), "utf-8")
    flags = ["--no-sandbox", "--test-type", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-sync", "--disable-component-update", f"--user-data-dir={tmp_path}/user"]
    flags += ["--window-position=0,0", "--window-size=900,700", f"--app=file://{page}"]
    listener = watch()
    chromium = subprocess.Popen(
        [browser, *flags],
        env={**os.environ, "DISPLAY": x_server},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        listener.wait(lambda: set(words) <= set(listener.texts()), 60)
        assert [text for text in listener.texts() if text in words] == words
        assert listener.of("ok").app.lower().startswith("chrom")
        assert listener.sensor.stats().lines_dropped == 0
    finally:
        chromium.terminate()
        chromium.wait(60)
