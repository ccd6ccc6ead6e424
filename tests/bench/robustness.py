"""What a listed picture survives, by PDQ at 31 bits, borders cut off, parts of pages, by windows; false matches.

The list holds the 120 test photos as they are; each is changed in one way and looked for. "Wrong" counts other listed
photos that matched. The rest of the picture is never looked at: names and distances decide.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter
from populations import photos, uniform
from saved_pages import LAYOUTS, SAVED, saved

from tocsin.matching import HashIndex
from tocsin.media import pdq, windows
from tocsin.media.borders import strip
from tocsin.media.fingerprint import Options, fingerprint
from tocsin.model import Fingerprints

Pixels = npt.NDArray[np.uint8]
RADIUS = 31
_PAGED_MS = 3.0


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Measure; ``quick`` takes 20 photos."""
    pictures = photos()[: 20 if options.get("quick") else 120]
    began = time.perf_counter()
    listed = [_codes(picture) for picture in pictures]
    cost = (time.perf_counter() - began) / len(pictures) * 1e3
    index = HashIndex.build(np.array([_hash(picture) for picture in pictures]))
    flat = [code for codes in listed for code in codes]
    owner = np.repeat(np.arange(len(pictures)), [len(codes) for codes in listed])
    small = HashIndex.build(np.array([np.frombuffer(code[:32], np.uint8) for code in flat]))
    rows = []
    for name, change in changes().items():
        counts = np.zeros(6, int)
        for number, picture in enumerate(pictures):
            changed = np.ascontiguousarray(change(picture))
            plain = _near(index, [_hash(changed)])
            inside = strip(changed)
            second = plain if inside is None else plain | _near(index, [_hash(inside)])
            seen = _agreeing(small, _codes(changed), flat, owner)
            for column, found in enumerate((plain, second, seen)):
                counts[column] += number in found
                counts[column + 3] += len(found - {number})
        share = [f"{counts[i] / len(pictures) * 100:.1f}" for i in range(3)]
        rows.append([name, *share, *(int(c) for c in counts[3:])])
    return {
        "title": "What a match survives",
        "tables": [
            {
                "name": f"{len(pictures)} photos, % found at radius {RADIUS}; other photos matched",
                "columns": ["change", "PDQ", "PDQ + borders cut", "windows", "wrong: PDQ", "+ cut", "windows"],
                "rows": rows,
            },
            _pages(pictures, index, small, flat, owner, options),
            _parts_cost(pictures),
            _false(pictures, options),
            {
                "name": "Cost of windows",
                "columns": ["figure", "value"],
                "rows": [["ms a picture, one core", cost], ["codes a picture", len(flat) / len(pictures)]],
            },
        ],
    }


def changes() -> dict[str, Callable[[Pixels], Pixels]]:
    """Return the ways a picture is changed, by name."""
    made: dict[str, Callable[[Pixels], Pixels]] = {}
    for quality in (75, 50, 30, 10):
        made[f"JPEG quality {quality}"] = _saved("JPEG", quality=quality)
    made["WebP quality 50"] = _saved("WEBP", quality=50)
    for factor in (0.75, 0.5, 0.25, 1.5):
        made[f"scaled to {factor:.0%}"] = lambda p, f=factor: _resized(p, round(p.shape[1] * f), round(p.shape[0] * f))
    made["squeezed to a square"] = lambda p: _resized(p, 400, 400)
    for part in (0.02, 0.05, 0.1, 0.2):
        made[f"cropped {part:.0%} a side"] = lambda p, f=part: p[_cut(p.shape[0], f), _cut(p.shape[1], f)]
    made["cropped 10 % on one side"] = lambda p: p[:, p.shape[1] // 10 :]
    for part in (0.05, 0.1, 0.2):
        made[f"black bars {part:.0%} above and below"] = lambda p, f=part: _framed(p, f, 0, 0)
    made["white frame 8 %"] = lambda p: _framed(p, 0.08, 0.08, 255)
    made["bars, then JPEG quality 40"] = lambda p: _saved("JPEG", quality=40)(_framed(p, 0.1, 0, 0))
    made["caption over the lowest 12 %"] = _captioned
    made["logo in a corner"] = _logo
    made["brighter by 40 %"] = lambda p: np.asarray(ImageEnhance.Brightness(Image.fromarray(p)).enhance(1.4))
    made["contrast + 50 %"] = lambda p: np.asarray(ImageEnhance.Contrast(Image.fromarray(p)).enhance(1.5))
    made["greyscale"] = lambda p: np.asarray(Image.fromarray(p).convert("L").convert("RGB"))
    made["sepia"] = lambda p: np.clip(p @ _SEPIA, 0, 255).astype(np.uint8)
    made["blurred, 2 px"] = lambda p: np.asarray(Image.fromarray(p).filter(ImageFilter.GaussianBlur(2)))
    made["noise"] = lambda p: np.clip(p + np.random.default_rng(p.shape[0]).normal(0, 12, p.shape), 0, 255).astype(
        np.uint8
    )
    made["screenshot in a viewer, dark ground"] = _viewer
    made["screenshot of a whole page"] = _page
    made["mirrored"] = lambda p: p[:, ::-1]
    made["turned by 90°"] = lambda p: np.rot90(p)
    made["turned by 3°"] = lambda p: np.asarray(Image.fromarray(p).rotate(3, Image.Resampling.BICUBIC))
    return made


_SEPIA = np.array([[0.393, 0.349, 0.272], [0.769, 0.686, 0.534], [0.189, 0.168, 0.131]])


def _saved(form: str, **rest: Any) -> Callable[[Pixels], Pixels]:
    def again(picture: Pixels) -> Pixels:
        out = BytesIO()
        Image.fromarray(np.ascontiguousarray(picture)).save(out, form, **rest)
        return np.asarray(Image.open(out).convert("RGB"))

    return again


def _resized(picture: Pixels, width: int, height: int) -> Pixels:
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))


