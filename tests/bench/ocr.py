"""Compare text readers on drawn lines: milliseconds a line, memory, characters right. One process for each engine.

``python tests/bench/ocr.py [lines] [result.json]``. Tesseract takes part where ``tesserocr`` and its data are there
(TESSDATA_PREFIX names the folder); RapidOCR's older model where ``TOCSIN_BENCH_V4`` names its ONNX file.
"""

import difflib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
from PIL import Image, ImageDraw, ImageFont

from tocsin.agent.sensors import ocr
from tocsin.agent.sensors.crops import cut
from tocsin.agent.sensors.lines import find_lines

sys.path.insert(0, str(Path(__file__).parent))
import screens

FONTS = ("LiberationSans-Regular", "LiberationSerif-Regular", "LiberationMono-Regular", "DejaVuSans")
SIZES = (11, 12, 13, 14, 16, 18, 20)
THEMES = (("#222222", "#ffffff"), ("#dbdee1", "#1e1f22"), ("#ffffff", "#0b5cff"), ("#e9edef", "#005c4b"))
ENGINES = ("pp-ocrv6-latin", "pp-ocrv6-all", "pp-ocrv4", "tesseract")
Read = Callable[[npt.NDArray[np.uint8]], str]


def pictures(count: int) -> list[tuple[str, int, npt.NDArray[np.uint8]]]:
    """Return (words, size, picture of the line as the sensor would cut it)."""
    rng, out = random.Random(5), []
    for text in screens.lines_of(count, seed=21):
        size, (ink, ground) = rng.choice(SIZES), rng.choice(THEMES)
        font = ImageFont.truetype(f"{rng.choice(FONTS)}.ttf", size)
        image = Image.new("RGBA", (int(font.getlength(text)) + 40, size * 2 + 20), ground)
        ImageDraw.Draw(image).text((20, 10), text, font=font, fill=ink)
        pixels = np.asarray(image)[:, :, [2, 1, 0, 3]].copy()
        lines = find_lines(pixels).lines
        out.append((text, size, cut(pixels, max(lines, key=lambda line: line.box.w), (0, 0))[1]))
    return out


def open_engine(name: str) -> Read | None:
    """Return the engine's reading function, or None where it is not installed."""
    if name == "tesseract":
        try:
            import tesserocr
        except ImportError:
            return None
        os.environ["OMP_THREAD_LIMIT"] = "1"
        found = sorted(Path("/usr/share/tesseract-ocr").glob("*/tessdata"))
        data = os.environ.get("TESSDATA_PREFIX") or (str(found[-1]) if found else "")
        try:
            engine = tesserocr.PyTessBaseAPI(path=data, lang="eng+spa", psm=tesserocr.PSM.SINGLE_LINE)
        except RuntimeError:
            return None

        def read_tesseract(picture: npt.NDArray[np.uint8]) -> str:
            image = Image.fromarray(picture)
            engine.SetImage(image.resize((image.width * 48 // image.height, 48), Image.Resampling.BICUBIC))
            return str(engine.GetUTF8Text()).strip()

        return read_tesseract
    model = None
    if name == "pp-ocrv4":
        if "TOCSIN_BENCH_V4" not in os.environ:
            return None
        model = Path(os.environ["TOCSIN_BENCH_V4"])
    if name != "pp-ocrv6-latin":
        ocr.wanted = lambda _: True
    reader = ocr.LineReader(model)
    return lambda picture: reader.read([picture])[0][0]


def measure(name: str, count: int) -> dict[str, Any] | None:
    """Read ``count`` lines with one engine in this process."""
    shown = pictures(count)
    before = psutil.Process().memory_info().rss
    read = open_engine(name)
    if read is None:
        return None
    read(shown[0][2])
    took, wrong, total, perfect = [], {"small": 0, "14+": 0}, {"small": 0, "14+": 0}, 0
    for text, size, picture in shown:
        began, cpu = time.perf_counter(), time.process_time()
        found = read(picture)
        took.append((time.perf_counter() - began, time.process_time() - cpu))
        key = "14+" if size >= 14 else "small"
        total[key] += len(text)
        wrong[key] += screens.character_errors(text, found)
        perfect += found == text
        if found != text and "-v" in sys.argv:
            print(difflib.SequenceMatcher(None, text, found).ratio(), size, text, "|", found)
    memory = psutil.Process().memory_full_info()
    return {
        "engine": name,
        "lines": count,
        "ms_median": round(1000 * float(np.median([t for t, _ in took])), 1),
        "cpu_ms_mean": round(1000 * float(np.mean([c for _, c in took])), 1),
        "right_14_up_percent": round(100 * (1 - wrong["14+"] / max(1, total["14+"])), 2),
        "right_11_to_13_percent": round(100 * (1 - wrong["small"] / max(1, total["small"])), 2),
        "lines_perfect_percent": round(100 * perfect / count, 1),
        "rss_mb": round(memory.rss / 1e6),
        "pss_mb": round(memory.pss / 1e6),
        "rss_added_mb": round((memory.rss - before) / 1e6),
    }


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Measure each engine in a process of its own, on 400 drawn lines (``quick``: 40)."""
    count = 40 if options.get("quick") else 400
    rows = []
    for name in ENGINES:
        command = [sys.executable, __file__, "--one", name, str(count)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
        row = json.loads(said)
        rows.append([name, *(["not installed"] * 7 if row is None else [row[column] for column in COLUMNS])])
    return {
        "title": "Engines that read a line of text",
        "tables": [
            {
                "name": f"{count} drawn lines, 11 to 20 px, four themes, English, Spanish and Tagalog",
                "columns": HEADS,
                "rows": rows,
            }
        ],
    }


HEADS = (
    "engine",
    "median ms",
    "CPU ms",
    "right 14 px up, %",
    "right 11-13 px, %",
    "lines perfect, %",
    "RSS, MB",
    "PSS, MB",
)
COLUMNS = (
    "ms_median",
    "cpu_ms_mean",
    "right_14_up_percent",
    "right_11_to_13_percent",
    "lines_perfect_percent",
    "rss_mb",
    "pss_mb",
)

if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[2], int(sys.argv[3]))))
