"""What tests of enrolled placements share: a clock to move, a disk to break, a hub to stand in, orders to sign."""

import base64
import gzip
import hashlib
import hmac
import itertools
import json
import os
import ssl
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyrage
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, settings

from tocsin import orders
from tocsin.evidence.journal import Head, JournalError, canonical, check, from_dict
from tocsin.evidence.keys import DeviceKey, verify_signature
from tocsin.evidence.sealing import new_identity
from tocsin.model import Entry
from tocsin.placement.chain import Bounds
from tocsin.placement.disk import Disk
from tocsin.placement.journal import Journal

# No timing decides a test: hypothesis would fail any example that takes 0.2 s, which on a busy machine all may.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

BOOT = "11111111-2222-3333-4444-555555555555"


class FakeClock:
    """A clock the test moves."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
        self.mono = 1_000_000_000

    def now(self) -> datetime:
        return self.at

    def monotonic_ns(self) -> int:
        return self.mono

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.mono += int(seconds * 1e9)


class PowerCut(BaseException):
    """The machine went dark: nothing after this line ran."""


class FaultyDisk(Disk):
    """A disk that fills up (``full``) or goes dark after ``cut_after`` more bytes."""

    def __init__(self) -> None:
        self.full = False
        self.cut_after: int | None = None
        self.broken_sync = False

    def create(self, path: Path, size: int) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().create(path, size)

    def replace(self, path: Path, data: bytes, mode: int = 0o600) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super().replace(path, data, mode)

    def write(self, fd: int, data: bytes, offset: int) -> None:
        if self.cut_after is not None:
            part = data[: self.cut_after]
            self.cut_after -= len(part)
            if len(part) < len(data):
                super().write(fd, part, offset)
                raise PowerCut
        super().write(fd, data, offset)

    def sync(self, fd: int) -> None:
        if self.broken_sync:
            raise OSError(5, "Input/output error")
        super().sync(fd)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk()


@pytest.fixture(scope="session")
def device_key() -> DeviceKey:
    return DeviceKey.from_seed(bytes(range(32)))


@pytest.fixture
def small() -> Bounds:
    return Bounds(segment=8192, total=6 * 8192, reserve=2048, history=1)


@pytest.fixture
def open_journal(
    tmp_path: Path, clock: FakeClock, device_key: DeviceKey, small: Bounds, disk: FaultyDisk
) -> Iterator[Callable[..., Journal]]:
    """Open (again) the journal in the test's folder."""
    opened: list[Journal] = []
    numbers = itertools.count()

    def open_(**changes: object) -> Journal:
        next(numbers)
        given = {"bounds": small, "disk": disk, "boot": BOOT} | changes
        journal = Journal(tmp_path / "journal", device_key, "device-1", clock, **given)  # type: ignore[arg-type]
        opened.append(journal)
        return journal

    yield open_
    for journal in opened:
        try:
            journal.close()
        except OSError:
            continue


