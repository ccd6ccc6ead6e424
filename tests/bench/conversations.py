"""Detection quality on short written chats: ``tocsin bench conversations``.

The chats are invented, harmless to read, in English, Spanish and Tagalog, the halves written by
different people. *tune* and *dev* are what the packs and the examples of wording were made from (they are the examples:
src/tocsin/packs/examples), so their figures flatter. *dev, trained on tune only* is what another writer's chats gave
while the wording was learnt from *tune* alone; its threshold was chosen on them. *test* is held out: nothing is
tuned on it. A warning is a finding of severity 3 or more of the *phrases* or *conversation* detector, fed one message
at a time, twenty seconds apart.
"""

from __future__ import annotations

import math
import platform
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from tocsin.detectors import Conversation, Phrases
from tocsin.model import Finding, Kind, Line, Observation, Speaker, TextSeen
from tocsin.text import wording

DATA = Path(__file__).parent / "data" / "conversations"
EXAMPLES = Path(str(resources.files("tocsin.packs").joinpath("examples")))
SEVERITY = 3
START = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
TUNE_ONLY = "dev, trained on tune only"
HALVES = ("tune", "dev", TUNE_ONLY, "test")
SEEN = {
    "tune": "packs and examples were made from it",
    "dev": "examples were made from it",
    TUNE_ONLY: "threshold was chosen on it",
    "test": "held out",
}


