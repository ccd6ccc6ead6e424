"""A node's side of a cluster: the core's banks and keys in a store of its own, the lists as copies, followed."""

import contextlib
import logging
import os
import shutil
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from tocsin.gateway.cluster.bucket import Bucket, BucketError
from tocsin.gateway.cluster.core import REGISTRY
from tocsin.gateway.cluster.mirror import Copy
from tocsin.gateway.cluster.registry import take_in
from tocsin.gateway.forwarding import CLUSTER_KEY
from tocsin.gateway.store import Store, StoreError
from tocsin.matching.lists import ListError
from tocsin.placement.platform import private_folder

ASK_S: Final = 0.25
"""Seconds between two questions to the core whether anything changed."""
STALE_S: Final = 65.0
"""Seconds without an answer of the core after which a node's lists count as stale: HMA's own bound."""
START_S: Final = 1800.0
CACHE: Final = "TOCSIN_CLUSTER_CACHE"
"""The variable that names, on a node, the folder for copies of lists and logs of calls; else one in the home folder."""

_log = logging.getLogger(__name__)


class NodeError(RuntimeError):
    """A node that cannot be made ready; the message is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a node is told at its start: the core's address, the cluster's key, and how to look up."""

    core: str
    key: str = field(repr=False)
    host: str = "127.0.0.1"
    list_key: str = field(default="", repr=False)
    fetch_hosts: tuple[str, ...] = ()
    allow_private: bool = False
    max_bytes: int = 100 << 20
    decoders: int = 2


class Node:
    """Follows the core. Copies of lists are shared by all that run on this machine under the same node's name.

    ``data`` is this process's own data folder; ``lists`` are the folders of lists that were attached at the core.
    """

    def __init__(self, told: Told, name: str, client: httpx.Client | None = None) -> None:
        root = os.environ.get(CACHE) or Path.home() / ".cache" / "tocsin" / "cluster"
        self._shared = Path(root) / name
        self.name = f"node-{uuid.uuid4().hex[:12]}"
        self.data = self._shared / self.name
        for folder in (self._shared, self.data, self._shared / "banks", self._shared / "lists"):
            private_folder(folder)
        for within in ("banks", "lists"):
            with contextlib.suppress(FileExistsError):
                (self.data / within).symlink_to(self._shared / within)
        self._client = client or httpx.Client(
            base_url=told.core, headers=[(CLUSTER_KEY, told.key.encode())], timeout=20, trust_env=False
        )
        self._store = Store.open(self.data / "gateway.db")
        self._digest = self._cores_problem = ""
        self._wanted: Mapping[str, Mapping[str, str]] = {}
        self._copies: dict[str, Copy] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway-node", daemon=True)
        self.followed = 0.0
        self.problem = ""

    @property
    def lists(self) -> tuple[Path, ...]:
        """Folders of the attached lists, whole."""
        return tuple(self.data / key for key in sorted(self._wanted) if key.startswith("lists/"))

    def start(self) -> None:
        """Wait until everything is here, then go on following. Raises NodeError."""
        end = time.monotonic() + START_S
        while not self.look():
            if time.monotonic() > end:
                raise NodeError(f"The lists did not come in {START_S / 60:.0f} minutes: {self.problem}")
            self._stop.wait(ASK_S)
        self._thread.start()

    @property
    def stale(self) -> bool:
        """Whether the core, or the core's store, has not been heard of for long, so that the lists may be old."""
        return time.monotonic() - self.followed > STALE_S

    def close(self) -> None:
        """Stop following."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)
        self._client.close()
        self._store.close()

    def look(self) -> bool:
        """Take up what has changed; tell whether the node now has all that the core told."""
        try:
            answer = self._client.get(REGISTRY, params={"known": self._digest})
            if answer.status_code == 200:
                self._take_up(answer.json())
            elif answer.status_code != 304:
                raise NodeError(f"The core answers {answer.status_code}.")
            behind = [key for key, one in self._wanted.items() if not self._fetched(key, one)]
        except (httpx.HTTPError, BucketError, ListError, NodeError, StoreError, OSError, ValueError, KeyError) as error:
            said = str(error) or type(error).__name__
            if said != self.problem:
                _log.error("This node answers from older lists: %s", said)
            self.problem = said
            return False
        if behind:
            self.problem = f"{behind[0]} is still being fetched."
            return False
        self.problem = self._cores_problem
        if not self.problem:
            self.followed = time.monotonic()
        return True

    def _take_up(self, told: Mapping[str, Any]) -> None:
        wanted: dict[str, Mapping[str, str]] = told["lists"]
        for key in wanted:
            within, _, name = key.partition("/")
            if within not in ("banks", "lists") or Path(name).name != name or name.startswith("."):
                raise NodeError(f"The core names a list {key[:60]!r}, which cannot be.")
        self._wanted = wanted
        take_in(self._store, told["store"])
        for key in self._copies.keys() - wanted.keys():
            del self._copies[key]
            shutil.rmtree(self._shared / key, ignore_errors=True)
        self._cores_problem = str(told["problem"])
        self._digest = told["digest"]

    def _fetched(self, key: str, wanted: Mapping[str, str]) -> bool:
        copy = self._copies.get(key)
        if copy is None or copy.bucket.name != wanted["url"]:
            copy = self._copies[key] = Copy(Bucket.open(wanted["url"]), self._shared / key)
        if copy.tag != wanted["tag"]:
            copy.follow()
        return bool(copy.tag) and not copy.behind  # at least what the core told, and perhaps newer

    def _run(self) -> None:
        while not self._stop.wait(ASK_S):
            try:
                self.look()
            except Exception as error:
                _log.exception("This node could not follow the core")
                self.problem = str(error)
