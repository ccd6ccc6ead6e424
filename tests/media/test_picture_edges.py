"""Pictures are found on drawn screens, to the pixel, and text and plain surfaces are not taken for pictures."""

import numpy as np
import pytest
from PIL import Image

from tocsin.media.picture_edges import MOST_CROPS, MOST_PICTURES, SMALLEST, find_pictures
from tocsin.model import Rect


def screen(ground=(255, 255, 255), size=(900, 640)):
    out = np.zeros((size[1], size[0], 4), np.uint8)
    out[:, :, :3] = ground[::-1]
    return out


def paste(onto, x, y, bgr):
    onto[y : y + bgr.shape[0], x : x + bgr.shape[1], :3] = bgr


def near(found, rect, within=1):
    """Tell whether some crop has the rectangle's edges."""
    return any(
        max(abs(c.x - rect.x), abs(c.y - rect.y), abs(c.right - rect.right), abs(c.bottom - rect.bottom)) <= within
        for picture in found
        for c in picture.crops
    )


@pytest.mark.parametrize("ground", [(255, 255, 255), (18, 18, 18), (0, 92, 75), (0, 0, 0)])
@pytest.mark.parametrize(("w", "h"), [(128, 96), (161, 240), (500, 375)])
def test_a_picture_on_a_plain_ground_is_cut_to_the_pixel(photo, ground, w, h):
    onto = screen(ground)
    paste(onto, 203, 117, photo(w, h))
    found = find_pictures(onto)
    assert len(found) == 1
    assert found[0].box == Rect(203, 117, w, h)
    assert found[0].certain


def test_text_buttons_and_plain_surfaces_are_no_pictures(draw):
    words = [
        (20, 12 + 20 * i, "the ferry left at noon and the harbour lay quiet under", "black", 15) for i in range(20)
    ]
    page = draw(*words, ground="white", size=(640, 480), boxes=(((500, 20, 620, 300), 12, "#0b5cff"),))
    assert find_pictures(page) == []
    gradient = screen()
    gradient[:, :, 0] = np.linspace(0, 255, gradient.shape[0]).astype(np.uint8)[:, None]
    assert find_pictures(gradient) == []


@pytest.mark.parametrize("gap", [1, 2, 8])
def test_a_grid_with_small_gaps_comes_apart(photo, gap):
    onto = screen()
    boxes = [Rect(20 + i * (150 + gap), 30 + j * (112 + gap), 150, 112) for j in range(3) for i in range(4)]
    for number, b in enumerate(boxes):
        paste(onto, b.x, b.y, photo(b.w, b.h, number))
    found = find_pictures(onto)
    assert all(near(found, b) for b in boxes)
    assert len(found) <= len(boxes) + 1


def test_pictures_without_a_gap_come_apart_at_their_seam(photo):
    onto = screen()
    boxes = [Rect(40, 50, 260, 200), Rect(300, 50, 240, 200)]
    for number, b in enumerate(boxes):
        paste(onto, b.x, b.y, photo(b.w, b.h, number + 3))
    found = find_pictures(onto)
    assert all(near(found, b) for b in boxes)
    assert near(found, Rect(40, 50, 500, 200))


def test_both_the_film_and_its_black_bars_are_tried(photo):
    onto = screen((240, 242, 245))
    onto[80:440, 100:740, :3] = 0
    paste(onto, 180, 80, photo(480, 360))
    found = find_pictures(onto)
    assert near(found, Rect(180, 80, 480, 360))
    assert near(found, Rect(100, 80, 640, 360))


def test_a_white_sky_on_a_dark_page_belongs_to_the_picture(photo):
    onto, sky = screen((30, 31, 34)), photo(320, 240)
    sky[:90] = 255
    sky[:, 280:] = 255
    paste(onto, 60, 70, sky)
    assert near(find_pictures(onto), Rect(60, 70, 320, 240))


