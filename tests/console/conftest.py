"""A hub with the console on it, filled once a session by seed.py and copied for each test."""

import importlib.util
import pickle
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from clocks import START, HandClock
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tocsin.console import mount
from tocsin.hub.app import create_app
from tocsin.hub.hub import Hub
from tocsin.hub.settings import HubSettings

BASE = "http://127.0.0.1:8420"


def load_seed() -> ModuleType:
    """Import seed.py beside this file."""
    name = "tocsin_tests_console_seed"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("seed.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@dataclass
class Site:
    """The console of a seeded hub, and browsers for its people."""

    app: FastAPI
    hub: Hub
    clock: HandClock
    seeded: Any
    client: TestClient

    def get(self, who: str, path: str, **more: Any) -> httpx.Response:
        """Load a page as somebody; "" is nobody."""
        return self.client.get(
            path, headers=self._headers(who, more.pop("headers", {})), follow_redirects=False, **more
        )

    def post(self, who: str, path: str, data: dict[str, Any] | None = None, *, csrf: bool = True) -> httpx.Response:
        """Send a form as somebody, with the page's token unless ``csrf`` is false."""
        fields = dict(data or {})
        if csrf and who:
            fields["csrf"] = self.seeded.csrf[who]
        return self.client.post(path, data=fields, headers=self._headers(who, {}), follow_redirects=False)

    def _headers(self, who: str, more: dict[str, str]) -> dict[str, str]:
        cookie = {"cookie": f"tocsin_session={self.seeded.cookies[who]}"} if who else {}
        return {**cookie, **more}

    @property
    def seeded_module(self) -> ModuleType:
        """The module that seeded the hub, for more of its findings."""
        return load_seed()

    def alert(self, name: str) -> str:
        """Return the path of one of the seeded alerts."""
        return f"/alerts/{self.seeded.alerts[name]}"

    def device(self, label: str) -> str:
        """Return the path of a device."""
        return f"/devices/{self.seeded.devices[label].id}"

    def order(self, label: str) -> str:
        """Return the path of the order that a device is under."""
        return f"/orders/{self.seeded.orders[label]}"


def _app(folder: Path, clock: HandClock) -> FastAPI:
    app = create_app(HubSettings(data=folder, clock=clock, watch_s=3600))
    mount(app)
    return app


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A seeded data folder, closed, and what is in it."""
    folder = tmp_path_factory.mktemp("seeded") / "data"
    app = _app(folder, HandClock())
    hub: Hub = app.state.hub
    made = load_seed().seed(hub, START)
    made.hub = None
    hub.close()
    return folder, pickle.dumps(made)


@pytest.fixture
def site(template: tuple[Path, bytes], tmp_path: Path) -> Iterator[Site]:
    """A fresh copy of the seeded hub with its console."""
    folder, made = template
    data = tmp_path / "data"
    shutil.copytree(folder, data)
    clock = HandClock()
    app = _app(data, clock)
    client = TestClient(app, base_url=BASE)
    yield Site(app, app.state.hub, clock, pickle.loads(made), client)
    client.close()
    app.state.hub.close()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Site]:
    """A hub that nobody has set up yet."""
    clock = HandClock()
    app = _app(tmp_path / "data", clock)
    client = TestClient(app, base_url=BASE)
    yield Site(app, app.state.hub, clock, None, client)
    client.close()
    app.state.hub.close()


@pytest.fixture
def words_of() -> Callable[[httpx.Response], str]:
    """Return a page's visible words, tags and spaces reduced."""

    def read(answer: httpx.Response) -> str:
        import html

        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())

    return read
