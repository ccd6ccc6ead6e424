"""An agent without a screen: the agent's own loop, journal, evidence store, uplink and couriers, fed at a stated rate.

A program of its own, so that it can be killed. Lines on its output tell what must arrive: ``tried ID`` before a
finding is recorded, ``durable ID DIGEST`` once it is on disk, ``refused ID`` when it was not, ``died THREAD WHY``.
SIGUSR2: make no more findings (``quiet`` is said), but go on sending.
"""

import argparse
import os
import signal
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from tocsin.agent.health import HealthMeter
from tocsin.agent.ledger import Ledger
from tocsin.agent.loop import Loop
from tocsin.evidence.keys import DeviceKey
from tocsin.model import (
    Category,
    Entry,
    EntryKind,
    Example,
    Finding,
    Kind,
    Line,
    Observation,
    Quote,
    Signal,
    Speaker,
    SystemClock,
    TextSeen,
)
from tocsin.placement import config as configs
from tocsin.placement.blobs import Blobs
from tocsin.placement.config import Folders
from tocsin.placement.courier import EvidenceCourier
from tocsin.placement.crew import Crew
from tocsin.placement.journal import Journal
from tocsin.placement.platform import boot_identity
from tocsin.placement.standing import Standing
from tocsin.placement.uplink import Uplink

_SEVERITIES = (3, 4, 5)


class Every:
    """A detector that finds something in every line."""

    name: ClassVar[str] = "conversation"
    version: ClassVar[str] = "1.0"
    reads: ClassVar[frozenset[Kind]] = frozenset({Kind.TEXT})

    def examine(self, seen: Observation) -> Iterable[Finding]:
        """Return one finding, named as the observation is."""
        number = int(seen.id.rsplit("-", 1)[1])
        text = seen.body.lines[0].text if isinstance(seen.body, TextSeen) else ""
        yield Finding(
            id=seen.id,
            at=seen.at,
            detector=self.name,
            version=self.version,
            category=Category.GROOMING,
            severity=_SEVERITIES[number % 3],
            confidence=0.9,
            why="a line of the measurement",
            observation=seen.id,
            signals=(Signal("age-under-18"), Signal("secrecy")),
            quotes=(Quote(text, Speaker.OTHER, seen.at, ((0, 3),)),),
            thread=seen.thread,
        )

    @staticmethod
    def examples() -> tuple[Example, ...]:
        """Return none: this one is for counting."""
        return ()


def say(*words: object) -> None:
    """Write one line in one piece, so that a kill never leaves half of one."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class Heard:
    """Tells what is on disk; ``last`` is the newest finding that is."""

    last = ""

    def __call__(self, entry: Entry) -> None:
        """Hear of an entry, in the thread that recorded it."""
        if entry.kind == EntryKind.FINDING:
            evidence = entry.body.get("evidence") or {}
            self.last = entry.body["id"]
            say("durable", self.last, evidence.get("digest", "-"))


def main() -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--hub", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--file-limit", type=int, default=0)
    asked = parser.parse_args()
    stop, quiet = threading.Event(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGUSR2, lambda *_: quiet.set())
    if asked.file_limit:
        _limit_files(asked.file_limit)
    folders, clock = Folders(asked.data), SystemClock()
    config, key = replace(configs.load(folders), hub=asked.hub), DeviceKey.load(folders.key)
    journal = Journal(folders.journal, key, config.device, clock, boot_identity())
    for sentence in journal.warnings:
        say("warning", sentence)
    heard = Heard()
    journal.listen(heard)
    blobs, ledger, health = Blobs(folders.evidence), Ledger(folders.ledger), HealthMeter(clock)
    courier = EvidenceCourier(config, key, journal, blobs, on_sent=ledger.evidence_sent)

    def sent(entries: tuple[Entry, ...]) -> None:
        ledger.sent(entries)
        courier.acknowledged(entries)

    uplink = Uplink(config, journal, on_sent=sent)
    loop = Loop(
        Standing(folders.order, config.roots, config.label), [Every()], journal, blobs, health, clock, config.salt
    )
    loop.collecting.set()

    crew = Crew(lambda name, why: say("died", name, why), lambda name, why: say("lost", name, why))
    crew.start("uplink", uplink.run, uplink.wake)
    crew.start("evidence", courier.run, courier.wake)
    try:
        feed(loop, journal, heard, asked, stop, quiet)
    finally:
        crew.stop()
        journal.close()
        ledger.close()


def feed(
    loop: Loop,
    journal: Journal,
    heard: Heard,
    asked: argparse.Namespace,
    stop: threading.Event,
    quiet: threading.Event,
) -> None:
    """See so many lines at such a rate, then wait; what was refused is told each second, as heartbeats do."""
    began = told = time.monotonic()
    number = 0
    say("started")
    while not stop.is_set():
        now = time.monotonic()
        if quiet.is_set():
            number = asked.count
            quiet.clear()
            say("quiet")
        if now - told >= 1.0:
            told = now
            journal.tell_gap()
        due = began + number / asked.rate
        if number >= asked.count or due > now:
            stop.wait(0.2 if number >= asked.count else min(0.2, due - now))
            continue
        seen = Observation(
            id=f"{asked.name}-{number}",
            kind=Kind.TEXT,
            at=SystemClock().now(),
            sensor="measurement",
            body=TextSeen((Line(f"line {number} of the measurement"),)),
            thread=f"window-{number % 5}",
        )
        say("tried", seen.id)
        loop.see(seen)
        if heard.last != seen.id:
            say("refused", seen.id)
        number += 1


def _limit_files(size: int) -> None:
    """Where no small disk can be mounted: no file grows past ``size``, until SIGUSR1 makes room."""
    import resource

    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    signal.signal(signal.SIGUSR1, lambda *_: resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard)))


if __name__ == "__main__":
    main()
