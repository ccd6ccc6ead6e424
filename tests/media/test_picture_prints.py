"""What a page does to a picture (scaling, round corners) is undone before it is hashed."""

import numpy as np
import pytest
from PIL import Image

from tocsin.media import pdq
from tocsin.media.picture_prints import fill_corners, luma, prints_of


def bits(a: str, b: str) -> int:
    return (int(a, 16) ^ int(b, 16)).bit_count()


def rounded(rgb, radius, ground):
    out, (h, w) = rgb.copy(), rgb.shape[:2]
    y, x = np.mgrid[:h, :w]
    dx = np.maximum(np.maximum(radius - x, x - (w - 1 - radius)), 0)
    dy = np.maximum(np.maximum(radius - y, y - (h - 1 - radius)), 0)
    out[np.hypot(dx, dy) > radius] = ground
    return out


def screen(rgb):
    return np.dstack([rgb[:, :, ::-1], np.zeros(rgb.shape[:2], np.uint8)])


@pytest.mark.parametrize("size", [(128, 96), (213, 160), (450, 338), (900, 675)])
@pytest.mark.parametrize("ground", [(255, 255, 255), (11, 20, 26)])
def test_a_scaled_picture_with_round_corners_keeps_its_hash(photo, size, ground):
    original = np.ascontiguousarray(photo(800, 600)[:, :, ::-1])
    shown = np.asarray(Image.fromarray(original).resize(size, Image.Resampling.BILINEAR))
    made = prints_of(luma(screen(rounded(shown, 10, ground))))[0]
    assert made.path == "screen"
    assert made.quality >= 50
    assert bits(made.hex, pdq.hash_array(original).hex) <= 24


def test_a_picture_without_round_corners_is_left_as_it_is(photo):
    picture = photo(300, 200)[:, :, 0].copy()
    assert np.array_equal(fill_corners(picture), picture)
    flat = np.full((40, 40), 9, np.uint8)
    assert np.array_equal(fill_corners(flat), flat)


def test_the_pixels_given_are_not_written_to(photo):
    picture = rounded(photo(200, 150)[:, :, 0], 12, 255)
    before = picture.copy()
    filled = fill_corners(picture)
    assert np.array_equal(picture, before)
    assert not np.array_equal(filled, before)


@pytest.mark.parametrize("shape", [(1, 1), (2, 500), (5, 5), (64, 64)])
def test_odd_shapes_are_hashed_without_a_word(shape):
    assert [len(made.hex) for made in prints_of(np.zeros(shape, np.uint8))] == [64]


def test_a_small_picture_is_hashed_as_it_is_too_when_asked_for(photo):
    thumbnail = photo(160, 120)[:, :, 1].copy()
    enlarged, _, plain, less = prints_of(thumbnail, both=True)
    assert plain.hex == pdq.hash_array(thumbnail).hex
    assert len({enlarged.hex, plain.hex, less.hex}) == 3
    assert len(prints_of(photo(500, 300)[:, :, 1], both=True)) == 1
