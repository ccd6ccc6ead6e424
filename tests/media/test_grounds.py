"""Pages are told from photographs by what they are painted on, also after JPEG went over them."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tocsin.media.grounds import MOST_GROUNDS, grounds, is_page, painted


def jpeg(rgb, quality=80):
    out = BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=quality)
    return np.asarray(Image.open(out).convert("RGB"))


@pytest.fixture
def page(photo):
    def make(ground=(246, 246, 248), bubble=(0, 92, 75)):
        page = np.full((700, 1000, 3), ground, np.uint8)
        page[100:500, 300:800] = bubble
        page[110:470, 310:790] = photo(480, 360)
        return page

    return make


@pytest.mark.parametrize("ground", [(255, 255, 255), (11, 20, 26), (239, 234, 226)])
def test_a_page_is_one_on_any_ground_saved_in_any_way(page, ground):
    made = page(ground)
    assert is_page(made)
    assert is_page(jpeg(made, 75))
    assert is_page(made[:, :, 1])
    small = np.asarray(Image.fromarray(made).resize((600, 420), Image.Resampling.LANCZOS))
    assert is_page(jpeg(small))


def test_a_photograph_is_no_page(photo, scenery):
    assert not is_page(photo(640, 480))
    assert not is_page(jpeg(photo(1600, 1200, 3)))
    assert not is_page(scenery(1))
    assert not any(is_page(np.zeros(shape, np.uint8)) for shape in ((0, 0), (7, 900), (5, 5, 3)))


def test_a_small_picture_is_no_page_however_plain(page):
    small = np.asarray(Image.fromarray(page()).resize((500, 350), Image.Resampling.NEAREST))
    assert not is_page(small)
    assert is_page(small, 700 * 1000)


def test_the_grounds_of_a_page_are_its_colours_the_commonest_first(page):
    assert grounds(page((246, 246, 248), (0, 92, 75)))[0].tolist() == [246, 246, 248]
    many = np.repeat(np.arange(0, 250, 10, dtype=np.uint8), 40)[None, :, None].repeat(400, 0).repeat(3, 2)
    assert len(grounds(many)) == MOST_GROUNDS


def test_noise_round_what_is_drawn_is_painted_over_and_photographs_stay(page):
    made = page()
    clean = painted(jpeg(made, 75))[:, :, :3]
    assert (clean[:90] == clean[0, 0]).all()
    assert (clean[100:, :290] == clean[0, 0]).all()
    inside = clean[120:460, 320:780]
    assert (np.diff(inside.astype(int), axis=1) != 0).any(axis=2).mean() > 0.5


def test_what_has_no_ground_is_left_as_it_is(photo):
    made = photo(400, 300)
    assert (painted(made)[:, :, :3] == made).all() or len(grounds(made)) > 0
