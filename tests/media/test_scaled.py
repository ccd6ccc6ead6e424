"""JPEG decoded small is taken only where the rule holds, and says what it was."""

import numpy as np
import pytest
import simplejpeg

from tocsin.media import scaled


@pytest.mark.parametrize(
    ("height", "width", "factor"),
    [
        (127, 900, 0),
        (128, 128, 1),
        (511, 2000, 1),
        (512, 512, 2),
        (1023, 3000, 2),
        (1024, 1024, 4),
        (2047, 2047, 4),
        (2048, 9000, 8),
    ],
)
def test_the_factor_leaves_the_least_side(height: int, width: int, factor: int) -> None:
    assert scaled.factor_for(height, width) == factor
    assert scaled.factor_for(width, height) == factor


@pytest.mark.parametrize("space", ["RGB", "Gray"])
@pytest.mark.parametrize(
    ("height", "width", "factor"), [(200, 300, 1), (513, 700, 2), (1031, 1100, 4), (2049, 2050, 8)]
)
def test_a_jpeg_is_shrunk_to_its_size_rounded_up(height: int, width: int, factor: int, space: str) -> None:
    pixels = np.full((height, width, 3 if space == "RGB" else 1), 90, np.uint8)
    found = scaled.shrink(simplejpeg.encode_jpeg(pixels, colorspace=space))
    assert found is not None
    assert (found.height, found.width, found.factor) == (height, width, factor)
    assert found.pixels.shape == (-(-height // factor), -(-width // factor), 1)
    assert abs(int(found.pixels.mean()) - 90) <= 1


def test_small_and_broken_jpegs_are_left_to_the_full_road() -> None:
    whole = simplejpeg.encode_jpeg(np.zeros((600, 600, 3), np.uint8))
    assert scaled.shrink(simplejpeg.encode_jpeg(np.zeros((100, 900, 3), np.uint8))) is None
    assert scaled.shrink(whole[: len(whole) // 2]) is None
    assert scaled.shrink(b"") is None
    assert scaled.shrink(b"\xff\xd8\xff") is None


def test_the_rule_asks_for_content_and_for_distance_from_the_threshold() -> None:
    assert scaled.holds(100, 2.0)
    assert not scaled.holds(49, 2.0)
    assert not scaled.holds(100, 0.01)
