"""``tocsin up``: the hub and its console in one process."""

import contextlib
import gc
import ipaddress
import logging
import os
import signal
import socket
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from tocsin.cli.speaking import Failure, sole

if TYPE_CHECKING:
    from fastapi import FastAPI

    from tocsin.hub.settings import HubSettings

KEEP_ALIVE_S = 75
"""Longer than several heartbeats, so that a device's connection lives on."""


class Served(Protocol):
    """What any server of ours is told of where it listens."""

    @property
    def host(self) -> str:
        """The address."""

    @property
    def port(self) -> int:
        """The port; 0 for any that is free."""

    @property
    def tls_cert(self) -> Path | None:
        """The certificate chain."""

    @property
    def tls_key(self) -> Path | None:
        """Its private key."""


_FILE = click.Path(dir_okay=False, path_type=Path)
_EXAMPLE = "Example:  tocsin up --data /srv/tocsin --host 0.0.0.0 --tls-cert hub.crt --tls-key hub.key"


@click.command(epilog=_EXAMPLE)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: Path.home() / ".local" / "share" / "tocsin" / "hub",
    show_default="~/.local/share/tocsin/hub",
    help="Folder for keys, and for state and evidence unless they are elsewhere.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on. Others need TLS.")
@click.option("--port", type=click.IntRange(0, 65535), default=8420, show_default=True, help="Port to listen on.")
@click.option("--store", default="", metavar="URL", help="postgresql://… instead of an SQLite file in --data.")
@click.option("--evidence", default="", metavar="URL", help="s3://… or a folder, instead of a folder in --data.")
@click.option("--tls-cert", type=_FILE, help="Certificate chain (PEM).")
@click.option("--tls-key", type=_FILE, help="The certificate's private key (PEM).")
@click.option(
    "--list",
    "lists",
    type=click.Path(file_okay=False, path_type=Path),
    multiple=True,
    metavar="DIR",
    help="A hash list made by tocsin lists build; may be repeated. Those in the lists folder of --data are used too.",
)
@click.option("--list-key", type=_FILE, metavar="FILE", help="File with the key of lists encrypted at rest.")
@click.option("--backup", type=_FILE, metavar="FILE", help="Write a backup of everything to FILE and end.")
@click.option("--recipient", "recipients", multiple=True, metavar="AGE-KEY", help="Seal the backup to this age key.")
@click.option("--restore", type=_FILE, metavar="FILE", help="Fill an empty --data (and --store) from FILE and end.")
@click.option("--identity", type=_FILE, metavar="FILE", help="File with the age identity that opens the backup.")
def command(
    data: Path,
    host: str,
    port: int,
    store: str,
    evidence: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    lists: tuple[Path, ...],
    list_key: Path | None,
    backup: Path | None,
    recipients: tuple[str, ...],
    restore: Path | None,
    identity: Path | None,
) -> None:
    """Start the hub and its console. The first run prints a one-time set-up link."""
    from tocsin.hub.settings import HubSettings

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = HubSettings(
        data=data.expanduser().resolve(),
        store_url=store,
        evidence_url=evidence,
        host=host,
        port=port,
        tls_cert=tls_cert,
        tls_key=tls_key,
        lists=tuple(folder.expanduser().resolve() for folder in lists),
        list_key=_key_of(list_key),
    )
    with _sentences():
        if backup is not None or restore is not None:
            _copy(settings, backup, recipients, restore, identity)
            return
        check(settings)
        serve(settings)


def _key_of(path: Path | None) -> str:
    """Return what a key file holds. Raises Failure when it cannot be read."""
    if path is None:
        return ""
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(100_000).strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise Failure(f"The key of the lists in {path} cannot be read: {reason}.") from error


def check(settings: Served) -> None:
    """Refuse what would be unsafe or cannot work, before anything is touched. Raises Failure."""
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise Failure("TLS needs both --tls-cert and --tls-key.")
    if settings.tls_cert is not None and settings.tls_key is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key)
        except ssl.SSLError as error:
            raise Failure(
                f"{settings.tls_cert} and {settings.tls_key} are not a certificate and its own private key, both in "
                "PEM without a passphrase."
            ) from error
        except OSError as error:
            raise Failure(f"The certificate or its key cannot be used: {error.strerror or error}.") from error
    elif not is_loopback(settings.host):
        raise Failure(
            f"Listening on {settings.host} without TLS would send sessions and keys in the clear; give --tls-cert and "
            "--tls-key, or listen on 127.0.0.1 behind a proxy that has TLS."
        )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(settings: "HubSettings") -> None:
    """Run until Ctrl-C or a termination signal; say where, and print the set-up link while there is nobody yet."""
    import uvicorn

    with alone(settings.data), listening(settings) as listener:
        app = compose(settings)
        address = address_of(settings, listener)
        config = uvicorn.Config(
            app,
            http="httptools",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=5,
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=settings.tls_key,
        )
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        with contextlib.suppress(KeyboardInterrupt):
            _server(config, address).run(sockets=[listener])
    click.echo("Tocsin has stopped.")


