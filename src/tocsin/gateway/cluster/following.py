"""Lists that are followed from an object store by a gateway that looks them up: ``--list s3://bucket/lists/known``."""

import contextlib
import logging
import re
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tocsin.gateway.cluster.bucket import Bucket, BucketError
from tocsin.gateway.cluster.mirror import Copy

POLL_S: Final = 0.4
"""Seconds between two looks at a list's head."""

_UNPLAIN = re.compile(r"[^A-Za-z0-9_-]+")
_log = logging.getLogger(__name__)


def name_of(url: str) -> str:
    """Return a folder's name for the list at an address: the same for the same address, whatever its letters."""
    import hashlib

    plain = _UNPLAIN.sub("-", url.partition("://")[2].rstrip("/").rpartition("/")[2])[:60]
    return f"{plain}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"


class Followed:
    """A list that a thread follows into a folder. ``problem`` is a sentence while the store does not answer."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.problem = url, ""
        self.copy = Copy(Bucket.open(url), folder)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway-followed", daemon=True)

    def start(self) -> None:
        """Fetch the list, then go on following it. Raises BucketError where there is none yet and none can be had."""
        try:
            self.copy.follow()
        except BucketError as error:
            if not self.copy.whole:
                raise
            self._say(str(error))
        end = time.monotonic() + 600
        while self.copy.behind and time.monotonic() < end:
            self._stop.wait(POLL_S)  # another process is fetching it
            self.copy.follow()
        if not self.copy.whole:
            raise BucketError(f"The list at {self.url} was withdrawn.")
        self._thread.start()

    def close(self) -> None:
        """Stop following."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def _run(self) -> None:
        while not self._stop.wait(POLL_S):
            try:
                if self.copy.follow() and not self.copy.whole:
                    _log.warning("The list at %s was withdrawn and is matched no more.", self.url)
                self.problem = ""
            except BucketError as error:
                self._say(str(error))
            except Exception as error:
                self._say(f"The list at {self.url} cannot be followed: {error}")

    def _say(self, problem: str) -> None:
        if problem != self.problem:
            _log.error("%s The list is matched as it was when it was last seen.", problem)
        self.problem = problem


@contextlib.contextmanager
def following(urls: Sequence[str], within: Path) -> Iterator[tuple[Followed, ...]]:
    """Follow lists into folders of ``within`` for as long as the block runs. Raises BucketError and ListError."""
    with contextlib.ExitStack() as stack:
        followed = []
        for url in urls:
            one = Followed(url, within / name_of(url))
            stack.callback(one.close)
            one.start()
            followed.append(one)
        yield tuple(followed)
