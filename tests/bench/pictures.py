"""Photographs shown for two seconds on real Chromium pages, in viewers and in films: is each found, and at what cost?

The screen and picture sensors of the agent watch an X server; what they hash is compared by brute force with the PDQ
hashes of all photographs, as decoded from their files. A photograph counts as found when a hash within 31 bits of its
own arrives while, or shortly after, it is shown. ``TOCSIN_BENCH_SEED`` chooses other pages; ``TOCSIN_BENCH_KEEP`` names
a folder for pictures of the screens where one was missed.
"""

import contextlib
import os
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import picture_misses as misses
import picture_pages as pages

from tocsin.agent.sensors.pictures import PictureSensor, PictureStats
from tocsin.agent.sensors.screen import ScreenSensor
from tocsin.agent.sensors.x11 import X11Display
from tocsin.demo.desktop import Desktop
from tocsin.media import pdq
from tocsin.model import Fingerprints, MediaSeen, Observation, Rect, SystemClock

RADIUS = 31
HOLD = 2.0
"""Seconds for which a page is shown."""
GRACE = 1.2
"""Seconds after a page has gone in which its pictures may still be reported."""


class NoWords:
    """A reader that reads nothing: only pictures are measured here."""

    def read(self, images: Any) -> list[tuple[str, float]]:
        """Return no words."""
        return [("", 0.0) for _ in images]


@dataclass
class Seen:
    """What was asked of, with what it came nearest to."""

    at: float
    box: Rect
    name: str
    distance: int
    prints: int


@dataclass
class Watch:
    """The sensors at work on one display; ``seen`` grows as they ask."""

    display: str
    known: dict[str, bytes]
    seen: list[Seen] = field(default_factory=list)

    def __enter__(self) -> "Watch":
        self.names = list(self.known)
        self._table = np.frombuffer(b"".join(self.known.values()), np.uint8).reshape(-1, 32)
        self.screen = ScreenSensor(X11Display(self.display), NoWords(), SystemClock())
        self.pictures = PictureSensor(self.screen, SystemClock(), self.ask)
        self.screen.painted = self.pictures.changed
        self.pictures.start()
        self.screen.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.screen.close()
        self.pictures.close()

    def ask(self, fingerprints: Fingerprints, seen: Observation) -> None:
        """Compare with every photograph."""
        best = (257, "")
        for made in fingerprints.prints:
            distances = np.bitwise_count(self._table ^ np.frombuffer(bytes.fromhex(made.hex), np.uint8)).sum(axis=1)
            nearest = int(distances.argmin())
            best = min(best, (int(distances[nearest]), self.names[nearest]))
        assert isinstance(seen.body, MediaSeen)
        assert seen.body.box is not None
        self.seen.append(Seen(time.monotonic(), seen.body.box, best[1], best[0], len(fingerprints.prints)))


