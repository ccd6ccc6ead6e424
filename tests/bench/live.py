"""From the paint of a chat line to the row in the officer's page; what the agent costs; what it loses.

Real Chromium on Xvfb, a real agent, a real hub over TLS on loopback, the console in a second, headless Chromium.
"""

import contextlib
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

import officer

from tocsin.demo.desktop import until
from tocsin.demo.stage import Stage

NAMES = (
    "ash birch cedar dune ember fern glen hazel iris jay kestrel lark maple nell olive pine quill reed sage "
    "teal umber vale wren yarrow zinnia aster briar clover daisy elm flint grove heath ivy juniper kelp linden "
    "moss nettle oak poppy quince rowan sorrel thyme ursa violet willow xenia yew zest amber beryl coral drift "
    "echo fable gale harbor indigo jasper karst lotus marsh north opal pearl quartz river stone tide "
)
ORDINARY = (
    "did you see the match last night",
    "only the second half, the goal was lucky",
    "it rained all through lunch here",
    "my bus was late again this morning",
    "we had pasta with garlic bread",
    "the dog ate half of my sandwich",
    "what are you doing at the weekend",
    "probably football with my cousins",
    "the new map in that game is huge",
    "i built a bridge and it fell down",
    "our neighbour has a new puppy",
    "the film about penguins was great",
)
ASKS = ("are your parents home right now?", "is your mum at home with you?", "is anyone else in the house?")
AGES = ("im 13 btw", "i am 12 and a half", "im 13, just started year 9", "i just turned 12", "im only 13")


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Measure, and return the tables. ``quick`` uses fewer lines and shorter watches."""
    quick = bool(options.get("quick"))
    rounds, watch = (6, 8.0) if quick else (64, 60.0)
    with Stage(tls=True) as stage, officer.browser() as opened:
        stage.prepare()
        stage.start_hub()
        stage.desktop.__enter__()
        stage.enrol()
        agent = stage.start_agent()
        stage.accept_notice()
        stage.desktop.browse(stage.pages.url + "/chat.html?live")
        page = officer.open_page(opened, stage.url, viewport={"width": 1280, "height": 720})
        officer.sign_in(page, stage.cast.officer)
        officer.watch_rows(page)
        stage.pages.show(by="other", text="hello", timeout=40)
        times, missed = latencies(stage, page, rounds)
        still = cost(agent.pid, watch, lambda: None)
        pause = 2.0
        talk = iter(range(10**6))
        busy = cost(agent.pid, watch, lambda: stage.pages.show(by="other", text=varied(next(talk))), pause)
        saving = cost(agent.pid, watch, lambda: save_and_show(stage, next(talk)), pause)
        counts = stage.status()
    milliseconds = [round(t) for t in sorted(times)]
    return {
        "title": "From paint to the officer's page, and what the agent costs",
        "tables": [
            {
                "name": f"Time from paint to the alert's row, {len(times)} alerting lines, missed {missed}",
                "columns": ["figure", "measured", "target"],
                "rows": [
                    ["p50, ms", quantile(milliseconds, 0.5), "≤ 300"],
                    ["p95, ms", quantile(milliseconds, 0.95), "≤ 600"],
                    ["max, ms", milliseconds[-1] if milliseconds else "none", ""],
                    ["alerting lines that rang no row", missed, "0"],
                ],
            },
            {
                "name": "The agent, all children counted",
                "columns": ["screen", "CPU, % of one core", "target", "resident, MB", "target "],
                "rows": [
                    ["still", round(still["cpu"], 2), "≤ 1", round(still["rss"]), "≤ 300"],
                    ["one new line every 2 s", round(busy["cpu"], 1), "≤ 15", round(busy["rss"]), "≤ 300"],
                    [
                        "a line and a saved 1600 x 1200 picture every 2 s",
                        *(round(saving["cpu"], 1), "", round(saving["rss"]), "≤ 300"),
                    ],
                ],
            },
        ],
        "raw": {"latencies_ms": milliseconds, "agent": counts},
    }


def latencies(stage: Stage, page: Any, rounds: int) -> tuple[list[float], int]:
    """Play short conversations, each with a line that rings; return ms from its paint to its row, and how many did not.

    The last line is meant to ring. Where the one before it did already, that one is timed.
    """
    dice = random.Random(20261122)
    times: list[float] = []
    missed = 0
    for number in range(rounds):
        stage.pages.show(clear=True, peer=name(number), dark=bool(number % 2))
        for line in dice.sample(ORDINARY, 3):
            stage.pages.show(by=dice.choice(("subject", "other")), text=line)
            time.sleep(dice.uniform(0.2, 0.6))
        before = {row["id"] for row in officer.rows(page)}
        painted = stage.pages.show(by="subject", text=dice.choice(ASKS))
        row = first_row(page, before, dice.uniform(0.7, 1.0))
        if row is None:
            painted = stage.pages.show(by="other", text=dice.choice(AGES))
            row = first_row(page, before)
        if row is None:
            missed += 1
        else:
            times.append(float(row["at"]) - painted)
    return times, missed


def first_row(page: Any, before: set[Any], seconds: float = 5.0) -> dict[str, Any] | None:
    """Return the first row that was not there before, or None when none came in time."""
    with contextlib.suppress(TimeoutError):
        return until(
            lambda: next((row for row in officer.rows(page) if row["id"] not in before), None), seconds, "a row"
        )
    return None


def name(number: int) -> str:
    """Return one of the names, round and round."""
    names = NAMES.split()
    return names[number % len(names)]


def varied(number: int) -> str:
    """Return an ordinary line that was not shown before."""
    return f"{ORDINARY[number % len(ORDINARY)]}, {name(number * 7)} {name(number * 13)}"


def save_and_show(stage: Stage, number: int) -> None:
    """Save a picture like no other where downloads go, so that the agent's decoder is at work, and show a line."""
    coarse = np.random.default_rng(number).integers(0, 255, (30, 40, 3), np.uint8)
    Image.fromarray(coarse).resize((1600, 1200), Image.Resampling.BICUBIC).save(
        stage.home / "Downloads" / f"{number}.jpg"
    )
    stage.pages.show(by="other", text=varied(number))


def cost(pid: int, seconds: float, act: Any, pause: float = 0.0) -> dict[str, float]:
    """Return CPU (% of one core) and the largest resident memory (MB) of a process and its children."""
    time.sleep(3)
    parent = psutil.Process(pid)
    begun, cpu = time.monotonic(), busy_seconds(parent)
    most = 0.0
    while time.monotonic() - begun < seconds:
        act()
        most = max(most, resident(parent))
        time.sleep(pause or 1.0)
    return {"cpu": 100 * (busy_seconds(parent) - cpu) / (time.monotonic() - begun), "rss": most}


def busy_seconds(parent: psutil.Process) -> float:
    """Return the CPU seconds a process and its children have used, ended children included."""
    own = parent.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in parent.children(recursive=True):
        times = child.cpu_times()
        total += times.user + times.system
    return total


def resident(parent: psutil.Process) -> float:
    """Return the resident memory of a process and its children, in MB."""
    family = [parent, *parent.children(recursive=True)]
    return sum(member.memory_info().rss for member in family) / 1e6


def quantile(ordered: list[int], share: float) -> float | str:
    """Return a quantile of sorted values, or "none"."""
    if not ordered:
        return "none"
    if len(ordered) == 1:
        return ordered[0]
    cuts = statistics.quantiles(ordered, n=100, method="inclusive")
    return round(cuts[round(share * 100) - 1])
