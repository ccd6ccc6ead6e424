import json
import os
import signal
import subprocess
import sys

import pytest
from PIL import Image, ImageDraw, ImageFont

from tocsin.agent.sensing import open_senses
from tocsin.agent.x11_windows import paint
from tocsin.model import SystemClock
from tocsin.placement.config import Folders
from tocsin.placement.enrol import enrol


def show(screen, *lines, y=80, title="Notes"):
    """Put a program's window with text on the screen."""
    window = screen.root.create_window(40, y, 800, 200, 0, 24, override_redirect=True)
    window.set_wm_name(title)
    window.set_wm_class("notes", "Notes")
    image = Image.new("RGB", (800, 200), "white")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((20, 20 + 40 * number), line, "black", font=ImageFont.load_default(20))
    paint(screen.connection, window, image)
    window.map()
    screen.connection.sync()
    return window


def test_where_there_is_no_screen_to_watch_that_is_said(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    senses = open_senses(frozenset, None)
    assert senses.unsupported[0][0] == "no-display"
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    senses = open_senses(frozenset, ":0")
    assert senses.unsupported[0][0] == "wayland"
    assert "Wayland" in senses.unsupported[0][1]
    assert "screen" not in [name for name, _ in senses.sensors]


@pytest.fixture
def run_agent(tmp_path, screen):
    """Start the real ``tocsin agent run`` in a process of its own."""
    started = []

    def start(folders, *wrapper):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("WAYLAND", "XDG_SESSION"))}
        environment |= {"DISPLAY": screen.name}
        code = "from tocsin.cli import main; main()"
        argv = [sys.executable, "-c", "\n".join((*wrapper, code)), "agent", "run", "--data", str(folders.data)]
        log = (tmp_path / "agent.log").open("ab")
        started.append(subprocess.Popen(argv, env=environment, stdout=log, stderr=log))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(60)


def accept(screen, folders, until):
    def box():
        try:
            return json.loads(folders.status.read_text())["accept"]
        except (OSError, ValueError, KeyError):
            return None

    until(box, what="the question")
    x, y, w, h = box()
    screen.click(x + w // 2, y + h // 2)


CONNECTIONS = """
import sys, os
def watch(event, args):
    if event == "socket.connect":
        with open(os.environ["DATA"] + "/../connections.txt", "a") as file:
            file.write(repr(args[1]) + "\\n")
    if event == "socket.bind":
        with open(os.environ["DATA"] + "/../connections.txt", "a") as file:
            file.write("serves at " + repr(args[1]) + "\\n")
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        with open(os.environ["DATA"] + "/../connections.txt", "a") as file:
            file.write("resolve " + repr(args[0]) + "\\n")
sys.addaudithook(watch)
"""


@pytest.mark.e2e
def test_the_real_agent_reads_a_real_screen_survives_kill_9_and_speaks_to_its_hub_only(
    tmp_path, hub, screen, signed_order, run_agent, until, monkeypatch
):
    folders = Folders(tmp_path / "agent")
    enrol(hub.url, "good-token", signed_order(), folders, SystemClock())
    monkeypatch.setenv("DATA", str(folders.data))
    process = run_agent(folders, CONNECTIONS)
    until(lambda: "shown" in [n["state"] for n in hub.of("notice")])
    assert hub.of("finding") == []
    accept(screen, folders, until)
    until(lambda: "in-force" in [o["state"] for o in hub.of("order")])
    window = show(screen, "an ordinary line about the garden", title="New Tab - Google Chrome (Incognito)")
    until(lambda: hub.of("finding"), what="a finding about the private window")
    until(lambda: hub.blobs)
    finding = hub.of("finding")[0]
    assert finding["signals"][0]["name"] == "private-window"
    assert finding["verdicts"][0]["clause"] == "5"
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    window.destroy()
    again = run_agent(folders, CONNECTIONS)
    until(lambda: len(hub.of("start")) == 2)
    assert hub.of("start")[1]["boot_reason"] == "killed"
    until(lambda: "kill" in [g["reason"] for g in hub.of("gap")])
    until(lambda: len(hub.of("order")) == 2)
    again.send_signal(signal.SIGTERM)
    assert again.wait(60) == 0
    assert hub.of("stop")[-1]["reason"] == "signal"
    for path in folders.data.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert b"garden" not in data, path
            assert b"Incognito" not in data, path
    assert not any(b"Incognito" in body or b"garden" in body for body in hub.bodies)
    seen = set((tmp_path / "connections.txt").read_text().splitlines())
    others = {line for line in seen if not line.startswith(("'/tmp/.X11-unix", "b'/tmp/.X11", "'\\x00/tmp/.X11"))}
    assert others <= {repr(("127.0.0.1", hub.port)), "resolve '127.0.0.1'", "resolve b'127.0.0.1'"}
