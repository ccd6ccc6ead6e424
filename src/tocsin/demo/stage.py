"""The whole road on one machine: a hub process, a virtual desktop, an enrolled agent whose notice is really clicked."""

import contextlib
import json
import random
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.demo import cast, certificate, listing, picture
from tocsin.demo.desktop import Desktop, DesktopError, until
from tocsin.demo.processes import Processes
from tocsin.demo.web import Pages
from tocsin.hub.settings import HubSettings
from tocsin.hub.store import Store
from tocsin.hub.store.schema import Alert, Device
from tocsin.model import SystemClock
from tocsin.placement import enrol
from tocsin.placement.config import Folders, PlacementError
from tocsin.placement.config import load as load_config

_PORTS = range(20_000, 32_000)
_PATIENCE_S = 120.0


class Stage:
    """Everything real but the script. Use as a context manager: leaving it stops all and removes what it made.

    ``tls`` serves the hub with a throw-away certificate; ``port`` 0 takes a free one; ``keep`` leaves ``data``.
    """

    def __init__(
        self, data: Path | None = None, *, port: int = 0, tls: bool = False, width: int = 1280, height: int = 800
    ) -> None:
        self.keep = data is not None
        self.data = data or Path(tempfile.mkdtemp(prefix="tocsin-stage-"))
        self.data.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.certificate: tuple[Path, Path] | None = certificate.loopback(self.data) if tls else None
        self.processes = Processes()
        self.desktop = Desktop(width, height)
        self.pages = Pages(picture=self.desktop.picture, console=self.url, downloads=self.home / "Downloads")
        self.hub: subprocess.Popen[bytes] | None = None
        self.agent: subprocess.Popen[bytes] | None = None
        self.cast: cast.Cast
        self._store: Store | None = None

    def __enter__(self) -> Self:
        """Start nothing yet: the steps are called one by one, so that each can be told to whoever watches."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop everything."""
        self.close()

    def close(self) -> None:
        """Stop the agent first, so that its last words reach the hub; then the rest."""
        if self.agent is not None:
            self.processes.stop(self.agent)
        self.desktop.close()
        self.processes.close()
        self.pages.close()
        if self._store is not None:
            self._store.close()
        if not self.keep:
            shutil.rmtree(self.data, ignore_errors=True)

    @property
    def url(self) -> str:
        """The hub's address."""
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    @property
    def agent_data(self) -> Path:
        """Where the agent keeps its things."""
        return self.data / "agent"

    @property
    def home(self) -> Path:
        """The home folder of whoever is at the supervised computer."""
        return self.data / "home"

    def prepare(self, template: str = "uk-shpo") -> None:
        """Make people, keys, order, token and a hash list with one harmless picture.

        Those of an earlier demonstration in the same folder are taken up.
        """
        for folder in (self.home, self.home / "Downloads"):
            folder.mkdir(exist_ok=True)
        listing.make(self.data / "hub" / "lists" / "demo", picture.jpeg())
        kept = self.data / "cast.json"
        if kept.is_file():
            self.cast = cast.read(kept)
            return
        self.cast = cast.prepare(self.data / "hub", self.data / "keys", template)
        cast.write(self.cast, kept)

    def start_hub(self) -> None:
        """Start the hub and wait until it is well. Raises DesktopError with its own words when it does not come up."""
        if not port_is_free(self.port):
            raise DesktopError(f"port {self.port} is in use; choose another with --port")
        argv = [sys.executable, "-m", "tocsin", "up", "--data", str(self.data / "hub"), "--port", str(self.port)]
        if self.certificate:
            argv += ["--tls-cert", str(self.certificate[0]), "--tls-key", str(self.certificate[1])]
        hub = self.hub = self.processes.start(argv, log=self.data / "hub.log")
        until(lambda: hub.poll() is not None or self.answers("/healthz"), _PATIENCE_S, "the hub's start")
        if hub.poll() is not None:
            raise DesktopError(f"the hub did not start: {last_words(self.data / 'hub.log')}")

    def enrol(self, label: str = "home-laptop") -> None:
        """Enrol this machine's virtual desktop with the one-time token and the signed order, unless it is already."""
        folders = Folders(self.agent_data)
        if folders.config.exists():
            known = load_config(folders).hub
            if known != self.url:
                raise PlacementError(
                    f"The computer in {self.data} is enrolled at {known}; use that port again, or another --data."
                )
            return
        enrol.enrol(
            self.url,
            self.cast.token,
            self.cast.order_file.read_text(),
            folders,
            SystemClock(),
            roots=[self.cast.root],
            label=label,
        )

    def start_agent(self) -> "subprocess.Popen[bytes]":
        """Start the agent on the virtual desktop."""
        argv = [sys.executable, "-m", "tocsin", "agent", "run", "--data", str(self.agent_data)]
        home = {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / ".config")}
        self.agent = self.desktop.start(argv, log=self.data / "agent.log", **home)
        return self.agent

    def accept_notice(self, seconds: float = _PATIENCE_S) -> None:
        """Read where the notice's Accept button is on the screen, and press it with a real click.

        A computer whose notice was accepted in an earlier demonstration shows its bar without asking again.
        """
        agent = self.agent
        if agent is None:
            raise DesktopError("the agent has not been started")
        asked = not Folders(self.agent_data).accepted.exists()
        button, _ = until(lambda: self._answer(agent, asked), seconds, "the agent's notice")
        if button is None:
            if agent.poll() is not None:
                raise DesktopError(f"the agent did not start: {last_words(self.data / 'agent.log')}")
            return
        self.desktop.click(*button)
        until(lambda: self._button() is None, seconds, "the end of the first notice after Accept")

    def private_window(self) -> "subprocess.Popen[bytes]":
        """Open a private browser window on the virtual desktop, over the chat."""
        return self.desktop.browse(self.pages.url + "/bus.html", "--incognito", app=False)

    def answers(self, path: str) -> bool:
        """Say whether the hub answers a request with success."""
        try:
            return bool(self.fetch(path)[0] == 200)
        except OSError:
            return False

    def fetch(self, path: str) -> tuple[int, bytes]:
        """Get a page of the hub without signing in. Raises OSError when nobody answers."""
        context = ssl.create_default_context(cafile=str(self.certificate[0])) if self.certificate else None
        try:
            with urllib.request.urlopen(self.url + path, timeout=_PATIENCE_S, context=context) as answer:  # noqa: S310
                return int(answer.status), bytes(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read()

    def status(self) -> dict[str, Any]:
        """Return what the running agent says of itself, empty before it has."""
        try:
            found: dict[str, Any] = json.loads(Folders(self.agent_data).status.read_text())
        except (OSError, ValueError):
            return {}
        return found

    def alerts(self) -> int:
        """Return how many alerts the hub holds."""
        with self._reading() as session:
            return int(session.scalar(select(func.count()).select_from(Alert)) or 0)

    def health(self) -> str:
        """Return what the device's last heartbeat at the hub said of itself, empty before the first."""
        with self._reading() as session:
            device = session.scalars(select(Device)).first()
            return str(device.health.get("state", "")) if device is not None else ""

    def _reading(self) -> AbstractContextManager[Session]:
        if self._store is None:
            self._store = Store(HubSettings(data=self.data / "hub").store)
        return self._store.reading()

    def _answer(self, agent: "subprocess.Popen[bytes]", asked: bool) -> tuple[tuple[int, int] | None, bool] | None:
        """Return the button and True once it shows, or None and True once there will be none; None while waiting."""
        button = self._button()
        if button is not None:
            return button, True
        shown = not asked and any(width >= self.desktop.width for _, _, _, width, _ in self.desktop.windows())
        return (None, True) if agent.poll() is not None or shown else None

    def _button(self) -> tuple[int, int] | None:
        """Return the middle of the Accept button, as the notice's own window publishes it."""
        return self.desktop.published("_TOCSIN_ACCEPT")


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """Return a loopback port that nobody uses now, below those that systems give to outgoing connections.

    So no connection of a browser or an agent takes it before the server that it is meant for does, or while that
    server is started again.
    """
    for port in random.sample(_PORTS, 1000):
        with socket.socket(type=kind) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise DesktopError("no free port was found; choose one with --port")


def port_is_free(port: int) -> bool:
    """Say whether a loopback port can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def last_words(log: Path) -> str:
    """Return the last line a program wrote before it ended."""
    lines = log.read_text(errors="replace").strip().splitlines() if log.is_file() else []
    return lines[-1] if lines else "it said nothing"