def _cut(length: int, part: float) -> slice:
    return slice(round(length * part), length - round(length * part))


def _framed(picture: Pixels, rows: float, columns: float, value: int) -> Pixels:
    down, across = round(picture.shape[0] * rows), round(picture.shape[1] * columns)
    return np.pad(picture, ((down, down), (across, across), (0, 0)), constant_values=value)


def _captioned(picture: Pixels) -> Pixels:
    image = Image.fromarray(picture).copy()
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, image.height * 0.88, image.width, image.height), fill=(0, 0, 0))
    pen.text((10, image.height * 0.9), "when the bus is late again", fill=(255, 255, 255), font_size=20)
    return np.asarray(image)


def _logo(picture: Pixels) -> Pixels:
    image = Image.fromarray(picture).copy()
    side = min(image.size) // 5
    ImageDraw.Draw(image).ellipse((5, 5, 5 + side, 5 + side), fill=(230, 40, 40), outline=(255, 255, 255), width=4)
    return np.asarray(image)


def _viewer(picture: Pixels) -> Pixels:
    screen = np.full((800, 1280, 3), 24, np.uint8)
    factor = min(700 / picture.shape[0], 1200 / picture.shape[1])
    shown = _resized(picture, round(picture.shape[1] * factor), round(picture.shape[0] * factor))
    top, left = (800 - shown.shape[0]) // 2, (1280 - shown.shape[1]) // 2
    screen[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
    return screen


def _page(picture: Pixels) -> Pixels:
    page = Image.new("RGB", (1280, 800), (246, 246, 248))
    pen = ImageDraw.Draw(page)
    for line in range(30):
        pen.text((60, 20 + 26 * line), "words of a page that stand around it and go on for a while", fill=(30, 30, 30))
    page.paste(Image.fromarray(picture), (420, 150))
    return np.asarray(page)


def _hash(picture: Pixels) -> Pixels:
    return np.frombuffer(pdq.hash_array(np.ascontiguousarray(picture)).bits, np.uint8)


def _codes(picture: Pixels) -> list[bytes]:
    return [bytes.fromhex(code) for code in windows.windows(np.ascontiguousarray(picture))]


def _near(index: HashIndex, hashes: list[Pixels]) -> set[int]:
    return {int(entry) for entry in index.search(np.array(hashes), RADIUS).id}


def _agreeing(index: HashIndex, seen: list[bytes], listed: list[bytes], owner: npt.NDArray[np.int64]) -> set[int]:
    if not seen:
        return set()
    hits = index.search(np.array([np.frombuffer(code[:32], np.uint8) for code in seen]), windows.RADIUS)
    found = set()
    for number in np.unique(owner[hits.id]):
        pairs = [(q, i) for q, i in zip(hits.query, hits.id, strict=True) if owner[i] == number]
        if windows.agreement([seen[q] for q, _ in pairs], [listed[i] for _, i in pairs]).enough:
            found.add(int(number))
    return found


def _pages(
    pictures: list[Pixels],
    index: HashIndex,
    small: HashIndex,
    flat: list[bytes],
    owner: npt.NDArray[np.int64],
    options: dict[str, Any],
) -> dict[str, Any]:
    """Look for every listed photo on drawn pages: as a whole, photograph by photograph, and by windows."""
    images = [Image.fromarray(picture) for picture in pictures]
    pages = 4 if options.get("quick") else 12
    rows = []
    for name, (layout, shown) in LAYOUTS.items():
        for how in SAVED:
            dice = random.Random(f"{name} {how}")
            found, wrong, hashes = [0, 0, 0], 0, 0
            seconds = [0.0, 0.0]
            for _ in range(pages):
                chosen = dice.sample(range(len(images)), shown)
                data = saved(layout([images[one] for one in chosen], dice), how)
                whole, seconds[0] = _timed(data, False, seconds[0])
                parts, seconds[1] = _timed(data, True, seconds[1])
                near = _near_prints(index, parts)
                pixels = np.asarray(Image.open(BytesIO(data)).convert("RGB"))
                by_windows = _agreeing(small, _codes(pixels), flat, owner)
                for column, seen in enumerate((_near_prints(index, whole), near, by_windows)):
                    found[column] += len(seen & set(chosen))
                wrong += len(near - set(chosen))
                hashes += len(parts.prints)
            share = [f"{count / (pages * shown) * 100:.1f}" for count in found]
            cost = [second / pages * 1e3 for second in seconds]
            rows.append([name, how, pages * shown, *share, wrong, hashes / pages, *cost])
    columns = ["page", "saved as", "photos shown", "whole, %", "with parts, %", "windows, %", "wrong: parts"]
    columns += ["hashes a page", "ms whole", "ms with parts"]
    return {"name": f"Listed photos on saved pages, % found at radius {RADIUS}", "columns": columns, "rows": rows}


def _parts_cost(pictures: list[Pixels]) -> dict[str, Any]:
    """What looking for parts costs where there is no page: the photos themselves."""
    rows = []
    for name, factor, kind in (
        ("as they are, JPEG", 1, "JPEG"),
        ("3 x, JPEG", 3, "JPEG"),
        ("as they are, PNG", 1, "PNG"),
    ):
        seconds, paged = [0.0, 0.0], 0
        more: list[float] = []
        for picture in pictures[:60]:
            out = BytesIO()
            Image.fromarray(_resized(picture, picture.shape[1] * factor, picture.shape[0] * factor)).save(out, kind)
            before = seconds[1] - seconds[0]
            for _ in range(3):
                _, seconds[0] = _timed(out.getvalue(), False, seconds[0])
                _, seconds[1] = _timed(out.getvalue(), True, seconds[1])
            spent = (seconds[1] - seconds[0] - before) / 3 * 1e3
            more.append(spent)
            paged += spent > _PAGED_MS
        number = 3 * len(pictures[:60]) / 1e3
        rows.append([name, seconds[0] / number, seconds[1] / number, float(np.median(more)), paged])
    columns = ["photos", "ms whole", "ms with parts", "ms more, median", "of 60 looked at as a page"]
    return {"name": "What parts cost where there is no page", "columns": columns, "rows": rows}


def _timed(data: bytes, regions: bool, seconds: float) -> tuple[Fingerprints, float]:
    began = time.perf_counter()
    made = fingerprint(data, Options(regions=regions))
    assert isinstance(made, Fingerprints)
    return made, seconds + time.perf_counter() - began


def _near_prints(index: HashIndex, made: Fingerprints) -> set[int]:
    hashes = [np.frombuffer(bytes.fromhex(one.hex), np.uint8) for one in made.prints if one.quality >= 50]
    return _near(index, hashes) if hashes else set()


def _false(pictures: list[Pixels], options: dict[str, Any]) -> dict[str, Any]:
    """Count matches where there should be none: random hashes, and photos of different things."""
    hashes = np.array([_hash(picture) for picture in pictures])
    apart = np.bitwise_count(hashes[:, None] ^ hashes[None]).sum(2)[np.triu_indices(len(hashes), 1)]
    side = 1_000 if options.get("quick") else 10_000
    found = HashIndex.build(uniform(side, 41)).search(uniform(side, 42), RADIUS)
    return {
        "name": "False matches of PDQ",
        "columns": ["pairs", "how many", f"within {RADIUS}", "least distance"],
        "rows": [
            ["random hashes", f"{side * side:,}", len(found.id), ""],
            ["all pairs of the photos", f"{len(apart):,}", int((apart <= RADIUS).sum()), int(apart.min())],
        ],
    }
