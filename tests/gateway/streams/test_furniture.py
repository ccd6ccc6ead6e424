"""A player's furniture: the part that moves is the picture, to the pixel; a stream that is all picture has none."""

import numpy as np

from tocsin.gateway.streams.furniture import Furniture
from tocsin.media import pdq


def screen(picture: np.ndarray, played: float) -> np.ndarray:
    """A player on a page: a bar of tabs, a menu, the picture, a bar that shows how far it is."""
    page = np.full((720, 1280, 3), 235, np.uint8)
    page[:60] = 40
    page[80:700:40, 20:180] = 120
    page[101 : 101 + picture.shape[0], 243 : 243 + picture.shape[1]] = picture
    page[690:696, 243 : 243 + int(played * picture.shape[1])] = (200, 0, 0)
    return page


def pictures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(4)
    made = []
    for _ in range(count):
        low = rng.integers(0, 255, (8, 12, 3), np.uint8)
        made.append(np.kron(low, np.ones((70, 70, 1), np.uint8))[:550, :830])
    return made


def test_the_picture_in_a_player_is_found_to_the_pixel() -> None:
    furniture = Furniture()
    shown = pictures(4)
    for number, picture in enumerate(shown):
        inside = furniture.inside(screen(picture, number / 4))
    assert inside is not None
    assert abs(inside.shape[0] - 550) <= 2
    assert abs(inside.shape[1] - 830) <= 2
    assert pdq.hash_array(inside).distance(pdq.hash_array(shown[-1])) <= 10


def test_it_holds_while_the_picture_stands_still() -> None:
    furniture = Furniture()
    shown = pictures(2)
    for picture in (*shown, shown[-1], shown[-1]):
        inside = furniture.inside(screen(picture, 0.5))
    assert inside is not None


def test_a_stream_that_is_all_picture_has_no_furniture() -> None:
    furniture = Furniture()
    rng = np.random.default_rng(1)
    for _ in range(4):
        assert furniture.inside(rng.integers(0, 255, (240, 320, 3), np.uint8)) is None


def test_what_changes_a_little_in_a_corner_is_no_picture() -> None:
    furniture = Furniture()
    still = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    for number in range(4):
        still[10:40, 10:60] = 60 * number
        assert furniture.inside(still.copy()) is None


def test_another_size_begins_anew() -> None:
    furniture = Furniture()
    for picture in pictures(3):
        furniture.inside(screen(picture, 0))
    assert furniture.inside(np.zeros((100, 100, 3), np.uint8)) is None
