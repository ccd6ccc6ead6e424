"""The core's side of a cluster's lists: banks and attached lists, pushed to the store as soon as they change."""

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tocsin.gateway.cluster.bucket import Bucket, BucketError
from tocsin.gateway.cluster.mirror import push, withdraw
from tocsin.matching.lists import ListError
from tocsin.matching.lists.folder import stamp

LOOK_S: Final = 0.1
"""Seconds between two looks at the lists' folders."""

_log = logging.getLogger(__name__)


class Publishing:
    """Pushes what ``folders`` names: by key (``banks/NAME``, ``lists/NAME``) the folder of each list.

    ``tags`` are those of the heads that are in the store now; a list that is gone is withdrawn there.
    """

    def __init__(self, root: str, folders: Callable[[], Mapping[str, Path]]) -> None:
        """Raises BucketError where the address cannot be used."""
        self._root, self._folders = root.rstrip("/"), folders
        Bucket.open(self._root)
        self._buckets: dict[str, Bucket] = {}
        self._stamps: dict[str, tuple[int, ...]] = {}
        self.tags: dict[str, str] = {}
        self.problem = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway-publishing", daemon=True)

    def url_of(self, key: str) -> str:
        """Return where a list is published."""
        return f"{self._root}/{key}"

    def start(self) -> None:
        """Publish everything, then go on as it changes. Raises BucketError and ListError."""
        self.look()
        self._thread.start()

    def close(self) -> None:
        """Stop publishing."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(30)

    def look(self) -> None:
        """Push what has changed, withdraw what is gone. Raises BucketError and ListError."""
        folders = self._folders()
        for key, folder in folders.items():
            try:
                now = stamp(folder)
            except OSError:
                continue  # nothing was put into the bank yet
            if self._stamps.get(key) != now:
                self.tags = self.tags | {key: push(folder, self._bucket(key)).tag}
                self._stamps[key] = now
        for key in self.tags.keys() - folders.keys():
            withdraw(self._bucket(key))
            self._stamps.pop(key, None)
            self.tags = {one: tag for one, tag in self.tags.items() if one != key}

    def _bucket(self, key: str) -> Bucket:
        if key not in self._buckets:
            self._buckets[key] = Bucket.open(self.url_of(key))
        return self._buckets[key]

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            try:
                self.look()
                self.problem = ""
            except (BucketError, ListError) as error:
                if str(error) != self.problem:
                    _log.error("The nodes answer from older lists: %s", error)
                self.problem = str(error)
            except Exception as error:
                _log.exception("The lists could not be published")
                self.problem = str(error)
