"""``tocsin gateway``: the API for internet services, and the keys that open it."""

import contextlib
import gc
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tocsin.cli.gateway_cluster import BUCKET, following, serve_cluster, split_lists
from tocsin.cli.gateway_data import DATA, opened, sentences
from tocsin.cli.gateway_enrol import enrol, status, unenrol
from tocsin.cli.gateway_exchange import exchange
from tocsin.cli.speaking import Failure, line, sole

if TYPE_CHECKING:
    from fastapi import FastAPI

    from tocsin.gateway.gateway import Gateway
    from tocsin.gateway.settings import Settings

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_EXAMPLE = "Example:  tocsin gateway --list lists/known --fetch-from media.example.org"
_DATA = click.option(
    "--data",
    type=_FOLDER,
    default=lambda: Path.home() / ".local" / "share" / "tocsin" / "gateway",
    show_default="~/.local/share/tocsin/gateway",
    help="Folder for banks, keys, the log of calls and the enrolment.",
)


@click.group(invoke_without_command=True, epilog=_EXAMPLE)
@_DATA
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on. Others need TLS and keys.")
@click.option("--port", type=click.IntRange(0, 65535), default=8421, show_default=True, help="Port to listen on.")
@click.option(
    "--list",
    "lists",
    multiple=True,
    metavar="DIR|URL",
    help="A hash list to match against, a folder or s3://BUCKET/PREFIX; may be repeated.",
)
@click.option("--list-key", type=_FILE, metavar="FILE", help="File with the key of lists encrypted at rest.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that look up.")
@click.option("--tls-cert", type=_FILE, help="Certificate chain (PEM).")
@click.option("--tls-key", type=_FILE, help="The certificate's private key (PEM).")
@click.option("--cluster", default="", metavar="ADDRESS", help="Serve on a Ray cluster (auto: start one here).")
@BUCKET
@click.option(
    "--fetch-from",
    "fetch_hosts",
    multiple=True,
    metavar="HOST",
    help="A host content may be fetched from; *.example.org for all under a name, * for every public one.",
)
@click.option(
    "--allow-private",
    is_flag=True,
    help="Call private addresses too, for one's own network: by streams, webhooks and the hosts of --fetch-from.",
)
@click.option(
    "--max-mib", type=click.IntRange(1, 4096), default=100, show_default=True, help="Largest upload or fetched file."
)
@click.option(
    "--listen-ports",
    default="1935,5000-5999,9000-9999",
    show_default=True,
    metavar="PORTS",
    help="Ports at which live streams may be waited for that are pushed here.",
)
@click.option("--classifier", type=_FILE, help="The manifest of a classifier of your own (ONNX), for live streams.")
@click.option("--ladder", type=_FILE, help="A ladder of your own for live streams, as packs/ladder.yaml.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Serve lookups, banks, messages and live streams to internet services."""
    from tocsin.gateway.settings import Settings

    ctx.obj = options["data"].expanduser().resolve()
    if ctx.invoked_subcommand is not None:
        return
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    folders, urls = split_lists(options["lists"])
    settings = Settings(
        data=ctx.obj,
        host=options["host"],
        port=options["port"],
        lists=folders,
        list_urls=urls,
        list_key=_text_of(options["list_key"]),
        workers=options["workers"],
        tls_cert=options["tls_cert"],
        tls_key=options["tls_key"],
        cluster=options["cluster"],
        bucket=options["bucket"],
        fetch_hosts=tuple(options["fetch_hosts"]),
        allow_private=options["allow_private"],
        max_bytes=options["max_mib"] << 20,
        listen_ports=options["listen_ports"],
        classifier=options["classifier"],
        ladder=options["ladder"],
    )
    with sentences():
        check(settings)
        serve(settings)


@command.group(epilog="Example:  tocsin gateway key new coop --scope lookup,curate --rate 100")
def key() -> None:
    """Make, list and revoke the keys that callers send."""


@key.command(epilog="Example:  tocsin gateway key new coop --scope lookup,curate --rate 100")
@DATA
@click.argument("name")
@click.option("--scope", "scopes", required=True, help="What it is good for, joined by commas.")
@click.option("--rate", type=float, default=0.0, show_default=True, help="Calls a second; 0 is without bound.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
def new(data: Path, name: str, scopes: str, rate: float, as_json: bool) -> None:
    """Make a key and print it, this once."""
    from tocsin.gateway.access import new_key
    from tocsin.model import SystemClock

    with sentences(), opened(data) as store:
        made = new_key(store, SystemClock(), name, [one for one in scopes.replace(" ", "").split(",") if one], rate)
    if as_json:
        line({"name": name, "key": made})
        return
    click.echo(f"{made}\nThis is shown once. Send it as “Authorization: Bearer …”, or begin paths with /k/… .")


@key.command(name="list", epilog="Example:  tocsin gateway key list")
@DATA
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
def list_(data: Path, as_json: bool) -> None:
    """List the keys, never their texts."""
    from tocsin.gateway.access import list_keys

    with sentences(), opened(data) as store:
        for row in list_keys(store):
            state = "revoked" if row.revoked_at else "good"
            if as_json:
                line({"name": row.name, "scopes": row.scopes, "rate": row.rate, "state": state})
            else:
                rate = f"{row.rate:g}/s" if row.rate else "no bound"
                click.echo(f"{row.name:24} {state:8} {rate:10} {', '.join(row.scopes)}")


@key.command(epilog="Example:  tocsin gateway key revoke coop")
@DATA
@click.argument("name")
def revoke(data: Path, name: str) -> None:
    """Revoke a key, for good; a running gateway knows within a second."""
    from tocsin.gateway.access import revoke_key
    from tocsin.model import SystemClock

    with sentences(), opened(data) as store:
        revoke_key(store, SystemClock(), name)
    click.echo(f"The key {name} is revoked.")


command.add_command(enrol)
command.add_command(exchange)
command.add_command(unenrol)
command.add_command(status)


def check(settings: "Settings") -> None:
    """Refuse what would be unsafe or cannot work, before anything is touched. Raises Failure."""
    from tocsin.cli.up import check as check_tls
    from tocsin.gateway.fetching import is_pattern
    from tocsin.gateway.streams.addresses import AddressError, read_ports

    check_tls(settings)
    for host in settings.fetch_hosts:
        if not is_pattern(host):
            raise Failure(
                f"--fetch-from: {host[:80]!r} is no host; name it without scheme, port and path, as media.example.org."
            )
    try:
        read_ports(settings.listen_ports)
    except AddressError as error:
        raise Failure(f"--listen-ports: {error}") from error
    if settings.cluster and not settings.bucket:
        raise Failure("--cluster needs a store that its nodes can reach: give --bucket s3://BUCKET/PREFIX.")


def serve(settings: "Settings") -> None:
    """Run until Ctrl-C or a termination signal; say where."""
    from tocsin.cli.up import listening
    from tocsin.gateway.gateway import Gateway
    from tocsin.placement.memory import limit_arenas

    limit_arenas()
    with contextlib.ExitStack() as stack, contextlib.suppress(KeyboardInterrupt):
        stack.enter_context(sole(settings.data, "gateway"))
        settings, followed = stack.enter_context(following(settings))
        if settings.cluster:
            gateway = Gateway.open(settings)
            _first_key(gateway)
            serve_cluster(gateway, followed, _run, lambda address: say_where(gateway, address))
        else:
            _serve_here(stack.enter_context(listening(settings)), settings)
    click.echo("The gateway has stopped.")


def _serve_here(listener: socket.socket, settings: "Settings") -> None:
    """Serve from this machine alone, by one process or by several."""
    from tocsin.cli.up import address_of
    from tocsin.gateway.app import create_app
    from tocsin.gateway.forwarding import router
    from tocsin.gateway.gateway import Gateway

    gateway = Gateway.open(settings)
    _first_key(gateway)
    address = address_of(settings, listener)
    if settings.workers == 1:
        _server(create_app(gateway), settings, lambda: say_where(gateway, address)).run(sockets=[listener])
    else:
        _serve_many(create_app(gateway, more=(router,)), gateway, listener, address)


def _run(app: Any, inner: socket.socket, started: Callable[[], None]) -> None:
    """Serve an application that only our own processes call."""
    _server(app, None, started).run(sockets=[inner])


def _serve_many(app: "FastAPI", gateway: "Gateway", listener: socket.socket, address: str) -> None:
    """Serve from several processes: this one keeps the state and is asked by the others over a unix socket."""
    import os

    from tocsin.gateway.forwarding import address_of_socket
    from tocsin.gateway.workers import Workers, remove_socket

    settings = gateway.settings
    remove_socket(settings.core_socket)
    inner = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        inner.bind(address_of_socket(settings.core_socket))
    finally:
        os.umask(mask)
    inner.listen(1024)
    workers = Workers(settings, listener.fileno(), lambda: os.kill(os.getpid(), signal.SIGTERM))

    def say() -> None:
        if workers.wait():
            say_where(gateway, address)

    workers.start()
    try:
        _server(app, None, threading.Thread(target=say, daemon=True).start).run(sockets=[inner])
    finally:
        workers.stop()
        remove_socket(settings.core_socket)


def _first_key(gateway: "Gateway") -> None:
    """Make a key and print it where others than this machine can call and there is none yet."""
    from tocsin.gateway.access import list_keys, new_key

    if not gateway.settings.loopback and not list_keys(gateway.store):
        made = new_key(gateway.store, gateway.clock, "first", ["admin"])
        click.echo(f"No key was there, so one was made, good for everything; it is shown this once:\n{made}")


def _server(app: Any, settings: "Settings | None", started: Callable[[], None]) -> Any:
    """Return a server that says so once it answers; without ``settings`` for our own processes, which need no TLS."""
    import uvicorn

    from tocsin.cli.up import KEEP_ALIVE_S
    from tocsin.gateway.descriptors import most_connections

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                gc.collect()
                gc.freeze()  # what is loaded by now stays; the collector need not look at it again
                started()

    return Server(
        uvicorn.Config(
            app,
            http="httptools",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=5,
            limit_concurrency=most_connections() if settings else None,
            ssl_certfile=settings.tls_cert if settings else None,
            ssl_keyfile=settings.tls_key if settings else None,
        )
    )


def say_where(gateway: "Gateway", address: str) -> None:
    """Print the address, and what a person should know before anybody calls."""
    click.echo(f"The gateway is up at {address}")
    if gateway.access.is_open:
        click.echo("No key was ever made: whoever reaches this machine's loopback may call it.")
    sys.stdout.flush()


def _text_of(path: Path | None) -> str:
    if path is None:
        return ""
    from tocsin.cli.speaking import read_text

    return read_text(path, 100_000).strip()
