"""``tocsin up``: refuses what would be unsafe, starts in one command, ends on Ctrl-C, copies itself and back."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tocsin.cli.up import command, is_loopback
from tocsin.evidence.sealing import new_identity

WAIT_S = 60


def said(*arguments: object, **options: object) -> tuple[int, str]:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], **options)
    return result.exit_code, result.output


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = tmp_path / "hub.crt", tmp_path / "hub.key"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], str, str]]]:
    """Start ``tocsin up`` on a free port; returns the process, its address and the set-up line."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> tuple[subprocess.Popen[str], str, str]:
        line = [sys.executable, "-m", "tocsin", "up", "--data", str(tmp_path / "hub"), "--port", "0"]
        process = subprocess.Popen([*line, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        address = re.search(r"https?://\S+", process.stdout.readline())
        assert address is not None
        return process, address[0], process.stdout.readline()

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_lists_and_their_key_are_taken_and_a_broken_list_is_said_aloud(up, tmp_path: Path) -> None:
    from tocsin.demo import listing, picture

    listing.make(tmp_path / "hub" / "lists" / "one", picture.jpeg())
    listing.make(tmp_path / "more" / "two", picture.jpeg(), name="two")
    _, address, _ = up("--list", tmp_path / "more", "--list", tmp_path / "nowhere")
    answer = httpx.get(f"{address}/healthz", timeout=60)
    assert (answer.status_code, answer.json()["checks"]["lists"]) == (503, False)
    assert "tocsin_list_entries 2.0" in httpx.get(f"{address}/metrics", timeout=60).text
    code, words = said("--data", tmp_path / "x", "--list-key", tmp_path / "no.key")
    assert code == 2
    assert "no.key cannot be read: No such file" in words


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "hub.example"])
def test_listening_beyond_this_machine_needs_tls(tmp_path: Path, host: str) -> None:
    code, text = said("--data", tmp_path / "hub", "--host", host)
    assert code == 2
    assert "without TLS" in text
    assert not (tmp_path / "hub").exists()


def test_loopback_is_told_from_the_rest() -> None:
    assert all(map(is_loopback, ["127.0.0.1", "127.1.2.3", "::1", "localhost"]))
    assert not any(map(is_loopback, ["0.0.0.0", "10.0.0.1", "localhost.example", ""]))


def test_half_of_tls_or_a_broken_certificate_is_refused(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    data = ("--data", tmp_path / "hub")
    assert said(*data, "--tls-cert", certificate[0])[0] == 2
    code, words = said(*data, "--tls-cert", certificate[1], "--tls-key", certificate[0])
    assert code == 2
    assert "not a certificate and its own private key" in words
    assert said(*data, "--tls-cert", tmp_path / "none", "--tls-key", certificate[1])[0] == 2


def test_a_taken_port_and_an_unreachable_store_are_sentences(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, text = said("--data", tmp_path / "hub", "--port", taken.getsockname()[1])
    assert code == 2
    assert "Cannot listen" in text
    code, text = said("--data", tmp_path / "hub", "--port", 0, "--store", "postgresql://nobody@127.0.0.1:1/none")
    assert code == 2
    assert "cannot be opened" in text


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_starts_says_where_and_ends_when_asked(up, how: signal.Signals) -> None:
    process, address, link = up()
    assert f"{address}/setup/" in link
    assert httpx.get(f"{address}/healthz", timeout=60).json()["status"] == "ok"
    assert httpx.get(link.split()[-1], timeout=60).status_code == 200
    with httpx.Client(timeout=60) as page:
        assert page.get(f"{address}/healthz").status_code == 200
        process.send_signal(how)
        assert process.wait(WAIT_S) == 0, "a page that is still open does not keep it for its 75 seconds"


def test_it_serves_tls(up, certificate: tuple[Path, Path]) -> None:
    _, address, _ = up("--tls-cert", certificate[0], "--tls-key", certificate[1])
    assert address.startswith("https://")
    answer = httpx.get(f"{address}/healthz", timeout=60, verify=False)
    assert answer.status_code == 200
    assert "max-age" in answer.headers["strict-transport-security"]


def test_a_backup_restores_into_an_empty_folder_only(tmp_path: Path) -> None:
    from tocsin.hub.app import create_app
    from tocsin.hub.settings import HubSettings

    hub = create_app(HubSettings(data=tmp_path / "hub")).state.hub
    public = hub.key.public
    hub.close()
    identity, recipient = new_identity()
    key = tmp_path / "backup.key"
    key.write_text(identity + "\n")
    copy = tmp_path / "copy.tar.age"
    code, text = said("--data", tmp_path / "hub", "--backup", copy, "--recipient", recipient)
    assert code == 0, text
    assert said("--data", tmp_path / "hub", "--restore", copy, "--identity", key)[0] == 2
    code, text = said("--data", tmp_path / "new", "--restore", copy, "--identity", key)
    assert code == 0, text
    again = create_app(HubSettings(data=tmp_path / "new")).state.hub
    assert again.key.public == public
    again.close()


@pytest.mark.usefixtures("cheap_passphrases")
def test_a_backup_under_a_passphrase_needs_it_again(tmp_path: Path) -> None:
    from tocsin.hub.app import create_app
    from tocsin.hub.settings import HubSettings

    create_app(HubSettings(data=tmp_path / "hub")).state.hub.close()
    copy = tmp_path / "copy.tar.age"
    words = "several long words for this\n"
    assert said("--data", tmp_path / "hub", "--backup", copy, input=words * 2)[0] == 0
    assert said("--data", tmp_path / "new", "--restore", copy, input="wrong\n")[0] == 2
    assert said("--data", tmp_path / "new", "--restore", copy, input=words)[0] == 0


def test_there_must_be_a_hub_to_back_up(tmp_path: Path) -> None:
    code, text = said("--data", tmp_path / "none", "--backup", tmp_path / "copy", "--recipient", "age1x")
    assert code == 2
    assert "no hub" in text


def test_a_second_hub_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    from tocsin.cli.speaking import Failure
    from tocsin.cli.up import alone

    with alone(tmp_path), pytest.raises(Failure, match="stop it first"), alone(tmp_path):
        pass
    with alone(tmp_path):
        pass
