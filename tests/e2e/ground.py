"""The ground that losses are measured on: a hub, a proxy before it, an enrolled device whose agent can be killed.

Counted is what the agent process said was on its disk against what the hub's store holds.
"""

import collections
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from faults import FaultProxy
from sqlalchemy import select

from tocsin.demo.desktop import until
from tocsin.demo.stage import Stage
from tocsin.hub.settings import HubSettings
from tocsin.hub.store import Store
from tocsin.hub.store.schema import EvidenceRecord, FindingRecord, JournalEntry

AGENT = Path(__file__).with_name("loss_agent.py")
PATIENCE_S = 240.0
"""How long anything may take before it counts as not happening: far longer than it does on a busy machine."""


@dataclass(slots=True)
class Said:
    """What an agent process told: findings tried, on disk (with their evidence's digest), refused; other lines."""

    tried: set[str] = field(default_factory=set)
    durable: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    other: list[str] = field(default_factory=list)

    @property
    def evidence(self) -> set[str]:
        """The digests of the sealed evidence on disk."""
        return {digest for digest in self.durable.values() if digest != "-"}


@dataclass(slots=True)
class Arrived:
    """What the hub holds: how often its record has each finding, and with what evidence; which are in alerts, what
    evidence is stored, what gap entries counted, what was given up; ``whole``: the record is one unbroken chain."""

    entries: collections.Counter[str] = field(default_factory=collections.Counter)
    evidence: dict[str, str] = field(default_factory=dict)
    alerted: set[str] = field(default_factory=set)
    stored: set[str] = field(default_factory=set)
    counted: collections.Counter[str] = field(default_factory=collections.Counter)
    dead: int = 0
    whole: bool = True


@dataclass(slots=True)
class Outcome:
    """One scenario's row."""

    name: str
    made: int
    arrived: int
    twice: int
    evidence_made: int = 0
    evidence_arrived: int = 0
    counted: int = 0
    evidence_counted: int = 0
    caught_up: float | None = None
    evidence_caught_up: float | None = None
    whole: bool = True
    trouble: tuple[str, ...] = ()

    @property
    def lost(self) -> int:
        """Findings that neither arrived nor were counted in a signed entry."""
        return self.made - self.arrived - self.counted

    @property
    def evidence_lost(self) -> int:
        """Sealed evidence that neither arrived nor was counted in a signed entry."""
        return self.evidence_made - self.evidence_arrived - self.evidence_counted


