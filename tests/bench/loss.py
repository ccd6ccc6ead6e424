"""What is lost on the road from the device's disk to the hub: outages, kills, every refusal, bad answers, a full disk.

A real hub process over TLS; an agent process made of the agent's own parts (tests/e2e/loss_agent.py) that says which
findings are on its disk; between them, where the fault is in the wire, a proxy that shows the pinned certificate.
Beside them, in the same runs, a client that retries only time-outs, as the open recorders' clients do.
"""

import collections
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

import faults
from faults import EVIDENCE, JOURNAL, Fault, FaultProxy
from ground import PATIENCE_S, Ground, Outcome, small_disk

from tocsin.demo.desktop import until

STATUSES = tuple(range(400, 600))
SEED = 4711
COLUMNS = ("what happens", "made", "at the hub", "lost", "twice", "counted, signed", "caught up, s")


def outage(ground: Ground, seconds: float, rate: float = 10.0) -> Outcome:
    """The hub is stopped for a while; the device goes on."""
    name, since = ground.begin(), ground.last()
    ground.start_agent(name, rate=rate, count=int(rate * (seconds + 4)))
    time.sleep(1.0)
    ground.stop_hub()
    time.sleep(seconds)
    ground.stage.start_hub()
    back = time.monotonic()
    until(lambda: len(ground.hear().durable) >= int(rate * (seconds + 4)), PATIENCE_S, "the last finding")
    return ground.outcome(f"hub down for {seconds:.0f} s", since, ground.drained(back))


def hub_kills(ground: Ground, times: int, rate: float = 25.0) -> Outcome:
    """The hub is killed while it works on a batch or on evidence, some milliseconds after it got it."""
    chance = random.Random(SEED)
    name, since = ground.begin(), ground.last()
    ground.start_agent(name, rate=rate, proxied=True)
    for number in range(times):
        time.sleep(chance.uniform(0.2, 0.8))
        kind = (JOURNAL, EVIDENCE)[number % 2]
        ground.proxy.plan(kind, [faults.during(ground.kill_hub, chance.uniform(0.0, 0.02))])
        until(ground.hub_is_dead, PATIENCE_S, "the hub's end")
        ground.stage.start_hub()
    return finish(ground, f"hub killed (kill -9) {times} times while it writes", since)


def agent_kills(ground: Ground, times: int, rate: float = 50.0) -> Outcome:
    """The agent is killed at random moments and started again."""
    chance = random.Random(SEED)
    name, since = ground.begin(), ground.last()
    for number in range(times):
        ground.start_agent(f"{name}-{number}", rate=rate)
        some_found(ground, f"{name}-{number}-")
        time.sleep(chance.uniform(0.2, 1.2))
        ground.kill_agent()
    ground.start_agent(f"{name}-last", rate=rate, count=20)
    began = time.monotonic()
    until(lambda: f"{name}-last-19" in ground.hear().durable, PATIENCE_S, "the last finding")
    return ground.outcome(f"agent killed (kill -9) {times} times", since, ground.drained(began))


def statuses(ground: Ground, codes: tuple[int, ...] = STATUSES, rate: float = 40.0) -> Outcome:
    """Each status is answered once to the journal and once to evidence, in a random order, between good answers."""
    chance = random.Random(SEED)
    plans = {kind: [faults.status(code) for code in chance.sample(codes, len(codes))] for kind in (JOURNAL, EVIDENCE)}
    name = f"each status {codes[0]} to {codes[-1]} once, journal and evidence"
    return on_the_wire(ground, name, plans, rate)


def wire_faults(stall: float) -> dict[str, Fault]:
    """The faults that are not a status, by name."""
    return {
        "reset in the middle of the request": faults.reset,
        "half an answer, nothing taken": faults.half,
        "taken, half an answer": faults.half_after,
        "taken, the answer lost": faults.lost_answer,
        "200 with garbage": faults.status(200, b"\x00\xff{{{"),
        "200 with a web page": faults.html(200),
        "201 with an empty object": faults.status(201, b"{}"),
        "200 with a forged receipt": faults.status(
            200, json.dumps({"head": {"seq": 1 << 40, "hash": "0" * 64}, "receipt": "AAAA", "at": "now"}).encode()
        ),
        "204 and nothing": faults.status(204, b""),
        "302 to elsewhere": faults.html(302),
        f"no answer for {stall:.0f} s": faults.stall(stall),
    }