@dataclass(frozen=True, slots=True)
class Chat:
    """One written chat."""

    id: str
    risky: bool
    kind: str
    language: str
    messages: tuple[tuple[Speaker, str], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the detectors said of one chat: at which message they first warned (1 is the first), or None."""

    chat: Chat
    warned_at: int | None
    findings: tuple[Finding, ...]


def load(half: str) -> list[Chat]:
    """Return the chats of one half."""
    chats = []
    folder, name = (DATA if half == "test" else EXAMPLES), half.partition(",")[0]
    for path in sorted(folder.glob(f"{name}-*.yaml")):
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        for raw in yaml.load(path.read_text(encoding="utf-8"), Loader=loader):
            messages = tuple((Speaker(message["by"]), str(message["text"])) for message in raw["messages"])
            chats.append(Chat(raw["id"], raw["label"] == "risky", raw["kind"], raw["language"], messages))
    return chats


def judge(chat: Chat, model: wording.Model | None = None) -> Outcome:
    """Feed one chat to fresh detectors, message by message; ``model`` is the wording's, all examples' if None."""
    detectors = (Phrases(), Conversation(model))
    first: int | None = None
    findings: list[Finding] = []
    for number, (speaker, text) in enumerate(chat.messages, 1):
        seen = Observation(
            id=f"{chat.id}-{number}",
            kind=Kind.TEXT,
            at=START + timedelta(seconds=20 * number),
            sensor="bench",
            body=TextSeen((Line(text, speaker=speaker),)),
            app="chat",
            thread=chat.id,
        )
        for detector in detectors:
            for finding in detector.examine(seen):
                findings.append(finding)
                if finding.severity >= SEVERITY and first is None:
                    first = number
    return Outcome(chat, first, tuple(findings))


def f_beta(precision: float, recall: float, beta: float) -> float:
    """Return F-beta; 0 where both are 0."""
    weight = beta * beta
    bottom = weight * precision + recall
    return (1 + weight) * precision * recall / bottom if bottom else 0.0


def f_latency(outcomes: Sequence[Outcome], f1: float, penalty: float = 0.0078) -> float:
    """Return F1 x (1 - median penalty over true warnings), as in the eSPD paper; 0.5 is lost at 140 messages."""
    late = [
        -1 + 2 / (1 + math.exp(-penalty * (o.warned_at - 1)))
        for o in outcomes
        if o.chat.risky and o.warned_at is not None
    ]
    return f1 * (1 - median(late)) if late else 0.0


def interval(hits: int, total: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a share."""
    if not total:
        return (0.0, 1.0)
    z, share = 1.96, hits / total
    middle = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return ((middle - spread) / (1 + z * z / total), (middle + spread) / (1 + z * z / total))


def measure(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the figures of one half."""
    true = sum(1 for o in outcomes if o.chat.risky and o.warned_at)
    missed = sum(1 for o in outcomes if o.chat.risky and not o.warned_at)
    false = sum(1 for o in outcomes if not o.chat.risky and o.warned_at)
    ordinary = sum(1 for o in outcomes if not o.chat.risky)
    precision = true / (true + false) if true + false else 0.0
    recall = true / (true + missed) if true + missed else 0.0
    seen = sorted(o.warned_at for o in outcomes if o.chat.risky and o.warned_at)
    f1 = f_beta(precision, recall, 1)
    return {
        "risky": true + missed,
        "ordinary": ordinary,
        "precision": precision,
        "precision interval": interval(true, true + false),
        "recall": recall,
        "recall interval": interval(true, true + missed),
        "F0.5": f_beta(precision, recall, 0.5),
        "F1": f1,
        "F3": f_beta(precision, recall, 3),
        "F_latency": f_latency(outcomes, f1),
        "messages before warning, median": median(seen) if seen else None,
        "messages before warning, p90": seen[min(len(seen) - 1, math.ceil(0.9 * len(seen)) - 1)] if seen else None,
        "false warnings per 1,000": 1000 * false / ordinary if ordinary else 0.0,
    }


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Measure all halves; ``options`` may hold ``halves`` (names)."""
    wanted = options.get("halves") or HALVES
    figures: dict[str, dict[str, Any]] = {}
    outcomes: dict[str, list[Outcome]] = {}
    speed = []
    for half in wanted:
        chats = load(half)
        if not chats:
            continue
        model = wording.learn(wording.examples("tune-")) if half == TUNE_ONLY else wording.default()
        began = time.perf_counter()
        outcomes[half] = [judge(chat, model) for chat in chats]
        lines = sum(len(chat.messages) for chat in chats)
        speed.append([half, lines, 1e3 * (time.perf_counter() - began) / max(1, lines)])
        figures[half] = measure(outcomes[half])
    names = list(next(iter(figures.values()))) if figures else []
    rows: list[list[Any]] = [["chats", *(SEEN.get(half, "") for half in figures)]]
    rows += [[name, *(_shown(figures[half][name]) for half in figures)] for name in names]
    return {
        "title": "Conversations: who is warned about, and how early",
        "tables": [
            {"name": "Detection quality", "columns": ["measure", *figures], "rows": rows},
            *_groups(outcomes),
            {"name": "Cost", "columns": ["half", "messages", "ms a message, both detectors"], "rows": speed},
        ],
        "figures": figures,
        "machine": {"system": platform.platform(), "python": platform.python_version()},
    }


def _groups(outcomes: dict[str, list[Outcome]]) -> Iterable[dict[str, Any]]:
    """Return a table each for kinds and languages: recall of risky chats, false warnings per 1,000 ordinary ones."""
    for name, key in (("kind", lambda chat: chat.kind), ("language", lambda chat: chat.language)):
        rows: list[list[Any]] = []
        for half, judged in outcomes.items():
            counts: dict[tuple[bool, str], list[int]] = defaultdict(lambda: [0, 0])
            for outcome in judged:
                cell = counts[(outcome.chat.risky, key(outcome.chat))]
                cell[0] += 1
                cell[1] += outcome.warned_at is not None
            for (risky, group), (total, warned) in sorted(
                counts.items(), key=lambda item: (not item[0][0], item[0][1])
            ):
                share = f"recall {warned / total:.2f}" if risky else f"{1000 * warned / total:.0f} per 1,000"
                rows.append([half, "risky" if risky else "ordinary", group, total, warned, share])
        yield {"name": f"By {name}", "columns": ["half", "label", name, "chats", "warned", "figure"], "rows": rows}


def _shown(value: Any) -> Any:
    if isinstance(value, tuple):
        return f"{value[0]:.3f} to {value[1]:.3f}"
    return round(value, 4) if isinstance(value, float) else value