class FakeHub:
    """A hub on loopback that keeps the wire's promises, or breaks them as ``faults`` say, one per request.

    A fault: a status (int), or with the hub's own error code (tuple), "close" (no answer), "half" (half an answer),
    "garbage", "forged" (a receipt of another key), "slow" (an answer after the client has given up).
    """

    def __init__(self, certificate: tuple[Path, Path] | None = None) -> None:
        self.key = DeviceKey.generate()
        self.device = "device-1"
        self.public = ""
        self.head = Head()
        self.entries: dict[int, dict[str, Any]] = {}
        self.blobs: dict[str, bytes] = {}
        self.requests: list[tuple[str, str, int]] = []
        self.bodies: list[bytes] = []
        self.faults: list[int | str] = []
        self.evidence_faults: list[int | str | tuple[int, str]] = []
        self.order_answer: dict[str, Any] | None = None
        self.lists = {"count": 1, "entries": 3, "version": "v1"}
        self.listed: dict[str, dict[str, Any]] = {}
        self.match_faults: list[Any] = []
        self.asked: list[list[dict[str, Any]]] = []
        self.enrolments: list[dict[str, Any]] = []
        self.refuse: Callable[[Entry], str] = lambda _: ""
        self.lock = threading.RLock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.url = f"https://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def take(self, raw: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        with self.lock:
            before = self.head.seq
            for item in raw:
                entry = from_dict(item)
                if self.entries.get(entry.seq) == item:
                    continue
                try:
                    said = self.refuse(entry)
                    if said:
                        raise JournalError("malformed", said)
                    self.head = check(entry, self.head, self.public, self.device)
                except JournalError as problem:
                    head = {"seq": self.head.seq, "hash": self.head.hash}
                    told = {"error": problem.code, "sentence": str(problem), "head": head, "refused_seq": entry.seq}
                    return 409, told
                self.entries[entry.seq] = item
            signed = {
                "device": self.device,
                "seq": self.head.seq,
                "hash": self.head.hash,
                "at": "2026-11-22T17:00:00.000Z",
            }
            receipt = base64.b64encode(self.key.sign(canonical(signed))).decode()
            head = {"seq": self.head.seq, "hash": self.head.hash}
            taken = self.head.seq - before
            return 200, {**signed, "head": head, "accepted": taken, "duplicates": len(raw) - taken, "receipt": receipt}

    def match(self, body: bytes, headers: Any) -> tuple[int, dict[str, Any]]:
        """Answer as the hub does: by any hash that ``listed`` knows, only to the device that signed the question."""
        signed = {
            "device": headers["X-Tocsin-Device"],
            "path": "/api/v1/match",
            "nonce": headers["X-Tocsin-Nonce"],
            "digest": hashlib.sha256(body).hexdigest(),
        }
        if not verify_signature(self.public, headers["X-Tocsin-Signature"], canonical(signed)):
            return 403, {"error": "signature", "sentence": "This device is not known here."}
        items = json.loads(body)["items"]
        with self.lock:
            self.asked.append(items)
        answers = []
        for item in items:
            prints = item["prints"]
            hashes = [prints.get("md5"), prints.get("sha256"), *(p["hex"] for p in prints.get("prints", ()))]
            found = [self.listed[value] for value in hashes if value in self.listed]
            answers.append({"id": item["id"], "matches": found})
        return 200, {"lists": self.lists, "answers": answers}

    def kinds(self) -> list[str]:
        return [entry["kind"] for _, entry in sorted(self.entries.items())]

    def of(self, kind: str) -> list[dict[str, Any]]:
        with self.lock:
            return [entry["body"] for _, entry in sorted(self.entries.items()) if entry["kind"] == kind]


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            return

        def answer(self, status: int, value: object) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def faulty(self, faults: list[Any]) -> bool:
            with hub.lock:
                fault = faults.pop(0) if faults else None
            match fault:
                case None:
                    return False
                case int():
                    self.answer(fault, {"error": "injected", "sentence": "Not now."})
                case (int(status), str(code)):
                    self.answer(status, {"error": code, "sentence": "The hub's own refusal."})
                case "close":
                    self.close_connection = True
                    self.connection.close()
                case "half":
                    self.wfile.write(b'HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{"head": {"se')
                    self.wfile.flush()
                    self.close_connection = True
                    self.connection.close()
                case "garbage":
                    self.answer(200, ["what"])
                case "forged":
                    head = {"seq": 10_000, "hash": "0" * 64}
                    self.answer(200, {"head": head, "receipt": "AAAA", "at": "now", "device": hub.device})
                case "conflict":
                    self.answer(409, {"error": "fork"})
            return True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            with hub.lock:
                hub.requests.append(("POST", self.path, len(body)))
                hub.bodies.append(body)
            if self.path == "/api/v1/match":
                if not self.faulty(hub.match_faults):
                    self.answer(*hub.match(body, self.headers))
                return
            if self.faulty(hub.faults):
                return
            raw = json.loads(body)
            if self.path == "/api/v1/enrol":
                hub.enrolments.append(raw)
                if raw["token"] != "good-token":
                    self.answer(401, {"error": "token", "sentence": "This token is not known, or was used."})
                    return
                hub.public = raw["public_key"]
                answer = {"device": hub.device, "hub_key": hub.key.public, "unit": "unit-1", "heartbeat_s": 15}
                self.answer(201, answer)
                return
            self.answer(*hub.take(raw["entries"]))

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            digest = self.path.rsplit("/", 1)[1]
            with hub.lock:
                hub.requests.append(("PUT", self.path, len(body)))
                hub.bodies.append(body)
                known = any((b.get("evidence") or {}).get("digest") == digest for b in hub.of("finding"))
            if self.faulty(hub.evidence_faults):
                return
            if not known:
                self.answer(404, {"error": "unknown", "sentence": "No entry names this evidence."})
                return
            hub.blobs[digest] = body
            self.answer(201, {"digest": digest, "stored": True})

        def do_GET(self) -> None:
            with hub.lock:
                hub.requests.append(("GET", self.path, 0))
            if hub.order_answer is None:
                self.answer(404, {"error": "unknown", "sentence": "No."})
            else:
                self.answer(200, hub.order_answer)

    return Handler


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    fake = FakeHub()
    yield fake
    fake.close()


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Path]]:
    """Make a self-signed certificate."""

    def make(name: str) -> tuple[Path, Path]:
        folder = tmp_path_factory.mktemp(name)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        cert = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=2))
            .sign(key, hashes.SHA256())
        )
        pem, private = folder / "cert.pem", folder / "key.pem"
        pem.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return pem, private

    return make


