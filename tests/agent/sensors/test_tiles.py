import numpy as np
import pytest

from tocsin.agent.sensors.tiles import Pace, changed_bands, changed_tiles, tile_hashes
from tocsin.model import Rect


@pytest.fixture
def screen():
    return np.random.default_rng(1).integers(0, 255, (300, 500, 4), dtype=np.uint8)


def test_bands_are_exact_and_far_changes_stay_apart(screen):
    after = screen.copy()
    after[10:20, 30:50, 0] ^= 1
    after[200:203, 5:9, 2] ^= 7
    assert changed_bands(screen, after) == [Rect(30, 10, 20, 10), Rect(5, 200, 4, 3)]
    assert changed_bands(screen, screen.copy()) == []


def test_pictures_of_different_sizes_are_refused(screen):
    with pytest.raises(ValueError, match="different sizes"):
        changed_bands(screen, screen[:10])


@pytest.mark.parametrize(("y", "x"), [(0, 0), (63, 63), (64, 64), (299, 499), (150, 448)])
def test_any_one_pixel_changes_exactly_its_tile(screen, y, x):
    after = screen.copy()
    after[y, x, 1] ^= 1
    (tile,) = changed_tiles(tile_hashes(screen), tile_hashes(after), 500, 300)
    assert tile.x <= x < tile.right
    assert tile.y <= y < tile.bottom
    assert tile.w <= 64
    assert tile.h <= 64


def test_one_line_of_44_and_a_small_picture_are_noticed(draw):
    lines = [(40, 20 + 24 * n, f"line {n} of an ordinary page about the garden", "black") for n in range(44)]
    page = draw(*lines, size=(1920, 1080))
    before, line = tile_hashes(page), page.copy()
    line[736:764, :640] = draw((40, 4, "line 30 of an unusual page about the garden", "black"), size=(640, 28))
    changed = changed_tiles(before, tile_hashes(line), 1920, 1080)
    assert changed
    assert all(tile.y + tile.h > 700 and tile.y < 770 for tile in changed)
    picture = page.copy()
    picture[500:628, 1500:1628] = np.random.default_rng(2).integers(0, 255, (128, 128, 4), dtype=np.uint8)
    (x, y), changed = (1500, 500), changed_tiles(before, tile_hashes(picture), 1920, 1080)
    assert min(tile.x for tile in changed) <= x
    assert max(tile.right for tile in changed) >= x + 128
    assert min(tile.y for tile in changed) <= y
    assert max(tile.bottom for tile in changed) >= y + 128
    assert sum(tile.w * tile.h for tile in changed) < 0.03 * 1920 * 1080


def test_swapped_pixels_are_noticed(screen):
    after = screen.copy()
    after[5, 5], after[5, 6] = screen[5, 6].copy(), screen[5, 5].copy()
    after[40, 90], after[41, 90] = screen[41, 90].copy(), screen[40, 90].copy()
    assert changed_tiles(tile_hashes(screen), tile_hashes(after), 500, 300) == [Rect(0, 0, 128, 64)]


def test_another_size_is_all_changed(screen):
    assert changed_tiles(tile_hashes(screen), tile_hashes(screen[:100]), 500, 100) == [Rect(0, 0, 500, 100)]


def test_pace_slows_down_when_still_but_never_past_half_a_second():
    pace = Pace()
    waits = [pace.next(False) for _ in range(30)]
    assert waits == sorted(waits)
    assert waits[-1] == 0.5
    assert pace.next(True) == 0.1