def on_the_wire(
    ground: Ground, name: str, plans: dict[str, list[Fault]], rate: float = 40.0, hold: float = 0.0
) -> Outcome:
    """Let requests meet faults, every second one of a kind, until all are used up; then wait for the rest.

    ``hold``: for how many seconds findings go on being made after that.
    """
    tag, since = ground.begin(), ground.last()
    for kind, plan in plans.items():
        ground.proxy.plan(kind, [step for fault in plan for step in (fault, None)])
    ground.start_agent(tag, rate=rate, proxied=True)
    until(lambda: not any(map(ground.proxy.left, plans)), 2 * PATIENCE_S, "the last fault")
    time.sleep(hold)
    return finish(ground, name, since)


def refused(ground: Ground, times: int, seconds: float, rate: float = 25.0) -> Outcome:
    """Connections are refused for a while, again and again."""
    name, since = ground.begin(), ground.last()
    ground.start_agent(name, rate=rate, proxied=True)
    for _ in range(times):
        time.sleep(seconds / 2)
        ground.proxy.close()
        time.sleep(seconds)
        ground.proxy.listen()
    return finish(ground, f"connection refused for {seconds:.0f} s, {times} times", since)


def storm(ground: Ground, seconds: float, rate: float = 40.0) -> Outcome:
    """All at once: every third request fails somehow, the agent is killed every second, the hub now and then."""
    chance = random.Random(SEED)
    pool = [*wire_faults(0.5).values(), *(faults.status(code) for code in STATUSES if code != 403)]
    tag, since = ground.begin(), ground.last()
    for kind in (JOURNAL, EVIDENCE):
        ground.proxy.plan(kind, [chance.choice([chance.choice(pool), None, None]) for _ in range(int(seconds * 30))])
    deadline, number = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        ground.start_agent(f"{tag}-{number}", rate=rate, proxied=True)
        time.sleep(chance.uniform(0.3, 1.5))
        number += 1
        if number % 4 == 0:
            ground.kill_hub()
            time.sleep(0.5)
            ground.stage.start_hub()
        ground.kill_agent()
    ground.proxy.forget()
    ground.start_agent(f"{tag}-last", rate=rate, proxied=True)
    return finish(ground, f"all of it at once for {seconds:.0f} s", since)


def finish(ground: Ground, name: str, since: int, from_: float | None = None) -> Outcome:
    """Let the agent find nothing more and send what it has; then count. Times run from ``from_``, or from now."""
    began = time.monotonic() if from_ is None else from_
    assert ground.agent is not None
    some_found(ground)
    os.kill(ground.agent.pid, signal.SIGUSR2)
    until(ground.quiet, PATIENCE_S, "the agent's last finding")
    return ground.outcome(name, since, ground.drained(began))


def some_found(ground: Ground, prefix: str = "") -> None:
    """Wait until a dozen findings are on the device's disk: an agent that has not got so far has nothing to lose."""

    def durable() -> int:
        return sum(each.startswith(prefix) for each in ground.hear().durable)

    until(lambda: durable() >= 12, PATIENCE_S, "a dozen findings")