@pytest.fixture
def fake_hub_class() -> type[FakeHub]:
    return FakeHub


@pytest.fixture
def until() -> Callable[..., None]:
    """Wait for something that another thread or process does; the deadline is for what never happens."""

    def until_(condition: Callable[[], object], seconds: float = 60.0, what: str = "it") -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"{what} did not happen within {seconds} s")
            time.sleep(0.005)

    return until_


def sealed_at_little_cost(plain: bytes, passphrase: str, *, armored: bool = False) -> bytes:
    """Seal as ``pyrage.passphrase.encrypt`` does (c2sp.org/age, scrypt, armoured), at a work factor of 1.

    That library always takes about a second of work to seal, and as much to open.
    """
    assert armored
    file_key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(16)

    def plain64(data: bytes) -> bytes:
        return base64.b64encode(data).rstrip(b"=")

    def derived(salt: bytes | None, info: bytes) -> bytes:
        return HKDF(hashes.SHA256(), 32, salt, info).derive(file_key)

    label = b"age-encryption.org/v1/scrypt" + salt
    wrapping = hashlib.scrypt(passphrase.encode(), salt=label, n=2, r=8, p=1, dklen=32)
    wrapped = ChaCha20Poly1305(wrapping).encrypt(bytes(12), file_key, None)
    head = b"age-encryption.org/v1\n-> scrypt " + plain64(salt) + b" 1\n" + plain64(wrapped) + b"\n---"
    head += b" " + plain64(hmac.digest(derived(None, b"header"), head, "sha256")) + b"\n"
    body = ChaCha20Poly1305(derived(nonce, b"payload")).encrypt(bytes(11) + b"\x01", plain, None)
    lines = textwrap.wrap(base64.b64encode(head + nonce + body).decode("ascii"), 64)
    return "\n".join(["-----BEGIN AGE ENCRYPTED FILE-----", *lines, "-----END AGE ENCRYPTED FILE-----", ""]).encode()


@pytest.fixture
def cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test seal under passphrases without a second of work each time; opening is the real library's."""
    monkeypatch.setattr(pyrage.passphrase, "encrypt", sealed_at_little_cost)


@pytest.fixture(scope="session")
def authority() -> bytes:
    return orders.keygen()


@pytest.fixture(scope="session")
def other_authority() -> bytes:
    return orders.keygen()


@pytest.fixture(scope="session")
def identities() -> tuple[tuple[str, str], tuple[str, str]]:
    return new_identity(), new_identity()


@pytest.fixture(scope="session")
def order_text(identities: tuple[tuple[str, str], tuple[str, str]]) -> Callable[..., str]:
    """Write an order's document."""

    def write(**changes: object) -> str:
        raw: dict[str, Any] = {
            "schema": "tocsin/order@1",
            "id": "EX-2026-0042",
            "kind": "court-order",
            "title": "Sexual Harm Prevention Order",
            "authority": {
                "name": "Exampleshire Police, Offender Management Unit",
                "contact": "0300 555 0123, omu@exampleshire.example",
                "complaints": "Professional Standards, complaints@exampleshire.example",
            },
            "court": "Exampletown Crown Court",
            "subject": {"reference": "S-17"},
            "from": "2026-01-01T00:00:00Z",
            "until": "2099-01-01T00:00:00Z",
            "devices": [{"label": "laptop", "description": "grey laptop"}],
            "recipients": [
                {"name": "Officer", "age": identities[0][1], "role": "officer"},
                {"name": "Recovery", "age": identities[1][1], "role": "recovery"},
            ],
            "evidence": ["text"],
            "ledger": "counts",
            "privileged": [{"label": "lawyer", "match": ["Harker and Co Solicitors"]}],
            "clauses": [
                {
                    "number": "3",
                    "condition": "C10",
                    "text": "Not to have any contact with any child under 18.",
                    "exceptions": ["Such as is inadvertent and not likely to be avoided in daily life."],
                },
                {"number": "5", "condition": "C5", "text": "Not to use private browsing."},
            ],
        }
        raw.update(changes)
        return yaml.safe_dump(raw, sort_keys=False)

    return write


@pytest.fixture(scope="session")
def signed_order(order_text: Callable[..., str], authority: bytes) -> Callable[..., str]:
    """Write and sign an order."""

    def sign(key: bytes | None = None, **changes: object) -> str:
        return orders.sign(order_text(**changes), key or authority)

    return sign
