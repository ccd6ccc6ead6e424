"""What a page is painted on: the few plain colours that much of a drawn page has, and hardly any photograph.

A saved page is seldom exact: JPEG and scaling leave faint noise round all that is drawn. Painting over what differs
from a ground by no more than that noise gives back the flat page that edges are looked for on.
"""

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

LEAST_PAGE = 0.12
"""A picture is taken for a page when blocks of one same colour, to the last bit, are at least this share of it. Of the
120 test photographs one in 24 is so, of drawn pages all, also after JPEG and scaling."""
LEAST_PIXELS = 250_000
"""A smaller picture is no page: what it may show is too small to have been listed, and of small photographs on one
plain colour there are many."""
LEAST_GROUND = 0.01
MOST_GROUNDS = 8
NOISE = 20
"""How far a channel may stray from a ground and still be painted over."""
_BLOCK, _STEP = 8, 2
_PAGE_ACROSS, _ACROSS, _SAMPLES = 32, 96, 48
_FLAT = 6
_APART = 8


def is_page(pixels: Pixels, full: int = 0) -> bool:
    """Tell whether a picture (height x width, with or without channels) looks like a page. Costs next to nothing.

    ``full`` is how many pixels it has where these are fewer.
    """
    if max(full, pixels.shape[0] * pixels.shape[1]) < LEAST_PIXELS:
        return False
    green = pixels if pixels.ndim == 2 else pixels[:, :, 1 if pixels.shape[2] > 1 else 0]
    if not _has_ground(green):
        return False
    colours, blocks = _plain(green[:, :, np.newaxis], _PAGE_ACROSS, 0)
    return len(colours) > 0 and bool(np.bincount(colours[:, 0]).max() >= LEAST_PAGE * blocks)


def _has_ground(green: Pixels) -> bool:
    """Tell whether one value is common at all: what nearly every photograph is told by, at a tenth of the price."""
    high, wide = green.shape
    sample = green[:: high // _SAMPLES + 1, :: wide // _SAMPLES + 1].ravel()
    return sample.size > 0 and bool(np.bincount(sample).max() >= 0.75 * LEAST_PAGE * sample.size)


def grounds(rgb: Pixels) -> Pixels:
    """Return the colours that a page is painted on (rows of red, green, blue), the commonest first, at most 8."""
    colours, blocks = _plain(rgb, _ACROSS, _FLAT)
    names = colours.astype(np.uint32) >> 2
    _, owner, counts = np.unique(names @ np.array([1 << 12, 1 << 6, 1]), return_inverse=True, return_counts=True)
    found: list[npt.NDArray[np.int16]] = []
    for one in np.argsort(-counts, kind="stable"):
        if counts[one] < LEAST_GROUND * blocks or len(found) == MOST_GROUNDS:
            break
        colour = np.median(colours[owner == one], axis=0).astype(np.int16)
        if all(int(np.abs(colour - other).max()) > _APART for other in found):
            found.append(colour)
    return np.array(found, np.uint8).reshape(-1, 3)


def painted(rgb: Pixels, noise: int = NOISE) -> Pixels:
    """Return a page as (height, width, 4), each pixel that is within ``noise`` of a ground painted in that ground."""
    out = np.zeros((*rgb.shape[:2], 4), np.uint8)
    out[:, :, :3] = rgb
    colours = grounds(rgb)
    if not len(colours):
        return out
    near = np.abs(np.arange(256, dtype=np.int16)[:, None, None] - colours.astype(np.int16)[None]) <= noise
    weights = (1 << np.arange(len(colours))).astype(np.uint8)
    tables = (near * weights[None, :, None]).sum(1, dtype=np.uint8)  # value, channel: which grounds it is near
    first = np.array([(bits & -bits).bit_length() for bits in range(256)], np.uint8)
    palette = np.zeros((len(colours) + 1, 4), np.uint8)
    palette[1:, :3] = colours
    words, inks = out.view(np.uint32)[:, :, 0], palette.view(np.uint32)[:, 0]
    for top in range(0, rgb.shape[0], 256):  # in bands: little memory beside the page itself
        band = rgb[top : top + 256]
        which = tables[:, 0][band[:, :, 0]]
        which &= tables[:, 1][band[:, :, 1]]
        which &= tables[:, 2][band[:, :, 2]]
        which = first[which]
        np.copyto(words[top : top + 256], inks[which], where=which > 0)
    return out


def _plain(pixels: Pixels, across: int, most_apart: int) -> tuple[Pixels, int]:
    """Return the middle colours of the blocks that are of one colour, and how many blocks were looked at."""
    high, wide = pixels.shape[0] // _BLOCK, pixels.shape[1] // _BLOCK
    if not high or not wide:
        return np.zeros((0, pixels.shape[2]), np.uint8), 0
    down, along = (np.unique(np.linspace(0, n - 1, min(n, across)).astype(np.int64)) for n in (high, wide))
    inside = np.arange(0, _BLOCK, _STEP)
    rows, columns = ((at[:, None] * _BLOCK + inside).ravel() for at in (down, along))
    part = pixels[rows[:, None], columns].reshape(len(down), inside.size, len(along), inside.size, pixels.shape[2])
    low, most = part.min(axis=(1, 3)), part.max(axis=(1, 3))
    flat = ((most - low) <= most_apart).all(axis=2)
    middle = ((low[flat].astype(np.uint16) + most[flat]) // 2).astype(np.uint8)
    return middle, flat.size
