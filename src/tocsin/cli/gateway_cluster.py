"""``tocsin gateway --cluster``: the core here, lookups on the nodes of a Ray cluster; and lists from a store."""

import contextlib
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tocsin.cli.speaking import Failure

if TYPE_CHECKING:
    from tocsin.gateway.cluster.following import Followed
    from tocsin.gateway.cluster.node import Told
    from tocsin.gateway.gateway import Gateway
    from tocsin.gateway.settings import Settings

Run = Callable[[Any, socket.socket, Callable[[], None]], None]
"""Serves an application on a socket until it is told to stop, and says once that it answers."""


def split_lists(given: tuple[str, ...]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Return the folders and the addresses among lists as they were given."""
    folders = tuple(Path(one).expanduser().resolve() for one in given if "://" not in one)
    return folders, tuple(one for one in given if "://" in one)


@contextlib.contextmanager
def following(settings: "Settings") -> "Iterator[tuple[Settings, tuple[Followed, ...]]]":
    """Follow the lists that are given by address, and return settings with their folders. Raises Failure."""
    if not settings.list_urls:
        yield settings, ()
        return
    from tocsin.gateway.cluster.bucket import BucketError
    from tocsin.gateway.cluster.following import following as followed_lists

    try:
        with followed_lists(settings.list_urls, settings.data / "followed") as followed:
            yield replace(settings, lists=(*settings.lists, *(one.copy.folder for one in followed))), followed
    except BucketError as error:
        raise Failure(error) from error


def serve_cluster(gateway: "Gateway", followed: "tuple[Followed, ...]", run: Run, say: Callable[[str], None]) -> None:
    """Serve lookups from a cluster and everything else from here, until told to stop. Raises Failure."""
    from tocsin.gateway.app import create_app
    from tocsin.gateway.cluster import core
    from tocsin.gateway.cluster.bucket import BucketError
    from tocsin.gateway.cluster.publishing import Publishing
    from tocsin.gateway.cluster.serving import ClusterError, deploy, ray_running
    from tocsin.gateway.forwarding import router
    from tocsin.matching.lists import ListError

    settings = gateway.settings
    if not settings.bucket:
        raise Failure("--cluster needs a store that its nodes can reach: give --bucket s3://BUCKET/PREFIX.")
    apart = {one.copy.folder: one for one in followed}

    def folders() -> dict[str, Path]:
        found = {}
        for terms in gateway.catalogue.terms:
            if terms.folder not in apart:
                found[f"{'banks' if terms.own else 'lists'}/{terms.folder.name if terms.own else terms.name}"] = (
                    terms.folder
                )
        return found

    key = secrets.token_urlsafe(32)
    failed: list[str] = []
    with contextlib.ExitStack() as stack:
        try:
            publishing = Publishing(settings.bucket, folders)
            stack.callback(publishing.close)
            publishing.start()
            ray = stack.enter_context(ray_running(settings.cluster))
        except (BucketError, ClusterError, ListError) as error:
            raise Failure(error) from error

        def lists() -> dict[str, dict[str, str]]:
            told = {one: {"url": publishing.url_of(one), "tag": tag} for one, tag in publishing.tags.items()}
            return told | {
                f"lists/{folder.name}": {"url": one.url, "tag": one.copy.tag} for folder, one in apart.items()
            }

        app = create_app(gateway, more=(router, core.router))
        app.state.lists = lists
        app.state.problem = lambda: publishing.problem or next((one.problem for one in followed if one.problem), "")
        inner = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        stack.callback(inner.close)
        inner.bind(("127.0.0.1" if settings.loopback else "0.0.0.0", 0))  # noqa: S104 - guarded by the cluster's key
        inner.listen(1024)
        here = "127.0.0.1" if settings.loopback else ray.util.get_node_ip_address()
        told = told_of(settings, f"http://{here}:{inner.getsockname()[1]}", key)

        def begin() -> None:
            try:
                deploy(settings, told, every_node=settings.cluster != "auto")
                scheme = "https" if settings.tls else "http"
                say(f"{scheme}://{settings.host}:{settings.port}")
            except ClusterError as error:
                failed.append(str(error))
                signal.raise_signal(signal.SIGTERM)

        run(core.Guarded(app, key), inner, threading.Thread(target=begin, daemon=True).start)
    if failed:
        sys.stdout.flush()
        raise Failure(failed[0])


def told_of(settings: "Settings", address: str, key: str) -> "Told":
    """Return what the cluster's nodes are told."""
    from tocsin.gateway.cluster.node import Told

    return Told(
        core=address,
        key=key,
        host=settings.host,
        list_key=settings.list_key,
        fetch_hosts=settings.fetch_hosts,
        allow_private=settings.allow_private,
        max_bytes=settings.max_bytes,
        decoders=settings.decoders,
    )


BUCKET = click.option(
    "--bucket",
    default="",
    metavar="URL",
    help="With --cluster: where the lists are published for its nodes, s3://BUCKET/PREFIX.",
)