def test_round_corners_a_border_and_a_caption_do_not_move_the_edges(photo, draw):
    onto = draw(
        (110, 360, "a caption below the picture", "white", 15),
        size=(700, 480),
        ground="#0b141a",
        boxes=(((96, 96, 436, 390), 14, "#005c4b"),),
    )
    picture = photo(320, 240)
    y, x = np.mgrid[:240, :320]
    outside = (np.hypot(np.maximum(0, 12 - x), np.maximum(0, 12 - y)) > 12) | (
        np.hypot(np.maximum(0, x - 307), np.maximum(0, y - 227)) > 12
    )
    picture[outside] = (0x4B, 0x5C, 0x00)
    paste(onto, 106, 106, picture)
    assert near(find_pictures(onto), Rect(106, 106, 320, 240))


def test_only_pictures_that_touch_the_change_are_returned(photo):
    onto = screen()
    paste(onto, 30, 30, photo(200, 150, 1))
    paste(onto, 500, 400, photo(200, 150, 2))
    found = find_pictures(onto, [Rect(520, 420, 5, 5)])
    assert [picture.box for picture in found] == [Rect(500, 400, 200, 150)]


def test_a_picture_that_fills_the_window_ends_with_it(photo):
    whole = np.dstack([photo(640, 480), np.zeros((480, 640), np.uint8)])
    assert find_pictures(whole)[0].box == Rect(0, 0, 640, 480)


def test_what_is_small_or_hostile_stays_bounded(photo):
    assert find_pictures(np.zeros((3, 2, 4), np.uint8)) == []
    tiny = screen()
    paste(tiny, 50, 50, photo(SMALLEST - 10, SMALLEST - 10))
    assert find_pictures(tiny) == []
    noise = np.random.default_rng(1).integers(0, 255, (700, 900, 4), dtype=np.uint8)
    noise[::90] = 7
    noise[:, ::80] = 7
    found = find_pictures(noise)
    assert len(found) <= MOST_PICTURES
    assert all(len(picture.crops) <= MOST_CROPS for picture in found)
    assert all(c.x >= 0 and c.right <= 900 and c.bottom <= 700 for picture in found for c in picture.crops)


def test_a_downscaled_photograph_keeps_its_edges(photo):
    onto = screen((32, 33, 36))
    small = Image.fromarray(photo(800, 600)).resize((213, 160), Image.Resampling.BILINEAR)
    paste(onto, 33, 41, np.asarray(small))
    assert find_pictures(onto)[0].box == Rect(33, 41, 213, 160)


def fading(picture, first, upright):
    """Let a picture fade to white from about its ``first`` column or row on, here sooner and there later."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    along, beside = (x, y) if upright else (y, x)
    left = np.clip((first + 20 + 18 * np.sin(beside / 9) - along) / 20, 0, 1)[:, :, None]
    return (255 - (255 - picture) * left).astype(np.uint8)


def test_a_picture_with_a_flat_band_in_its_midst_is_whole(photo):
    onto = screen((24, 26, 30))
    picture = fading(photo(320, 240), 70, upright=False)
    picture[200:] = photo(320, 40, 5)
    paste(onto, 100, 60, picture)
    assert near(find_pictures(onto), Rect(100, 60, 320, 240))


def test_a_side_as_white_as_the_page_is_where_a_usual_shape_ends(photo):
    onto = screen(size=(1280, 640))
    paste(onto, 300, 90, fading(photo(240, 180), 150, upright=True))
    assert near(find_pictures(onto), Rect(300, 90, 240, 180))


def test_a_film_is_cut_from_bars_that_compression_made_uneven(photo):
    onto = screen()
    frame = np.zeros((432, 768, 3), np.uint8)
    frame[:, 219:551] = np.random.default_rng(2).integers(0, 7, (432, 332, 3))
    frame[:, 235:535] = photo(300, 432)
    frame[:, 235:300] //= 12
    paste(onto, 40, 60, frame)
    film = Rect(40, 60, 768, 432)
    assert near(find_pictures(onto, films=[film], apart=False), Rect(275, 60, 300, 432))