def alone(data: Path) -> contextlib.AbstractContextManager[None]:
    """Keep a second hub off the same data folder: two would sign two audit logs. Raises Failure."""
    return sole(data, "hub")


def compose(settings: "HubSettings") -> "FastAPI":
    """Return the hub's application with the console on it. Raises StoreError and the like, each a sentence."""
    from tocsin.console import mount
    from tocsin.hub.app import create_app

    app = create_app(settings)
    mount(app)
    return app


def listening(settings: Served) -> socket.socket:
    """Return a socket that listens. Raises Failure when the address cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(4096)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise Failure(f"Cannot listen on {settings.host}:{settings.port}: {error.strerror or error}.") from error
    _raise_file_limit()
    return listener


def address_of(settings: Served, listener: socket.socket) -> str:
    """Return the address a browser on this machine would use."""
    port = listener.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if settings.tls_cert else 'http'}://{host}:{port}"


def _server(config: Any, address: str) -> Any:
    """Return a server that says where it is once it answers, and lets go of live pages when it is to stop."""
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                gc.collect()
                gc.freeze()  # what is loaded by now stays; the collector need not look at it again
                say_where(config.app, address)

        def handle_exit(self, sig: int, frame: Any) -> None:
            config.app.state.hub.bus.close()
            super().handle_exit(sig, frame)

    return Server(config)


def say_where(app: "FastAPI", address: str) -> None:
    """Print the address, and the set-up link while the hub has no administrator."""
    from tocsin.hub import people
    from tocsin.hub.hub import Hub

    hub: Hub = app.state.hub
    with hub.store.session() as session:
        token = people.setup_link(session, hub.clock.now())
    for state in hub.lists.states:
        if state.state == "broken":
            click.secho(f"The hash list in {state.folder} is not used: {state.sentence}", fg="red", err=True)
    click.echo(f"Tocsin is up at {address}")
    if token is not None:
        click.echo(f"Set it up (this link works once, for 24 hours): {address}/setup/{token}")
    if hub.lists.count:
        held = "one hash list" if hub.lists.count == 1 else f"{hub.lists.count} hash lists"
        click.echo(f"It matches against {held}, {hub.lists.entries:,} {_entries(hub.lists.entries)}.")
    sys.stdout.flush()


def _entries(count: int) -> str:
    return "entry" if count == 1 else "entries"


def _copy(
    settings: "HubSettings",
    backup: Path | None,
    recipients: tuple[str, ...],
    restore: Path | None,
    identity: Path | None,
) -> None:
    """Back up or restore. Without a key the passphrase is asked, or taken from TOCSIN_BACKUP_PASSPHRASE."""
    from tocsin.cli.evidence import identities_of
    from tocsin.hub import backup as copies

    if backup is not None and restore is not None:
        raise Failure("Give either --backup or --restore, not both.")
    if backup is not None:
        if not settings.data.is_dir():
            raise Failure(f"There is no hub in {settings.data}.")
        passphrase = "" if recipients else _passphrase(confirm=True)
        contents = copies.backup(settings, backup, recipients=recipients, passphrase=passphrase)
        beside = "" if recipients else f" with its key in {backup.name}.key (keep both)"
        click.echo(f"The backup is in {backup}{beside}; it was read back and is whole.")
        if contents.missing:
            raise Failure(f"{len(contents.missing)} pieces of evidence were missing or damaged and are not in it.")
    elif restore is not None:
        identities = identities_of(identity) if identity is not None else []
        passphrase = "" if identities else _passphrase(confirm=False)
        copies.restore(settings, restore, identities=identities, passphrase=passphrase)
        click.echo(f"Restored from {restore}; start the hub with: tocsin up --data {settings.data}")


def _passphrase(*, confirm: bool) -> str:
    given = os.environ.get("TOCSIN_BACKUP_PASSPHRASE", "")
    return given or str(click.prompt("The backup's passphrase", hide_input=True, confirmation_prompt=confirm))


@contextlib.contextmanager
def _sentences() -> Any:
    """Turn the errors a person can do something about into one sentence and exit code 2."""
    try:
        yield
    except click.ClickException:
        raise
    except (RuntimeError, ValueError, OSError) as error:
        if type(error).__module__.startswith("tocsin.") or isinstance(error, OSError):
            raise Failure(error) from error
        raise


def _raise_file_limit() -> None:
    """Allow as many open connections as this user may have: each device holds one."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
