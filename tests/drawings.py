"""Screens and photographs drawn in code, for whoever looks for pictures in pixels."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Pixels = npt.NDArray[np.uint8]


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font with accents where the machine has one (Chromium brings it on Debian), else Pillow's own."""
    try:
        return ImageFont.truetype("LiberationSans-Regular.ttf", size)
    except OSError:
        return ImageFont.load_default(size)


def draw(
    *texts: tuple[object, ...],
    ground: str = "white",
    size: tuple[int, int] = (640, 240),
    boxes: tuple[tuple[tuple[int, int, int, int], int, str], ...] = (),
) -> Pixels:
    """Draw (x, y, words, ink[, size]) and rounded boxes on a ground, as a display gives pixels (BGRX)."""
    image = Image.new("RGB", size, ground)
    pen = ImageDraw.Draw(image)
    for box, radius, colour in boxes:
        pen.rounded_rectangle(box, radius, fill=colour)
    for x, y, words, ink, *more in texts:
        pen.text((x, y), str(words), font=_font(more[0] if more else 16), fill=str(ink))
    rgb = np.asarray(image)
    return np.dstack([rgb[:, :, ::-1], np.zeros(rgb.shape[:2], np.uint8)]).copy()


def photo(width: int, height: int, seed: int = 0) -> Pixels:
    """Make something with a photograph's grain: blobs of all sizes and a little noise (BGR)."""
    dice = np.random.default_rng(seed)
    out = np.zeros((height, width, 3))
    for cells, weight in ((3, 90), (7, 60), (16, 30), (40, 12)):
        small = dice.integers(0, 255, (cells, cells, 3), dtype=np.uint8)
        large = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
        out += (np.asarray(large) - 127.5) * (weight / 127.5)
    out += dice.normal(0, 2.0, out.shape) + 127.5
    return np.clip(out, 0, 255).astype(np.uint8)
