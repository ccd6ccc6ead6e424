"""Windows recognise a cropped picture, and do not take another one for it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageDraw, ImageFilter

from tocsin.media import windows


def scene(seed: int, size: tuple[int, int] = (480, 360)) -> np.ndarray:
    """A made picture: soft blobs of many sizes and colours, different for each seed."""
    chance = np.random.default_rng(seed)
    picture = Image.new("RGB", size, tuple(int(c) for c in chance.integers(60, 190, 3)))
    pen = ImageDraw.Draw(picture)
    for _ in range(70):
        x, y, r = chance.uniform(0, size[0]), chance.uniform(0, size[1]), chance.uniform(8, 70)
        pen.ellipse((x - r, y - r * 0.8, x + r, y + r * 0.8), fill=tuple(int(c) for c in chance.integers(0, 256, 3)))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(2)))


def codes(picture: np.ndarray) -> list[bytes]:
    return [bytes.fromhex(code) for code in windows.windows(np.ascontiguousarray(picture))]


def found(seen: list[bytes], listed: list[bytes]) -> windows.Agreement:
    pairs = [(a, b) for a in seen for b in listed if apart(a, b) <= windows.RADIUS]
    return windows.agreement([a for a, _ in pairs], [b for _, b in pairs])


def apart(a: bytes, b: bytes) -> int:
    return (int.from_bytes(a[:32], "big") ^ int.from_bytes(b[:32], "big")).bit_count()


@pytest.mark.parametrize("cut", [0.02, 0.05, 0.1, 0.2])
def test_a_cropped_picture_is_recognised(cut: float) -> None:
    picture = scene(1)
    height, width = picture.shape[:2]
    top, left = int(height * cut), int(width * cut)
    assert found(codes(picture[top : height - top, left : width - left]), codes(picture)).enough


def test_bars_and_another_size_do_not_hide_it() -> None:
    picture = scene(2)
    framed = np.pad(picture, ((60, 60), (0, 0), (0, 0)))
    small = np.asarray(Image.fromarray(framed).resize((framed.shape[1] * 2 // 3, framed.shape[0] * 2 // 3)))
    assert found(codes(small), codes(picture)).enough


def test_another_picture_is_not_taken_for_it() -> None:
    listed = [codes(scene(seed)) for seed in range(10, 16)]
    assert not any(found(codes(scene(seed)), one).enough for seed in range(20, 24) for one in listed)


def test_the_same_small_caption_is_not_a_match() -> None:
    def captioned(seed: int) -> np.ndarray:
        picture = Image.fromarray(scene(seed))
        pen = ImageDraw.Draw(picture)
        pen.rectangle((0, 330, 480, 360), fill=(0, 0, 0))
        pen.text((20, 336), "when the bus is late again", fill=(255, 255, 255))
        return np.asarray(picture)

    assert not found(codes(captioned(30)), codes(captioned(31))).enough


def test_windows_scattered_otherwise_do_not_agree() -> None:
    listed = codes(scene(3))
    chance = np.random.default_rng(4)
    moved = [code[:32] + chance.bytes(4) + code[36:] for code in listed]
    assert not windows.agreement(moved, listed).enough


def test_flat_and_tiny_pictures_have_no_windows() -> None:
    assert windows.windows(np.full((300, 400, 3), 90, np.uint8)) == ()
    assert windows.windows(np.zeros((20, 400, 3), np.uint8)) == ()
    assert not windows.agreement([], []).enough


@settings(max_examples=15, deadline=None)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(32, 90), st.integers(32, 90), st.just(3))))
def test_any_pixels_give_well_formed_codes(pixels: np.ndarray) -> None:
    found = windows.windows(pixels)
    assert len(found) <= windows.MOST
    assert all(len(code) == 2 * windows.SIZE for code in found)
    assert windows.windows(pixels) == found