class Ground:
    """A hub, a proxy before it and an enrolled device. A context manager: leaving it stops and removes everything."""

    def __init__(self) -> None:
        self.stage = Stage(tls=True)
        self._logs = 0
        self.said = Said()
        self.agent: subprocess.Popen[bytes] | None = None
        self._open: list[Path] = []

    def __enter__(self) -> Self:
        """Start the hub and enrol the device."""
        try:
            self.stage.prepare()
            self.stage.start_hub()
            self.stage.enrol()
            self.data = self.stage.agent_data
            self.proxy = FaultProxy(self.stage.port, self.stage.certificate)
            self.store = Store(HubSettings(data=self.stage.data / "hub").store)
        except BaseException:
            self.stage.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self.stop_agent()
        self.proxy.close()
        self.store.close()
        self.stage.close()

    def begin(self) -> str:
        """Begin a scenario: forget what was said before. Returns a name for its findings."""
        self.stop_agent()
        self.said, self._open = Said(), []
        return uuid.uuid4().hex[:8]

    def start_agent(
        self, name: str, *, rate: float, count: int = 10**9, proxied: bool = False, limit: int = 0
    ) -> "subprocess.Popen[bytes]":
        """Start the agent process and wait until it works."""
        self._logs += 1
        log = self.stage.data / f"loss-{self._logs}.log"
        argv = [sys.executable, str(AGENT), "--data", str(self.data), "--name", name]
        argv += ["--hub", self.proxy.url if proxied else self.stage.url, "--rate", str(rate), "--count", str(count)]
        agent = self.agent = self.stage.processes.start([*argv, "--file-limit", str(limit)], log=log)
        self._open.append(log)
        until(lambda: b"started" in log.read_bytes() or agent.poll() is not None, PATIENCE_S, "the agent")
        if agent.poll() is not None:
            raise RuntimeError(f"the agent did not start: {log.read_text()[-2000:]}")
        return agent

    def stop_agent(self) -> None:
        """Ask the agent to end, as a shutdown does."""
        if self.agent is not None:
            self.stage.processes.stop(self.agent)
            self.agent = None

    def kill_agent(self) -> None:
        """``kill -9``."""
        assert self.agent is not None
        _kill(self.agent)
        self.stage.processes.stop(self.agent)
        self.agent = None

    def kill_hub(self) -> None:
        """``kill -9``; may be called from any thread."""
        assert self.stage.hub is not None
        _kill(self.stage.hub)

    def hub_is_dead(self) -> bool:
        """Say whether the hub's process has ended."""
        return self.stage.hub is None or self.stage.hub.poll() is not None

    def stop_hub(self) -> None:
        """Stop the hub properly."""
        assert self.stage.hub is not None
        self.stage.processes.stop(self.stage.hub)

    def quiet(self) -> bool:
        """Say whether the agent has told that it finds nothing more."""
        return "quiet" in self._open[-1].read_text().split()

    def hear(self) -> Said:
        """Read what the scenario's agent processes have told so far."""
        said = Said()
        for log in self._open:
            for line in log.read_text(errors="replace").splitlines():
                match line.split():
                    case ["tried", name]:
                        said.tried.add(name)
                    case ["durable", name, digest]:
                        said.durable[name] = digest
                    case ["refused", name]:
                        said.refused.add(name)
                    case ["started"] | ["quiet"] | []:
                        pass
                    case _:
                        said.other.append(line)
        self.said = said
        return said

    def visible(self) -> Arrived:
        """Ask the hub's store which findings are in alerts, and which evidence is stored."""
        with self.store.reading() as session:
            alerted = set(session.scalars(select(FindingRecord.id)))
            stored = set(session.scalars(select(EvidenceRecord.digest).where(EvidenceRecord.status == "stored")))
        return Arrived(alerted=alerted, stored=stored)

    def arrived(self, since: int = 0) -> Arrived:
        """Ask the hub's store, and check that the device's record is one chain without a hole."""
        found = self.visible()
        with self.store.reading() as session:
            declared = set(session.scalars(select(EvidenceRecord.digest)))
            rows = session.execute(
                select(JournalEntry.seq, JournalEntry.kind, JournalEntry.hash, JournalEntry.raw)
                .where(JournalEntry.seq > since)
                .order_by(JournalEntry.seq)
            ).all()
        before: tuple[int, str] | None = None
        for seq, kind, digest, raw in rows:
            entry = json.loads(raw)
            found.whole = found.whole and (before is None or (seq, entry["prev"]) == (before[0] + 1, before[1]))
            before = (seq, digest)
            if kind == "finding":
                found.entries[entry["body"]["id"]] += 1
                found.evidence[entry["body"]["id"]] = (entry["body"]["evidence"] or {}).get("digest", "-")
            elif kind == "gap":
                found.counted.update(entry["body"].get("counts", {}))
            elif kind == "dead-letter":
                # Sealed for a finding that a kill kept off the disk: no entry names it, so nothing is missing.
                found.dead += entry["body"]["kind"] != "evidence" or entry["body"]["entry_hash"] in declared
        return found

    def last(self) -> int:
        """Return the last sequence number that the hub holds."""
        with self.store.reading() as session:
            return max(session.scalars(select(JournalEntry.seq)), default=0)

    def drained(self, from_: float, seconds: float = PATIENCE_S) -> tuple[float | None, float | None]:
        """Wait until all that is on the device's disk is at the hub; seconds after ``from_`` for both, or None."""
        took: float | None = None
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            said, there = self.hear(), self.visible()
            now = time.monotonic() - from_
            if took is None and there.alerted >= said.durable.keys():
                took = now
            if took is not None and there.stored >= said.evidence:
                return took, now
            time.sleep(0.1)
        return took, None

    def outcome(self, name: str, since: int, times: tuple[float | None, float | None] = (None, None)) -> Outcome:
        """Count. A finding is made once it is on the device's disk: killed before that, nobody was promised it."""
        said, there = self.hear(), self.arrived(since)
        ours = said.durable.keys() | (said.tried & there.entries.keys())
        trouble = [*said.other, *(["an entry was given up"] * there.dead)]
        sealed = said.evidence | {there.evidence.get(id_, "-") for id_ in ours} - {"-"}
        return Outcome(
            name,
            made=len(ours),
            arrived=len(ours & there.alerted),
            twice=sum(number - 1 for id_, number in there.entries.items() if id_ in ours),
            evidence_made=len(sealed),
            evidence_arrived=len(there.stored & sealed),
            caught_up=times[0],
            evidence_caught_up=times[1],
            whole=there.whole,
            trouble=tuple(trouble),
        )


@contextlib.contextmanager
def small_disk(ground: Ground) -> Iterator[tuple[Callable[[], None], Callable[[], None], int]]:
    """Move the device's folder to a disk of a few megabytes; yields how to fill it and empty it.

    Where none can be mounted, files are limited in size instead (the third value, in bytes).
    """
    folder = Path(tempfile.mkdtemp(prefix="tocsin-small-"))
    mounted = shutil.which("mount") is not None and os.geteuid() == 0
    argv = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tocsin-loss", str(folder)]
    mounted = mounted and subprocess.run(argv, capture_output=True, check=False).returncode == 0
    before = ground.data
    if mounted:
        shutil.copytree(before, folder / "agent")
        ground.data = folder / "agent"
    filler = folder / "filler"

    def room() -> None:
        filler.unlink(missing_ok=True)
        if not mounted and ground.agent is not None:
            os.kill(ground.agent.pid, signal.SIGUSR1)

    try:
        yield (lambda: _fill(filler) if mounted else None), room, 0 if mounted else 300_000
    finally:
        ground.stop_agent()
        if mounted:
            shutil.rmtree(before)
            shutil.copytree(ground.data, before)
            ground.data = before
            subprocess.run(["umount", str(folder)], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _fill(path: Path) -> None:
    """Write until the disk is full, to the last byte."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    pass


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
