"""Lookups on Ray Serve: replicas over the nodes of a cluster, each the same application as a worker's process.

A replica answers ``/h``, ``/m`` and ``/status`` from its node's copies of the lists and hands everything else on to
the core. A node that is lost costs the calls it was at; the others go on.
"""

import contextlib
import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from starlette.responses import PlainTextResponse

from tocsin.gateway.cluster.node import Node, Told
from tocsin.gateway.forwarding import Core
from tocsin.gateway.front import App, Receive, Scope, Send
from tocsin.gateway.gateway import Gateway
from tocsin.gateway.settings import Settings
from tocsin.gateway.worker import create_worker_app

NAME: Final = "tocsin-gateway"
AUTO: Final = "auto"
LOOPBACK: Final = "127.0.0.2"
"""The address of a node that is started here: Ray would put another one in the place of 127.0.0.1."""
MOST_REPLICAS: Final = 256
OBJECT_STORE: Final = 80 << 20
"""Bytes of Ray's object store on a node that is started here: nothing of ours lies in it."""

_running: dict[str, App] = {}


class ClusterError(RuntimeError):
    """A cluster that cannot be started or reached; the message is a sentence."""


class _Late:
    """The application of this process's replica, which is made when the replica is."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _running["app"](scope, receive, send)


class Lookups:
    """A replica."""

    def __init__(self, told: dict[str, Any]) -> None:
        import ray

        given = Told(**told)
        self._node = Node(given, ray.get_runtime_context().get_node_id()[:16])
        self._node.start()
        settings = Settings(
            data=self._node.data,
            host=given.host,
            lists=self._node.lists,
            list_key=given.list_key,
            fetch_hosts=given.fetch_hosts,
            allow_private=given.allow_private,
            max_bytes=given.max_bytes,
            decoders=given.decoders,
        )
        gateway = Gateway.open(settings, name=self._node.name)
        _running["app"] = Replica(create_worker_app(gateway, Core(given.core, given.key)), self._node)


class Replica:
    """Says in each answer which replica gave it, and at ``/status`` when its lists may be old; it goes on answering."""

    def __init__(self, app: App, node: Node) -> None:
        self._app, self._node, self._name = app, node, node.name.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""

        async def named(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-tocsin-node", self._name)]
            await send(message)

        if scope["type"] == "http" and scope["path"] == "/status" and self._node.stale:
            await PlainTextResponse("INDEX-STALE", 503)(scope, receive, named)
            return
        await self._app(scope, receive, named if scope["type"] == "http" else send)


@contextlib.contextmanager
def ray_running(address: str) -> Iterator[Any]:
    """Join the Ray cluster at an address, or start one here (``auto``), for as long as the block runs.

    Nothing is reported to anybody, and no dashboard is started. Raises ClusterError.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_SERVE_ENABLE_HA_PROXY", "0")
    try:
        import ray
        from ray import serve
    except ModuleNotFoundError as error:
        raise ClusterError("A cluster needs one more package: pip install 'tocsin[cluster]'.") from error
    more: dict[str, Any] = {"address": address}
    if address == AUTO:
        more = {"address": "local", "include_dashboard": False, "_node_ip_address": LOOPBACK}
        more |= {"object_store_memory": OBJECT_STORE, "_temp_dir": tempfile.mkdtemp(prefix="tocsin-ray-")}
    else:
        _reach(address)
    ends = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(**more, namespace=NAME, log_to_driver=False, logging_level=logging.ERROR)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, ends)  # Ray puts its own way to end in the place of ours
    except Exception as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ClusterError(f"The Ray cluster at {address} cannot be used: {said[:200]}") from error
    try:
        yield ray
    finally:
        if address != AUTO:  # one that was started here ends as a whole
            with contextlib.suppress(Exception):
                serve.delete(NAME)
        ray.shutdown()
        shutil.rmtree(more.get("_temp_dir", ""), ignore_errors=True)


def _reach(address: str) -> None:
    """Raise ClusterError when nobody listens at a cluster's address: Ray itself would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise ClusterError(f"The address of a Ray cluster is HOST:PORT, or {AUTO}; {address[:100]} is neither.")
    try:
        socket.create_connection((host.strip("[]"), int(port)), 5).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(f"Nobody answers at {address}, the address given for the Ray cluster: {error}.") from error


def deploy(settings: Settings, told: Told, *, every_node: bool = True) -> None:
    """Serve lookups on the settings' host and port, from as many replicas as there are nodes; more come with load.

    ``every_node``: each node's own port answers, else only the first's. Raises ClusterError.
    """
    import ray
    from ray import serve

    nodes = sum(bool(node["Alive"]) for node in ray.nodes())  # type: ignore[no-untyped-call]
    try:
        serve.start(
            proxy_location="EveryNode" if every_node else "HeadOnly",
            http_options={
                "host": settings.host,
                "port": settings.port,
                "keep_alive_timeout_s": 75,
                "ssl_certfile": str(settings.tls_cert) if settings.tls_cert else None,
                "ssl_keyfile": str(settings.tls_key) if settings.tls_key else None,
            },
            logging_config={"enable_access_log": False, "log_level": "WARNING"},
        )
        replica = serve.deployment(
            name="lookups",
            max_replicas_per_node=settings.workers,
            max_ongoing_requests=64,
            health_check_period_s=2,
            health_check_timeout_s=10,
            graceful_shutdown_timeout_s=10,
            autoscaling_config={
                "min_replicas": nodes,
                "initial_replicas": nodes,
                "max_replicas": max(nodes, MOST_REPLICAS),
                "target_ongoing_requests": 8,
                "upscale_delay_s": 5,
                "downscale_delay_s": 300,
            },
            ray_actor_options={"num_cpus": 1},
        )(serve.ingress(_Late())(Lookups))
        serve.run(replica.bind(asdict(told)), name=NAME, route_prefix="/")
    except Exception as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise ClusterError(f"Lookups cannot be served on the cluster: {said[:300]}") from error
