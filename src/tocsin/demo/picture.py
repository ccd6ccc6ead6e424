"""The harmless picture of the demonstration: a painted coast with a lighthouse, drawn here and kept nowhere.

Nobody is in it. It is on the demonstration's own hash list only so that known-media matching can be seen at work.
"""

import io
from functools import cache
from typing import Any, Final

NAME: Final = "lighthouse.jpg"
WIDTH, HEIGHT = 960, 640
_SEED: Final = 20_260_101
_HORIZON: Final = 372


@cache
def jpeg() -> bytes:
    """Return the picture as a JPEG file, the same bytes each time on one machine."""
    out = io.BytesIO()
    draw().save(out, "JPEG", quality=90, subsampling=0)
    return out.getvalue()


def draw() -> Any:
    """Return the picture (a Pillow image, RGB, 960 x 640 pixels)."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFilter

    chance = np.random.default_rng(_SEED)
    paint = Image.fromarray(_sky_and_sea(chance))
    pen = ImageDraw.Draw(paint)
    pen.ellipse((690, 92, 772, 174), fill=(255, 226, 158))
    for x, y, wide in ((120, 110, 190), (420, 66, 150), (560, 168, 230), (820, 214, 170)):
        for _ in range(26):
            dx, dy, r = chance.normal(0, wide / 3), chance.normal(0, 9), chance.uniform(9, 24)
            light = int(chance.uniform(214, 246))
            pen.ellipse(
                (x + dx - r * 1.9, y + dy - r / 2, x + dx + r * 1.9, y + dy + r / 2), fill=(light, light, light)
            )
    _rocks(pen, chance)
    _lighthouse(pen)
    for x, y, s in ((560, 250, 15), (612, 222, 11), (505, 214, 9)):
        pen.arc((x - s, y - s / 2, x, y + s / 2), 200, 340, fill=(40, 46, 58), width=3)
        pen.arc((x, y - s / 2, x + s, y + s / 2), 200, 340, fill=(40, 46, 58), width=3)
    soft = paint.filter(ImageFilter.GaussianBlur(1.1))
    grain = chance.normal(0, 5.0, (HEIGHT, WIDTH, 1))
    return Image.fromarray(np.clip(np.asarray(soft, float) + grain, 0, 255).astype(np.uint8))


def _sky_and_sea(chance: Any) -> Any:
    """Return the background, (640, 960, 3) bytes: an evening sky over a sea with waves."""
    import numpy as np

    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    down = (y / _HORIZON)[..., None]
    sky = np.array([58.0, 108.0, 176.0]) * (1 - down) + np.array([252.0, 190.0, 132.0]) * down
    deep = ((y - _HORIZON) / (HEIGHT - _HORIZON))[..., None]
    sea = np.array([74.0, 142.0, 158.0]) * (1 - deep) + np.array([14.0, 58.0, 92.0]) * deep
    waves = sum(
        np.sin(x / (9 + 5 * n) + chance.uniform(0, 6) + (y - _HORIZON) / (2.0 + n)) * (4 + 3 * n) for n in range(4)
    )
    sea = sea + (waves * (0.25 + deep[..., 0]))[..., None]
    glitter = np.exp(-((x - 730) ** 2) / 3600) * (np.sin(y * 1.9 + x / 13) > 0.3) * 70
    sea = sea + (glitter * (y > _HORIZON))[..., None]
    return np.clip(np.where((y < _HORIZON)[..., None], sky, sea), 0, 255).astype(np.uint8)


def _rocks(pen: Any, chance: Any) -> None:
    """Paint the headland that the lighthouse stands on, and rocks before it."""
    pen.polygon([(0, 420), (70, 356), (180, 330), (318, 346), (404, 420), (470, 520), (0, 560)], fill=(86, 104, 62))
    pen.polygon([(0, 470), (140, 440), (330, 452), (480, 520), (560, 640), (0, 640)], fill=(92, 78, 66))
    for _ in range(90):
        x, y, r = chance.uniform(0, 520), chance.uniform(470, 640), chance.uniform(6, 30)
        tone = int(chance.uniform(58, 128))
        pen.ellipse((x - r, y - r * 0.6, x + r, y + r * 0.6), fill=(tone, tone - 8, tone - 16))


def _lighthouse(pen: Any) -> None:
    """Paint a red and white tower with a gallery and its lamp."""
    for n in range(5):
        top, bottom = 128 + n * 44, 172 + n * 44
        left, right = 214 - n * 5, 266 + n * 5
        fill = (196, 46, 44) if n % 2 == 0 else (244, 240, 230)
        pen.polygon([(left, top), (right, top), (right + 5, bottom), (left - 5, bottom)], fill=fill)
    pen.rectangle((200, 116, 280, 128), fill=(44, 46, 54))
    pen.rectangle((218, 82, 262, 116), fill=(255, 244, 190))
    pen.line((240, 82, 240, 116), fill=(44, 46, 54), width=3)
    pen.polygon([(210, 82), (270, 82), (240, 52)], fill=(160, 34, 36))
    pen.rectangle((230, 312, 250, 346), fill=(70, 48, 40))
