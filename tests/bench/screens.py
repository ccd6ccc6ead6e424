"""Recall of the screen sensor on real Chromium pages, and the change rules of open recorders on the same frames.

Shows distinct lines, each for a second or more, in several layouts, and compares what the sensor said with what was
shown. The rules of the open recorders are written anew from their published descriptions.
"""

import difflib
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil
from PIL import Image, ImageDraw, ImageFont

from tocsin.agent.sensors.crops import cut
from tocsin.agent.sensors.lines import find_lines
from tocsin.agent.sensors.ocr import LineReader
from tocsin.agent.sensors.screen import ScreenSensor
from tocsin.agent.sensors.tiles import changed_tiles, tile_hashes
from tocsin.agent.sensors.x11 import X11Display
from tocsin.model import SystemClock, TextSeen

ENGLISH = (
    "are your parents home right now",
    "don't tell anyone, ok?",
    "did you finish the maths homework",
    "see you at 5:30 pm",
    "the bus was late again today",
    "I'll send it later, I promise",
    "what is your favourite game",
    "that's so funny, haha",
    "we won 3-2 in the last minute",
    "meet me by the library at noon",
    "my sister broke her phone",
    "it costs $25, or less",
    "can we talk somewhere else?",
    "no, I have a test on Monday",
    "which class are you in?",
    "nice picture of your dog!",
)
SPANISH = (
    "mañana voy al colegio temprano",
    "¿cómo estás hoy?",
    "no se lo digas a nadie, por favor",
    "¿cuántos años tienes?",
    "mi mamá está en la cocina",
    "el niño comió una manzana",
    "te espero en la estación",
    "hace mucho frío aquí",
    "qué bonita canción, me gustó",
    "¿a qué hora llega el autobús?",
    "el año pasado fui a la montaña",
    "está bien, señor Núñez",
)
TAGALOG = (
    "kumusta ka na diyan?",
    "huwag mong sabihin kay nanay",
    "ilang taon ka na ba?",
    "kumain ka na ba ng tanghalian",
    "maganda ang panahon ngayon",
    "pupunta kami sa palengke bukas",
    "ang ganda ng bahay ninyo",
    "salamat sa tulong mo kanina",
    "nasaan na ang kapatid mo?",
    "may pasok kami sa Lunes",
    "mahal ang bigas ngayon",
    "uuwi ako mamayang gabi",
)
_WORDS = (
    "amber birch cedar delta ember fjord grove hazel ivory jolly koala lemon mango north olive pearl "
    "quartz river solar tulip umbra velvet willow xenon yonder zebra apple brave cloud dance eagle flame"
)
WORDS = _WORDS.split()

Layout = dict[str, object]
LAYOUTS: tuple[Layout, ...] = (
    {"name": "bubbles light", "kind": "chat", "bg": "#ffffff", "me": ["#0b5cff", "#fff"], "you": ["#e9e9eb", "#111"]},
    {
        "name": "bubbles dark",
        "kind": "chat",
        "bg": "#111b21",
        "me": ["#005c4b", "#e9edef"],
        "you": ["#202c33", "#e9edef"],
    },
    {"name": "plain list", "kind": "list", "bg": "#ffffff", "you": ["#ffffff", "#222"]},
    {"name": "plain list dark", "kind": "list", "bg": "#1e1f22", "you": ["#1e1f22", "#dbdee1"]},
    {"name": "in place", "kind": "swap", "bg": "#fafafa", "you": ["#fafafa", "#333"]},
    {"name": "scrolled", "kind": "scroll", "bg": "#ffffff", "you": ["#ffffff", "#111"]},
    {"name": "scrolled dark", "kind": "scroll", "bg": "#202124", "you": ["#202124", "#e8eaed"]},
)
FONTS = ("sans-serif", "Liberation Sans", "Liberation Serif", "DejaVu Sans", "Liberation Mono")
SIZES = (14, 15, 16, 18, 20)

