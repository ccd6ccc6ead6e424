"""Media: what the sensors of pictures and files need of the agent. It exists only while the order permits them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tocsin.agent.asking import Asking
from tocsin.model import Fingerprints, Observation

DETECTOR = "known-media"
"""The detector that an order has to permit before a picture or a file is looked at."""


@dataclass(frozen=True, slots=True)
class Media:
    """``private`` says whether an application, a title or a path names a privileged contact; ``count`` takes codes for
    the heartbeat; ``own`` are the agent's folders, never looked into; ``state`` is where it is kept what was seen."""

    asking: Asking
    private: Callable[[str, str], bool]
    count: Callable[[str], None]
    own: tuple[Path, ...]
    state: Path

    def ask(self, prints: Fingerprints, seen: Observation) -> None:
        """Have fingerprints compared with the lists; the answer goes into the loop as an observation (asking.py)."""
        self.asking.ask(prints, seen)
