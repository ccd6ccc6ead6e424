from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tocsin.media import pdq
from tocsin.media.borders import strip


def framed(inside, top, right, bottom, left, colour):
    height, width = inside.shape[:2]
    made = np.empty((height + top + bottom, width + left + right, 3), np.uint8)
    made[:] = colour
    made[top : top + height, left : left + width] = inside
    return made


def jpeg(pixels, quality=75):
    made = BytesIO()
    Image.fromarray(pixels).save(made, "JPEG", quality=quality)
    return np.asarray(Image.open(made).convert("RGB"))


COLOURS = [(0, 0, 0), (255, 255, 255), (40, 90, 160)]
SHAPES = [(40, 0, 40, 0), (0, 60, 0, 60), (30, 30, 30, 30), (12, 70, 44, 5), (50, 0, 0, 0)]


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_inside_of_a_border_is_found_to_the_pixel(scenery, colour, shape):
    inside = scenery(3)
    assert np.array_equal(strip(framed(inside, *shape, colour)), inside)


@pytest.mark.parametrize("quality", [30, 75, 95])
def test_a_compressed_border_gives_a_hash_near_the_pictures_own(scenery, quality):
    inside = scenery(4)
    found = strip(jpeg(framed(inside, 33, 21, 33, 21, (0, 0, 0)), quality))
    assert pdq.hash_array(inside).distance(pdq.hash_array(found)) <= 31


def test_a_border_within_a_border_is_found_by_asking_again(scenery):
    inside = scenery(5)
    outer = framed(framed(inside, 20, 20, 20, 20, (255, 255, 255)), 0, 90, 0, 90, (0, 0, 0))
    once = strip(outer)
    assert once.shape == (280, 360, 3)
    assert np.array_equal(strip(once), inside)
    assert strip(inside) is None


def test_what_has_no_border_is_left(scenery):
    assert strip(scenery(6)) is None


def test_a_border_too_thin_to_matter_is_left(scenery):
    assert strip(framed(scenery(7, width=900, height=700), 1, 1, 1, 1, (0, 0, 0))) is None


def test_nothing_sensible_is_left_of_these():
    assert strip(np.zeros((300, 300, 3), np.uint8)) is None
    dot = np.zeros((600, 600, 3), np.uint8)
    dot[290:320, 290:320] = 200
    assert strip(dot) is None
    assert strip(np.zeros((2, 2, 3), np.uint8)) is None


def test_the_answer_is_contiguous_and_always_the_same(scenery):
    picture = framed(scenery(8), 10, 20, 30, 40, (0, 0, 0))
    first = strip(picture)
    assert first.flags.c_contiguous
    assert np.array_equal(first, strip(np.asfortranarray(picture)))
