"""The small file that a running agent leaves for ``tocsin agent status``: how it stands, nothing that was seen."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tocsin.placement.disk import Disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a running agent stands.

    ``accept`` is where the notice's button is (x, y, width, height), while there is one; ``hub`` what keeps the hub
    from being reached; ``waiting`` how many entries are not yet sent, ``untold`` what was refused and is in no gap
    entry yet; ``sentence`` why the agent stopped, empty while it runs.
    """

    pid: int
    since: str
    at: str
    notice: str
    accept: tuple[int, int, int, int] | None
    collecting: bool
    connected: bool
    hub: str
    waiting: int
    untold: dict[str, Any] | None
    degradations: tuple[str, ...]
    sentence: str = ""

    def write(self, path: Path) -> None:
        """Put it in the place of the file before. Raises OSError."""
        Disk().replace(path, json.dumps(asdict(self)).encode())
