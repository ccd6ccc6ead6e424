"""Phrase matching: megabytes of text a second on one core, beside a compiled alternation and a loop of ``in``.

20,000 made-up phrases and the packs' own, over mixed text: ordinary words, numbers, accents, other scripts, emoji,
and one planted phrase in about two thousand words. Normalising is included in ours; the peers get text that is
already folded, so they do less.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from typing import Any

from tocsin.text import phrases
from tocsin.text.normalise import normalise
from tocsin.text.packs import Entry
from tocsin.text.phrases import Phrases

COUNT = 20_000
LINE = "hey are your parents home right now? dont tell them ok"


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Measure; ``options`` may hold ``quick`` (less text)."""
    size = 2_000_000 if options.get("quick") else 12_000_000
    chance = random.Random(20260101)
    vocabulary = _vocabulary(chance, 30_000)
    wanted = _phrases(chance, vocabulary)
    text = _text(chance, vocabulary, wanted, size)
    megabytes = len(text.encode()) / 1e6
    began = time.perf_counter()
    ours = Phrases([Entry(f"en-{n}", "bench", "en", "secrecy", 1.0, (p,), (), ()) for n, p in enumerate(wanted)], {})
    built = time.perf_counter() - began
    rows: list[list[Any]] = []
    best, hits = _best(lambda: len(ours.find(text)), 3)
    rows.append([f"Tocsin, {COUNT:,} phrases, folding included", megabytes / best, hits, 1.0])
    packs = phrases.default()
    mine, found = _best(lambda: len(packs.find(text)), 2)
    rows.append([f"Tocsin, its own packs ({packs.count:,} sequences)", megabytes / mine, found, best / mine])
    rows.extend(_peers(wanted, normalise(text).text, best / megabytes))
    line, _ = _best(lambda: [packs.find(LINE) for _ in range(200)] and 0, 3)
    return {
        "title": "Phrases: one automaton for all packs",
        "tables": [
            {"name": "Throughput, one core", "columns": ["what", "MB/s", "hits", "ratio to ours"], "rows": rows},
            {
                "name": "Small figures",
                "columns": ["what", "value"],
                "rows": [
                    ["building 20,000 phrases, s", built],
                    ["one chat line with the packs, ms", 1000 * line / 200],
                    ["text, MB", megabytes],
                ],
            },
        ],
    }


def _best(work: Callable[[], int], times: int) -> tuple[float, int]:
    """Return the least processor time of several runs, and the work's answer."""
    best, answer = float("inf"), 0
    for _ in range(times):
        began = time.process_time()
        answer = work()
        best = min(best, time.process_time() - began)
    return best, answer


def _peers(wanted: list[str], folded: str, ours: float) -> list[list[Any]]:
    """Measure the peers on as much text as they manage in a few seconds."""
    rows: list[list[Any]] = []
    plain = " ".join(folded.split())
    sample = plain[:20_000]
    pattern = re.compile(r"\b(?:" + "|".join(map(re.escape, sorted(wanted, key=len, reverse=True))) + r")\b")
    spent, hits = _best(lambda: sum(1 for _ in pattern.finditer(sample)), 1)
    rows.append(
        [
            f"re, one alternation, on {len(sample):,} characters",
            len(sample) / 1e6 / spent,
            hits,
            ours / (spent / len(sample) * 1e6),
        ]
    )
    sample = plain[:200_000]
    spent, hits = _best(lambda: sum(1 for phrase in wanted if phrase in sample), 1)
    rows.append(
        [
            f"in, phrase by phrase, on {len(sample):,} characters",
            len(sample) / 1e6 / spent,
            hits,
            ours / (spent / len(sample) * 1e6),
        ]
    )
    return rows


def _vocabulary(chance: random.Random, count: int) -> list[str]:
    letters = "eeeetttaaaooiinnsshhrrdlucmfwypvbgk"
    return ["".join(chance.choice(letters) for _ in range(chance.randint(2, 9))) for _ in range(count)]


def _phrases(chance: random.Random, vocabulary: list[str]) -> list[str]:
    found: set[str] = set()
    while len(found) < COUNT:
        found.add(" ".join(chance.choice(vocabulary[:8000]) for _ in range(chance.randint(2, 5))))
    return sorted(found)


def _text(chance: random.Random, vocabulary: list[str], wanted: list[str], size: int) -> str:
    extras = ["13", "2026", "mañana", "qué", "h0w", "привет", "👍", "don't", "sooo", "...", "10:42", "OK"]
    pieces: list[str] = []
    length = 0
    while length < size:
        pick = chance.random()
        if pick < 0.0005:
            piece = chance.choice(wanted)
        elif pick < 0.06:
            piece = chance.choice(extras)
        else:
            piece = chance.choice(vocabulary)
        pieces.append(piece + ("\n" if pick > 0.93 else " "))
        length += len(piece) + 1
    return "".join(pieces)