PAGE = """<!doctype html><meta charset=utf-8><title>Chat</title>
<style>body{margin:0}#c{height:800px;overflow-y:auto;padding:10px;box-sizing:border-box}</style><div id=c></div>
<script>
const q=new URLSearchParams(location.search), items=ITEMS, L=LAYOUT, hold=HOLD;
document.body.style.background=L.bg; const c=document.getElementById('c'); let i=0;
function put(it){const d=document.createElement('div'), me=it.me&&L.me, s=me?L.me:L.you;
 d.style=`font:${it.size}px ${it.font};margin:6px 2px;text-align:${me?'right':'left'}`;
 const b=document.createElement('span'); b.textContent=it.text;
 const round=L.kind=='chat'?`display:inline-block;padding:7px 12px;border-radius:16px;background:${s[0]};`:'';
 b.style=round+`color:${s[1]}`;
 d.append(b); c.append(d); return d}
function step(){ if(i>=items.length){document.title='Done';return}
 if(L.kind=='swap')c.replaceChildren();
 put(items[i++]); c.scrollTop=1e9; setTimeout(step,hold)}
function roll(){ const most=c.scrollHeight-c.clientHeight;
 if(c.scrollTop>=most-1){setTimeout(()=>document.title='Done',1500);return}
 c.scrollBy({top:300,behavior:'smooth'}); setTimeout(roll,hold)}
if(L.kind=='scroll'){for(const it of items)put(it); setTimeout(roll,1500+hold)} else setTimeout(step,1500)
</script>"""


def lines_of(count: int, seed: int = 7) -> list[str]:
    """Return distinct everyday lines in English, Spanish and Tagalog, each with words that occur in no other pair."""
    rng = random.Random(seed)
    out: dict[str, None] = {}
    while len(out) < count:
        base = rng.choice((ENGLISH, SPANISH, TAGALOG)[len(out) % 3])
        out[f"{rng.choice(WORDS)} {rng.choice(WORDS)} {rng.randint(10, 99)}: {base}"] = None
    return list(out)


