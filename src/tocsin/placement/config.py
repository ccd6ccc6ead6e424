"""What an enrolled placement knows: its hub, whose orders it trusts, and where it keeps its things."""

import json
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from tocsin.evidence.keys import read_bounded
from tocsin.placement.disk import Disk

FORMAT = "tocsin/agent@1"
_MAX = 1 << 20

_TYPES: dict[str, tuple[type, ...]] = {"heartbeat_s": (int, float), "roots": (list,), "lists": (list, tuple)}


class PlacementError(RuntimeError):
    """The agent cannot go on; the message is a sentence for the person who meets it."""


@dataclass(frozen=True, slots=True)
class Config:
    """One enrolment. ``certificate`` is the hub's pinned certificate (PEM), empty only for plain http on loopback;
    ``roots`` are the authority keys (base64) whose orders are trusted; ``salt`` (hex) makes thread names opaque.
    ``lists`` are folders of the authority's own hash lists that somebody chose to have on this computer."""

    hub: str
    device: str
    hub_key: str
    unit: str
    heartbeat_s: float
    certificate: str
    roots: tuple[str, ...]
    salt: str
    label: str
    lists: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Folders:
    """Where an enrolled placement keeps its things: everything lies under one folder that only its user can read.

    ``what`` is the placement's name in sentences and commands: ``agent`` or ``gateway``.
    """

    data: Path
    what: str = "agent"

    @property
    def subject(self) -> str:
        """What is enrolled here, as sentences name it."""
        return "This computer" if self.what == "agent" else f"The {self.what}"

    @property
    def config(self) -> Path:
        """The enrolment."""
        return self.data / "agent.json"

    @property
    def key(self) -> Path:
        """The device's private key."""
        return self.data / "device.key"

    @property
    def order(self) -> Path:
        """The signed order in force."""
        return self.data / "order.json"

    @property
    def accepted(self) -> Path:
        """Which orders' notices were accepted with a real key or button."""
        return self.data / "accepted.json"

    @property
    def journal(self) -> Path:
        """The spool."""
        return self.data / "journal"

    @property
    def evidence(self) -> Path:
        """Sealed evidence on its way."""
        return self.data / "evidence"

    @property
    def ledger(self) -> Path:
        """What the hub has received, for the subject to see."""
        return self.data / "ledger.db"

    @property
    def unasked(self) -> Path:
        """Fingerprints that wait to be compared."""
        return self.data / "unasked.db"

    @property
    def files(self) -> Path:
        """Which files were compared."""
        return self.data / "files.db"

    @property
    def status(self) -> Path:
        """What the running agent says of itself."""
        return self.data / "status.json"

    @property
    def lock(self) -> Path:
        """Held by the one agent that runs."""
        return self.data / "running.lock"

    def create(self) -> None:
        """Make the folder, closed to other users. Raises PlacementError."""
        try:
            self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.data.chmod(0o700)
        except OSError as problem:
            raise PlacementError(
                f"The {self.what}'s folder {self.data} cannot be made: {problem.strerror}."
            ) from problem


def save(folders: Folders, config: Config) -> None:
    """Write the enrolment atomically, mode 0600. Raises OSError."""
    raw = {"format": FORMAT, **asdict(config)}
    Disk().replace(folders.config, json.dumps(raw, indent=1).encode())


def load(folders: Folders) -> Config:
    """Read the enrolment. Raises PlacementError."""
    raw = read_json(folders.config)
    if raw is None:
        raise PlacementError(
            f"{folders.subject} is not enrolled ({folders.config} is missing). Enrol it with: "
            f"tocsin {folders.what} enrol --hub URL --token TOKEN --order FILE"
        )
    if raw.get("format") != FORMAT:
        raise PlacementError(f"{folders.config} is not an enrolment of this version; enrol again.")
    found: dict[str, Any] = {}
    for one in fields(Config):
        name = one.name
        value = raw.get(name, None if one.default is MISSING else one.default)
        wanted = _TYPES.get(name, (str,))
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise PlacementError(f"{folders.config} is damaged: its {name!r} is missing or wrong; enrol again.")
        found[name] = value
    config = Config(**found)
    return replace(
        config,
        roots=tuple(map(str, config.roots)),
        lists=tuple(map(str, config.lists)),
        heartbeat_s=min(60.0, max(1.0, float(config.heartbeat_s))),
    )


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a small JSON object; None where there is none. Raises PlacementError where it cannot be read."""
    try:
        raw = json.loads(read_bounded(path, _MAX))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as problem:
        raise PlacementError(f"{path} cannot be read: {problem}.") from problem
    if not isinstance(raw, dict):
        raise PlacementError(f"{path} cannot be read: it is not an object.")
    return raw