def plan(quick: bool) -> list[tuple[str, int, bool]]:
    """Return (layout, size, dark) of each page to show."""
    rounds = 1 if quick else 8
    out = []
    for number in range(rounds):
        for at, layout in enumerate(pages.LAYOUTS):
            if layout.startswith("video"):
                out += [(layout, 0, False)] * (1 if quick else 2)
                continue
            sizes = (*pages.SIZES, 0) if layout == "viewer" else pages.SIZES
            chosen = sizes[number % 3 :: 3] if quick else sizes
            out += [(layout, size, bool((number + at + i) % 2)) for i, size in enumerate(chosen)]
    return out


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Show pages in five layouts (``quick``: about a minute) and measure; ``tell`` prints each picture missed."""
    if not pages.PHOTOS.is_dir():
        raise SystemExit("The photographs are not there: shared/data/photos beside this repository.")
    photos = pages.photos()
    known = {name: pdq.hash_array(np.asarray(image)).bits for name, image in photos.items()}
    shown: Counter[tuple[str, int]] = Counter()
    found: Counter[tuple[str, int]] = Counter()
    missed: list[str] = []
    causes: Counter[str] = Counter()
    seed = int(os.environ.get("TOCSIN_BENCH_SEED", "1"))
    delays: list[float] = []
    costs: dict[str, list[tuple[float, float]]] = defaultdict(list)
    false = asked = prints = 0
    server = pages.Pages(round(1000 * HOLD))
    with contextlib.closing(server), Desktop(1280, 900) as desktop, Watch(desktop.display, known) as watch:
        desktop.browse(server.url)
        for number, (layout, size, dark) in enumerate(plan(bool(options.get("quick")))):
            made = pages.scene(number, layout, size, dark, photos, seed)
            first, before, begun = len(watch.seen), watch.pictures.stats().seconds, time.monotonic()
            server.scenes.put(made)
            at, _ = server.shown.get(timeout=60)
            screen = misses.NOTHING
            if not made.film:
                time.sleep(max(0.0, at + HOLD - 0.5 - time.monotonic()))
                screen = watch.screen.copy(Rect(0, 0, *watch.screen.size()))
                time.sleep(max(0.0, at + HOLD - time.monotonic()))
                begun = at
            time.sleep(GRACE)
            seen = watch.seen[first:]
            costs[layout].append((watch.pictures.stats().seconds - before, time.monotonic() - begun))
            asked += len(seen)
            prints += sum(s.prints for s in seen)
            items = made.items if not made.film else [{"name": name, "whole": True} for name in made.names]
            names = {item["name"] for item in items}
            false += sum(s.distance <= RADIUS and s.name not in names for s in seen)
            for item in items:
                if not item["whole"]:
                    continue
                shown[layout, size] += 1
                hits = [s for s in seen if s.name == item["name"] and s.distance <= RADIUS]
                found[layout, size] += bool(hits)
                if hits and not made.film:
                    delays.append(1000 * (hits[0].at - begun))
                if not hits:
                    cause = misses.why(item, known[item["name"]], screen, [s.box for s in seen], RADIUS)
                    causes[cause] += 1
                    misses.keep(screen, f"{seed}-{number:03}-{item['name']}")
                    missed.append(f"{describe(number, made, item, seen)}: {cause}")
                    if options.get("tell"):
                        print(missed[-1], file=sys.stderr, flush=True)
        server.scenes.put(None)
        stats = watch.pictures.stats()
    return report(shown, found, (missed, causes), delays, costs, (asked, prints, false), stats)


def describe(number: int, made: pages.Scene, item: dict[str, Any], seen: list[Seen]) -> str:
    """Say of a missed photograph what came nearest."""
    best = min((s.distance for s in seen if s.name == item["name"]), default=257)
    near = ""
    if "x" in item:
        near = str(
            [
                (b.x, b.y, b.w, b.h)
                for b in (s.box for s in seen)
                if abs(b.x - item["x"]) < 80 and abs(b.y - item["y"]) < 80
            ]
        )
    place = {k: round(v) for k, v in item.items() if k in "xywh"}
    theme = "dark" if made.dark else "light"
    return f"page {number} {made.layout} {made.size} {theme} {item['name']} {place} {near} nearest {best}"


def report(
    shown: Counter[tuple[str, int]],
    found: Counter[tuple[str, int]],
    not_found: tuple[list[str], Counter[str]],
    delays: list[float],
    costs: dict[str, list[tuple[float, float]]],
    counts: tuple[int, int, int],
    stats: PictureStats,
) -> dict[str, Any]:
    """Return the tables."""
    rows = []
    for layout in pages.LAYOUTS:
        for size in sorted({size for name, size in shown if name == layout}):
            key = (layout, size)
            share = round(100 * found[key] / shown[key], 1)
            rows.append([layout, size or "as fits", shown[key], found[key], share, "≥ 99"])
    total = sum(shown.values())
    rows.append(["all", "", total, sum(found.values()), round(100 * sum(found.values()) / max(1, total), 2), "≥ 99"])
    asked, prints, false = counts
    missed, causes = not_found
    delays.sort()
    return {
        "title": "Pictures on a real screen: is every listed one found?",
        "tables": [
            {
                "name": "Photographs shown for two seconds, found within 31 bits",
                "columns": ["layout", "longer side, px", "shown", "found", "%", "target"],
                "rows": rows,
            },
            {
                "name": "What it took",
                "columns": ["figure", "measured"],
                "rows": [
                    ["median ms from shown to hashed", round(delays[len(delays) // 2]) if delays else "none"],
                    ["p95 ms", round(delays[int(len(delays) * 0.95)]) if delays else "none"],
                    ["regions asked of", asked],
                    ["hashes asked of, a region", round(prints / max(1, asked), 1)],
                    ["within 31 bits of a photograph that was not shown", false],
                    *([f"missed: {cause}", many] for cause, many in causes.most_common()),
                    ["not asked of: hash too poor", stats.poor],
                    ["known already, not hashed again", stats.known],
                    *(
                        [
                            f"CPU ms of looking, a page: {layout}",
                            round(1000 * sum(spent for spent, _ in pairs) / len(pairs)),
                        ]
                        for layout, pairs in costs.items()
                    ),
                    *(
                        [
                            f"CPU, % of a core: {layout}",
                            round(100 * sum(s for s, _ in pairs) / sum(t for _, t in pairs), 1),
                        ]
                        for layout, pairs in costs.items()
                        if layout.startswith("video")
                    ),
                ],
            },
        ],
        "raw": {"missed": missed},
    }


if __name__ == "__main__":
    import json

    print(json.dumps(run({"quick": "--quick" in sys.argv, "tell": True}), indent=1))