class Desktop:
    """An X server with one Chromium on it, ended on leaving."""

    def __init__(self, width: int = 1280, height: int = 900) -> None:
        self.folder = tempfile.TemporaryDirectory()
        read, write = os.pipe()
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp", "-noreset"],
            pass_fds=(write,),
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        number = b""
        while not number.endswith(b"\n") and (more := os.read(read, 20)):
            number += more
        os.close(read)
        self.name = f":{number.decode().strip()}"
        self._browsers: list[subprocess.Popen[bytes]] = []

    def show(self, page: str) -> None:
        """Open a page in its own window, in place of the one before."""
        self.shut()
        path = Path(self.folder.name) / f"page{time.monotonic_ns()}.html"
        path.write_text(page, "utf-8")
        flags = "--no-sandbox --test-type --disable-gpu --no-first-run --disable-background-networking --disable-sync"
        command = ["chromium", *flags.split(), "--disable-component-update", f"--user-data-dir={self.folder.name}/user"]
        command += ["--window-position=0,0", "--window-size=1240,880", f"--app=file://{path}"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._browsers.append(subprocess.Popen(command, env={**os.environ, "DISPLAY": self.name}, **quiet))

    def shut(self) -> None:
        while self._browsers:
            browser = self._browsers.pop()
            browser.terminate()
            browser.wait(20)

    def close(self) -> None:
        self.shut()
        self._server.terminate()
        self._server.wait(10)
        self.folder.cleanup()


def character_errors(shown: str, read: str) -> int:
    """Return how many characters of ``shown`` are not in ``read`` in order, or the other way, whichever is more."""
    same = sum(m.size for m in difflib.SequenceMatcher(None, shown, read, autojunk=False).get_matching_blocks())
    return max(len(shown), len(read)) - same


def recall(
    count: int = 350, hold_ms: int = 1000, layouts: tuple[dict[str, object], ...] = LAYOUTS
) -> dict[str, object]:
    """Show ``count`` lines over all layouts and return, by layout: shown, missed, characters right, delays, CPU."""
    desktop = Desktop()
    sensor = ScreenSensor(X11Display(desktop.name), LineReader(), SystemClock())
    clock = SystemClock()
    said: list[tuple[str, int, str]] = []

    def listen() -> None:
        for seen in sensor.observations():
            if isinstance(seen.body, TextSeen):
                late = clock.monotonic_ns() - seen.seen_ns
                said.extend((line.text, late, seen.title) for line in seen.body.lines)

    threading.Thread(target=listen, daemon=True).start()
    all_lines = lines_of(count)
    each = -(-count // len(layouts))
    table = []
    rng = random.Random(3)
    me = psutil.Process()
    try:
        for number, layout in enumerate(layouts):
            mine = all_lines[number * each : (number + 1) * each]
            items = [
                {"text": text, "size": rng.choice(SIZES), "font": rng.choice(FONTS), "me": rng.random() < 0.5}
                for text in mine
            ]
            said.clear()
            page = PAGE.replace("ITEMS", json.dumps(items)).replace("LAYOUT", json.dumps(layout))
            before, began = me.cpu_times(), time.monotonic()
            desktop.show(page.replace("HOLD", str(hold_ms)))
            limit = time.monotonic() + len(mine) * hold_ms / 1000 + 30
            watch = X11Display(desktop.name)
            while time.monotonic() < limit and not any("Done" in w.title for w in _fresh(watch)):
                time.sleep(0.25)
            watch.close()
            time.sleep(2.0)
            after, took = me.cpu_times(), time.monotonic() - began
            row = compare(items, [text for text, _, _ in said])
            delays = sorted(late / 1e6 for _, late, _ in said)
            row |= {
                "layout": layout["name"],
                "median_ms": round(delays[len(delays) // 2]) if delays else None,
                "p95_ms": round(delays[int(len(delays) * 0.95)]) if delays else None,
                "cpu_percent": round(100 * (after.user + after.system - before.user - before.system) / took, 1),
                "said": len(said),
            }
            table.append(row)
            print({k: v for k, v in row.items() if k != "examples"}, file=sys.stderr, flush=True)
            for example in row["examples"]:
                print("   ", example, file=sys.stderr, flush=True)
        stats = sensor.stats()
        memory = me.memory_full_info()
        print(stats, f"rss {memory.rss / 1e6:.0f} MB, pss {memory.pss / 1e6:.0f} MB", file=sys.stderr)
        missed, shown = sum(int(r["missed"]) for r in table), sum(int(r["shown"]) for r in table)
        return {
            "shown": shown,
            "missed": missed,
            "dropped": stats.lines_dropped,
            "rss_mb": round(memory.rss / 1e6),
            "layouts": [{k: v for k, v in r.items() if k != "examples"} for r in table],
        }
    finally:
        sensor.close()
        desktop.close()


def _fresh(display: X11Display) -> list[object]:
    display._stack = None
    display._info.clear()
    return list(display.stack())


def compare(items: list[dict[str, object]], said: list[str]) -> dict[str, object]:
    """Match each shown line with the best of what was said; a line is missed when nothing is nearly it."""
    exact = set(said)
    missed, wrong, total, examples = 0, 0, 0, []
    for item in items:
        text = str(item["text"])
        total += len(text)
        if text in exact:
            continue
        best = min(said, key=lambda other: character_errors(text, other), default="")
        errors = character_errors(text, best)
        if errors > len(text) * 0.1:
            missed += 1
            examples.append(("MISSED", item, best))
            continue
        wrong += errors
        examples.append((errors, text, best, item["font"], item["size"]))
    right = round(100 * (1 - wrong / max(1, total)), 3)
    return {"shown": len(items), "missed": missed, "right_percent": right, "examples": examples[:12]}


def ssim_rule(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8]) -> bool:
    """OpenRecall's rule as published: changed when the structural similarity of two gray frames is below 0.9."""
    a, b = (frame[..., :3].mean(axis=2) for frame in (before, after))
    high, wide = a.shape[0] // 8 * 8, a.shape[1] // 8 * 8

    def blocks(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return x[:high, :wide].reshape(high // 8, 8, wide // 8, 8).transpose(0, 2, 1, 3).reshape(-1, 64)

    x, y = blocks(a), blocks(b)
    mx, my = x.mean(1), y.mean(1)
    vx, vy, both = x.var(1), y.var(1), ((x - mx[:, None]) * (y - my[:, None])).mean(1)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    score = ((2 * mx * my + c1) * (2 * both + c2)) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return float(score.mean()) < 0.9


def histogram_rule(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8]) -> bool:
    """screenpipe's rule, written anew: changed when quarter-size gray histograms differ by 0.02 or more (Hellinger)."""

    def histogram(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        small = frame[::4, ::4, :3].mean(axis=2).astype(np.uint8)
        counts = np.bincount(small.ravel(), minlength=256).astype(np.float64)
        return counts / counts.sum()

    a, b = histogram(before), histogram(after)
    return bool(np.sqrt(max(0.0, 1.0 - float(np.sqrt(a * b).sum()))) >= 0.02)


def tile_rule(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8]) -> bool:
    """Tocsin's rule where the display does not tell of damage: changed when any tile's hash differs."""
    high, wide = before.shape[:2]
    return bool(changed_tiles(tile_hashes(before), tile_hashes(after), wide, high))


RULES = {"global SSIM < 0.9": ssim_rule, "histogram >= 0.02": histogram_rule, "64 px tile hashes": tile_rule}


def text_page(changed: int) -> Image.Image:
    """Draw a 44-line page at 1920 x 1080 whose first ``changed`` lines are others."""
    font = ImageFont.load_default(18)
    texts = lines_of(60, seed=11)
    image = Image.new("RGBA", (1920, 1080), "white")
    draw = ImageDraw.Draw(image)
    for row in range(44):
        text = texts[row] if row >= changed else texts[44 + row % 16]
        draw.text((40, 12 + row * 24), (text + " ") * 3, font=font, fill="#222")
    return image


def change_rules() -> list[dict[str, object]]:
    """Change 1, 2, 5 and 10 of 44 lines of a 1080p page, and add pictures: which rule notices what?"""
    noise = np.random.default_rng(5).integers(0, 255, (400, 500, 4), dtype=np.uint8)
    cases: dict[str, Image.Image] = {f"{n} of 44 lines": text_page(n) for n in (1, 2, 5, 10)}
    for wide, high in ((128, 128), (200, 200), (500, 400)):
        cases[f"a {wide} x {high} picture"] = image = text_page(0)
        image.paste(Image.fromarray(noise[:high, :wide], "RGBA"), (1300, 500))
    first = np.asarray(text_page(0))
    return [
        {"change": name, **{rule: test(first, np.asarray(image)) for rule, test in RULES.items()}}
        for name, image in cases.items()
    ]


def whole_screen() -> list[list[object]]:
    """Read a 44-line page whole, as at each change, and then only the line that changed: CPU milliseconds of each."""
    before, after = (np.ascontiguousarray(np.asarray(page)) for page in (text_page(0), text_page(1)))
    reader = LineReader()
    reader.read([cut(after, find_lines(after).lines[0], (0, 0))[1]])
    began = time.process_time()
    lines = find_lines(after).lines
    reader.read([cut(after, line, (0, 0))[1] for line in lines])
    whole = 1000 * (time.process_time() - began)
    began = time.process_time()
    tiles = changed_tiles(tile_hashes(before), tile_hashes(after), after.shape[1], after.shape[0])
    top, bottom = min(t.y for t in tiles), max(t.bottom for t in tiles)
    band = after[max(0, top - 32) : bottom + 32]
    shift = max(0, top - 32)
    changed = [
        line
        for line in find_lines(band).lines
        if not np.array_equal(
            before[line.box.y + shift : line.box.bottom + shift, line.box.x : line.box.right],
            band[line.box.y : line.box.bottom, line.box.x : line.box.right],
        )
    ]
    reader.read([cut(band, line, (0, 0))[1] for line in changed])
    part = 1000 * (time.process_time() - began)
    return [
        ["the whole screen at each change", len(lines), round(whole), 1.0],
        ["only the line that changed", len(changed), round(part), round(whole / part, 1)],
    ]


def run(options: dict[str, object]) -> dict[str, object]:
    """Show 1,000 distinct lines (``quick``: 70), each for a second, and try the change rules on the same frames."""
    found = recall(70 if options.get("quick") else 1000)
    rules = change_rules()
    layouts = found.pop("layouts")
    columns = ["layout", "shown", "missed", "right_percent", "median_ms", "p95_ms", "cpu_percent"]
    return {
        "title": "Text on a real screen: is every line read?",
        "tables": [
            {
                "name": "Distinct lines, each shown for a second or more, five fonts, 14 to 20 px",
                "columns": [
                    "layout",
                    "shown",
                    "missed",
                    "characters right, %",
                    "median ms",
                    "p95 ms",
                    "CPU, % of a core",
                ],
                "rows": [[row[column] for column in columns] for row in layouts],
            },
            {"name": "Altogether", "columns": list(found), "rows": [list(found.values())]},
            {
                "name": "The same 44-line screen after one line changed",
                "columns": ["read", "lines read", "CPU ms", "times cheaper"],
                "rows": whole_screen(),
            },
            {
                "name": "Which rule notices a change of a 44-line page at 1920 x 1080",
                "columns": ["change", *RULES],
                "rows": [[row["change"], *("seen" if row[rule] else "missed" for rule in RULES)] for row in rules],
            },
        ],
    }


if __name__ == "__main__":
    result = run({"quick": "--quick" in sys.argv})
    print(json.dumps(result, indent=1))
