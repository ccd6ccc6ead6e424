"""A day of reports against a made CyberTipline that fails at every step in turn: filed once each, none lost.

Everything is the real thing but the service, which runs in the same process, and the clock, which is moved by hand.
"""

import itertools
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "reporting"))

from clocks import HandClock
from sandbox import FAULTS, STEPS, Crash, Sandbox
from world import Fits, World

from tocsin.exchange.cybertip.schema import Schema

XSD = Path(__file__).resolve().parents[3] / "shared" / "reference" / "cybertipline.xsd"
HOURS = 24
ROUND_S = 300.0
PERSON_S = 3 * 3600.0
"""How long a person takes to decide on a held report."""


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Approve a report every few minutes for a day; every call fails in its turn, in every way."""
    with tempfile.TemporaryDirectory() as folder:
        return _day(Path(folder), every_s=1800.0 if options.get("quick") else 600.0)


def _day(folder: Path, every_s: float) -> dict[str, Any]:
    clock = HandClock()
    schema = Schema(XSD.read_bytes()) if XSD.is_file() else Fits()
    service = Sandbox(clock.now, check=schema.check)
    world = World(folder, service, clock, schema)
    ways = itertools.cycle([(step, fault) for fault in FAULTS for step in STEPS])
    waiting = next(ways)

    def plan(step: str) -> str:
        """Fail the step whose turn it is; then the next one's turn comes. Between faults one call goes through."""
        nonlocal waiting, calm
        if calm or (waiting[0] != step and waiting[0] != "retract"):
            calm = False
            return ""
        if waiting[0] == "retract" and step != "retract":
            return "lost-after" if step == "upload" else ""  # something to retract
        fault, waiting, calm = waiting[1], next(ways), True
        return fault

    calm = False
    service.plan = plan
    reports: list[str] = []
    held_since: dict[str, float] = {}
    held: Counter[str] = Counter()
    crashes = decided = 0
    began, start, due = time.perf_counter(), clock.now(), 0.0
    while True:
        passed = (clock.now() - start).total_seconds()
        over = passed >= HOURS * 3600
        if over:
            service.plan = lambda step: ""
        while not over and due <= passed:
            reports.append(world.approved(viewed=(1,)))
            due += every_s
        try:
            world.round()
        except Crash:
            crashes += 1
            world.start_worker()
        rows = {each: world.read(each) for each in reports}
        for each, row in rows.items():
            if row.state != "held":
                held_since.pop(each, None)
                continue
            if each not in held_since:
                held[row.held_for] += 1
                held_since[each] = passed
            if passed - held_since[each] >= PERSON_S:
                world.decide(each, "again", row.hint_id)
                held_since.pop(each)
                decided += 1
        if over and all(row.state == "filed" for row in rows.values()):
            break
        if passed > 10 * HOURS * 3600:
            break
        clock.sleep(ROUND_S)
    took = time.perf_counter() - began
    filed = service.filed()
    once = sum(filed[world.users[each]] == 1 for each in reports)
    world.close()
    table = [
        ("reports approved in 24 h", len(reports)),
        ("filed exactly once", once),
        ("lost (never filed)", len(reports) - sum(filed[world.users[each]] >= 1 for each in reports)),
        ("filed twice", sum(count > 1 for count in filed.values())),
        ("held for a person, submit without an answer", held["ambiguous-submit"]),
        ("held for a person, other reasons", sum(held.values()) - held["ambiguous-submit"]),
        ("decided by the person (here: send again, three hours later)", decided),
        ("submits repeated without a person while one was open or unknown", len(service.wrongs)),
        ("faults made", sum(service.faults.values())),
        ("the worker's process died", crashes),
        ("hours until the last was filed", round((clock.now() - start).total_seconds() / 3600, 1)),
        ("real seconds", round(took, 1)),
    ]
    faults = [(fault, *(service.faults[step, fault] for step in STEPS)) for fault in FAULTS]
    validated = "validated by NCMEC's schema" if XSD.is_file() else "NCMEC's schema not at hand: not validated by it"
    return {
        "title": "A day of reports against a service that fails at every step in turn",
        "tables": [
            {"name": f"24 simulated hours ({validated})", "columns": ["what", "count"], "rows": table},
            {"name": "Faults made, by step", "columns": ["fault", *STEPS], "rows": faults},
        ],
    }
