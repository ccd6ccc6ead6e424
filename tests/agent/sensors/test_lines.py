import numpy as np
import pytest

from tocsin.agent.sensors.lines import find_lines


def test_lines_come_from_top_to_bottom_with_their_fill(draw):
    found = find_lines(
        draw(
            (30, 20, "did you finish the homework?", "#111"),
            (330, 60, "almost, only maths is left", "white"),
            (30, 100, "mañana ¿qué Ñandú?", "#111"),
            boxes=(((315, 50, 600, 90), 16, "#0b5cff"),),
        )
    ).lines
    assert [line.fill for line in found] == [(255, 255, 255), (11, 92, 255), (255, 255, 255)]
    assert [line.box.y // 40 for line in found] == [0, 1, 2]


def test_a_bubbles_edge_is_not_part_of_its_line(draw):
    (line,) = find_lines(draw((50, 50, "ok then, at five", "white"), boxes=(((38, 40, 200, 78), 18, "#0b5cff"),))).lines
    assert 48 <= line.box.x <= 53
    assert line.box.right < 190


@pytest.mark.parametrize(("ground", "ink"), [("white", "#222"), ("#1e1f22", "#dbdee1"), ("#fafafa", "#767676")])
@pytest.mark.parametrize("size", [11, 12, 14, 16, 20, 28])
def test_each_row_of_a_tight_paragraph_is_one_line(draw, ground, ink, size):
    rows = ["typing gypsy jumpy", "HE SAID: Álamo, Ñu", "just a few more", "ok"]
    step = round(size * 1.2)
    pixels = draw(*((20, 10 + i * step, row, ink, size) for i, row in enumerate(rows)), ground=ground)
    assert len(find_lines(pixels).lines) == len(rows)


def test_columns_stay_apart(draw):
    found = find_lines(draw((20, 50, "left side", "black"), (300, 50, "right side", "black"))).lines
    assert len(found) == 2


def test_words_of_one_line_stay_together(draw):
    assert len(find_lines(draw((20, 50, "one two  three, four - five", "black", 20))).lines) == 1


def test_a_photo_is_a_picture_and_not_text(draw):
    pixels = draw((20, 10, "a caption", "black"), size=(400, 400))
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    pixels[100:300, 100:300, :3] = noise
    layout = find_lines(pixels)
    assert len(layout.lines) == 1
    assert layout.pictures
    assert layout.pictures[0].w > 150


def test_upright_borders_are_not_letters(draw):
    pixels = draw(size=(300, 200))
    pixels[20:180, 50] = 0
    pixels[20:180, 250] = 0
    assert find_lines(pixels).lines == ()


@pytest.mark.parametrize("shape", [(0, 0, 4), (1, 1, 4), (3, 400, 4), (400, 2, 4), (9, 9, 3)])
def test_tiny_pictures_hold_nothing(shape):
    assert find_lines(np.zeros(shape, np.uint8)).lines == ()


def test_random_noise_ends_and_finds_no_page_of_text():
    noise = np.random.default_rng(2).integers(0, 255, (300, 500, 4), dtype=np.uint8)
    assert len(find_lines(noise).lines) < 10


def test_the_room_between_a_bubble_and_a_scroll_bar_is_not_part_of_its_line(draw):
    pixels = draw(
        (330, 60, "see you on Monday then", "white", 20),
        (330, 130, "ok, at five", "white", 20),
        size=(640, 240),
        boxes=(
            ((315, 50, 598, 96), 16, "#0b5cff"),
            ((315, 120, 598, 166), 16, "#0b5cff"),
            ((612, 20, 622, 220), 4, "#8a8a8a"),
        ),
    )
    found = find_lines(pixels).lines
    assert len(found) == 2
    assert all(line.box.x >= 326 and line.box.right < 590 and line.box.h < 26 for line in found)


@pytest.mark.parametrize("size", [32, 40, 48])
def test_large_headings_are_lines(draw, size):
    assert len(find_lines(draw((20, 60, "Large Heading HIL", "black", size))).lines) == 1