def full_disk(ground: Ground, refusals: int, rate: float = 400.0) -> Outcome:
    """The device's disk is full until so many findings were refused, with a kill on the way; then there is room."""
    tag, since = ground.begin(), ground.last()
    with small_disk(ground) as (make_full, make_room, limit):
        ground.start_agent(tag, rate=rate, proxied=True, limit=limit)
        time.sleep(0.3)
        make_full()
        until(lambda: len(ground.hear().refused) >= refusals // 2, PATIENCE_S, "half of the refusals")
        ground.kill_agent()
        ground.start_agent(f"{tag}-again", rate=rate, proxied=True, limit=limit)
        until(lambda: len(ground.hear().refused) >= refusals, PATIENCE_S, "the refusals")
        make_room()
        room = time.monotonic()
        until(lambda: _counted(ground, since), PATIENCE_S, "the signed count")
        how = "disk full, agent killed meanwhile" if not limit else "files limited in size, agent killed meanwhile"
        result = finish(ground, f"{how}; then room", since, room)
    said, there = ground.hear(), ground.arrived(since)
    open_ = len(said.tried - said.durable.keys() - said.refused - there.entries.keys())  # a kill left their fate unsaid
    result.counted, result.evidence_counted = there.counted["finding"], there.counted["evidence"]
    result.made += len(said.refused) + _between(0, result.counted - len(said.refused), open_)
    unkept = sum(digest == "-" for digest in said.durable.values()) + len(said.refused)
    result.evidence_made += unkept + _between(0, result.evidence_counted - unkept, open_)
    return result


def peer_client(url: str, rate: float, count: int) -> None:
    """Send as aw-client 0.5.15 does: only a connect time-out is tried again, all else is logged and dropped."""
    began = time.monotonic()
    with httpx.Client(base_url=url, timeout=10.0, trust_env=False) as client:
        for number in range(count):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            waiting = True
            while waiting:
                waiting = False
                try:
                    client.post("/events", content=str(number))
                except httpx.ConnectTimeout:
                    waiting = True
                except httpx.HTTPError:
                    pass


def peer(name: str, plan: list[Fault], count: int, rate: float, down: tuple[float, float] | None = None) -> Outcome:
    """Run the peer against a receiver that meets the same: faults at every second request, or gone for a while."""
    got: collections.Counter[bytes] = collections.Counter()

    def take(path: str, body: bytes) -> bool:
        got[body] += 1
        return True

    with FaultProxy(take=take) as receiver:
        receiver.plan(faults.OTHER, [step for fault in plan for step in (fault, None)])
        calls = (receiver.close, receiver.listen)
        timers = [threading.Timer(at, call) for at, call in zip(down or (), calls, strict=False)]
        for timer in timers:
            timer.start()
        peer_client(receiver.url, rate, count)
        for timer in timers:
            timer.join()
    label = f"a client that retries only time-outs: {name}"
    return Outcome(label, count, len(got), sum(n - 1 for n in got.values()))


def scenarios(ground: Ground, quick: bool) -> Iterator[Outcome]:
    """Run all, in order."""
    down = 5.0 if quick else 60.0
    yield outage(ground, down)
    yield hub_kills(ground, 2 if quick else 10)
    yield agent_kills(ground, 3 if quick else 20)
    yield statuses(ground)
    yield refused(ground, 2 if quick else 5, 1.0 if quick else 4.0)
    stall = 1.0 if quick else 35.0
    for name, fault in wire_faults(stall).items():
        times, rate, hold = (1, 10.0, stall) if "no answer" in name else (2 if quick else 10, 40.0, 0.0)
        yield on_the_wire(ground, name, {JOURNAL: [fault] * times, EVIDENCE: [fault] * times}, rate, hold)
    yield storm(ground, 8.0 if quick else 90.0)
    yield full_disk(ground, 200 if quick else 1000)
    yield peer(f"hub down for {down:.0f} s", [], int(10 * (down + 4)), 10.0, (1.0, 1.0 + down))
    every = [faults.status(code) for code in STATUSES]
    yield peer("each status 400 to 599 once", every, 2 * len(every), 400.0)


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Measure, and return the tables. ``quick`` shortens outages and repeats less."""
    done: list[Outcome] = []
    with Ground() as ground:
        for each in scenarios(ground, bool(options.get("quick"))):
            print(f"{each.name}: lost {each.lost} of {each.made}", file=sys.stderr, flush=True)
            done.append(each)
    findings = [[o.name, o.made, o.arrived, o.lost, o.twice, o.counted, _tenths(o.caught_up)] for o in done]
    evidence = [
        [o.name, o.evidence_made, o.evidence_arrived, o.evidence_lost, o.evidence_counted, late]
        for o in done
        if o.evidence_made
        for late in [_tenths(o.evidence_caught_up)]
    ]
    tables: list[dict[str, Any]] = [
        {"name": "findings (target: 0 lost silently, 0 twice)", "columns": [*COLUMNS], "rows": findings},
        {"name": "their sealed evidence", "columns": [c for c in COLUMNS if c != "twice"], "rows": evidence},
    ]
    trouble = [[o.name, line] for o in done for line in o.trouble]
    trouble += [[o.name, "the device's record at the hub has a hole"] for o in done if not o.whole]
    if trouble:
        tables.append({"name": "also seen", "columns": ["in", "what"], "rows": trouble})
    return {"title": "Findings lost over outages, kills, refusals and a full disk", "tables": tables}


def _counted(ground: Ground, since: int) -> bool:
    """Say whether as many refusals were counted at the hub as the agent has told of."""
    return ground.arrived(since).counted["finding"] >= len(ground.hear().refused)


def _between(low: int, value: int, high: int) -> int:
    return max(low, min(value, high))


def _tenths(seconds: float | None) -> float | str:
    return "" if seconds is None else round(seconds, 1)
