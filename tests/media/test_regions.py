"""Photographs on saved pages have prints of their own, with their place; what is left out is counted."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tocsin.media import pdq, regions
from tocsin.model import Rect


def jpeg(rgb, quality=80):
    out = BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=quality)
    return np.asarray(Image.open(out).convert("RGB"))


def blank(width=1280, height=900, ground=(246, 246, 248)):
    return np.full((height, width, 3), ground, np.uint8)


def nearest(found, picture):
    """How near the nearest print is to the picture's own hash, and where that print's region is."""
    own = int(pdq.hash_array(np.ascontiguousarray(picture)).hex, 16)
    best = min(found.prints, key=lambda one: (int(one.hex, 16) ^ own).bit_count())
    return (int(best.hex, 16) ^ own).bit_count(), best.region


@pytest.mark.parametrize("saved", ["png", "jpeg", "scaled"])
def test_each_photograph_on_a_page_is_found_with_its_place(photo, saved):
    boxes = [Rect(60, 80, 480, 360), Rect(620, 120, 300, 400), Rect(60, 520, 520, 340)]
    page, pictures = blank(), [photo(b.w, b.h, n) for n, b in enumerate(boxes)]
    for picture, b in zip(pictures, boxes, strict=True):
        page[b.y : b.bottom, b.x : b.right] = picture
    factor = 1.0
    if saved == "jpeg":
        page = jpeg(page)
    if saved == "scaled":
        factor = 0.8
        page = jpeg(np.asarray(Image.fromarray(page).resize((1024, 720), Image.Resampling.LANCZOS)))
    found = regions.regions(page, exact=saved == "png")
    assert found.cut == 0
    for picture, b in zip(pictures, boxes, strict=True):
        bits, place = nearest(found, picture)
        assert bits <= 31
        there = Rect(*(round(value * factor) for value in (b.x, b.y, b.w, b.h)))
        assert place.overlap(there) > 0.9


def test_a_page_of_words_and_a_plain_one_have_no_pictures(draw):
    words = [(20, 12 + 20 * i, "the ferry left at noon and the harbour lay quiet", "black", 15) for i in range(20)]
    page = draw(*words, ground="white", size=(640, 480))[:, :, 2::-1]
    for one in (np.ascontiguousarray(page), blank(), blank(40, 30)):
        assert regions.regions(one, exact=True) == regions.Regions((), 0, 0)


def test_the_largest_are_kept_and_the_others_counted(photo, monkeypatch):
    monkeypatch.setattr(regions, "MOST_REGIONS", 4)
    page = blank()
    for n in range(6):
        side = 100 + 20 * n
        page[20 + 260 * (n // 3) : 20 + 260 * (n // 3) + side, 20 + 300 * (n % 3) : 20 + 300 * (n % 3) + side] = photo(
            side, side, n
        )
    found = regions.regions(page, exact=True)
    assert (found.found, found.cut) == (6, 2)
    assert min(one.region.w for one in found.prints) >= 138


def test_the_hashes_of_one_page_are_bounded_and_every_picture_has_its_first(photo, monkeypatch):
    monkeypatch.setattr(regions, "MOST_CROPS", 6)
    page = blank()
    for n in range(6):
        y, x = 20 + 420 * (n // 3), 20 + 420 * (n % 3)
        page[y : y + 300, x : x + 400] = photo(400, 300, n)
    found = regions.regions(page, exact=True)
    assert len({one.region for one in found.prints}) == 6


def test_turned_ones_are_hashed_where_asked_for(photo):
    page = blank()
    page[100:460, 200:680] = np.rot90(photo(360, 480))
    found = regions.regions(page, exact=True, turns=True)
    bits, _ = nearest(found, photo(360, 480))
    assert bits <= 31
    assert {one.turn for one in found.prints} == set(range(8))


def test_a_very_large_page_is_looked_at_coarsely_and_places_are_its_own(photo, monkeypatch):
    monkeypatch.setattr(regions, "MOST_PIXELS", 600_000)
    page = blank()
    page[100:700, 200:1000] = photo(800, 600)
    bits, place = nearest(regions.regions(page, exact=True), photo(800, 600))
    assert bits <= 31
    assert place.overlap(Rect(200, 100, 800, 600)) > 0.98


def test_the_same_page_gives_the_same_prints(photo):
    page = blank()
    page[100:460, 200:680] = photo(480, 360)
    assert regions.regions(page, exact=False) == regions.regions(page.copy(), exact=False)


def test_a_photograph_on_a_plain_ground_is_no_page_that_was_cut(photo, monkeypatch):
    monkeypatch.setattr(regions, "MOST_REGIONS", 1)
    page = blank()
    page[::2, 300:900][:200] = photo(600, 200)  # busy, with edges that nothing can be certain of
    assert regions.regions(jpeg(page, 60), exact=False).cut == 0
