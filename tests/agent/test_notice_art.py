import pytest

from tocsin import orders
from tocsin.agent import notice_art
from tocsin.agent.notice import words
from tocsin.placement.config import Config

CONFIG = Config("https://hub.example:8420", "d", "k", "u", 15.0, "", (), "00", "laptop")


def contrast(a, b):
    def light(colour):
        parts = [c / 255 for c in colour]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(a), light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("width", [640, 1280, 3840])
def test_the_bar_fits_every_screen(signed_order, width):
    image = notice_art.bar(words(orders.verify(signed_order()), CONFIG), width)
    assert image.size == (width, notice_art.BAR_HEIGHT)
    assert len(image.getcolors(100_000)) > 10


@pytest.mark.parametrize("size", [(620, 400), (860, 680)])
def test_the_buttons_are_always_in_the_window(signed_order, size):
    told = words(orders.verify(signed_order()), CONFIG)
    drawn = notice_art.window(told, *size, notice_art.Look(scroll=10**6, focus="accept", hover="decline"))
    for box in (drawn.accept, drawn.decline):
        assert 0 <= box.x < box.right <= size[0]
        assert 0 <= box.y < box.bottom <= size[1]
    assert drawn.decline.right <= drawn.accept.x
    assert drawn.most > 0


def test_letters_of_other_scripts_and_endless_words_do_not_break_it(signed_order):
    signed = orders.verify(signed_order(title="Судебный приказ " + "x" * 180))
    notice_art.window(words(signed, CONFIG), 620, 400)
    notice_art.bar(words(signed, CONFIG), 640)


def test_it_can_be_read():
    pairs = [("_WHITE", "_NIGHT"), ("_INK", "_PAPER"), ("_INK", "_QUOTE"), ("_WHITE", "_BLUE"), ("_SOFT", "_WHITE")]
    for ink, ground in pairs:
        assert contrast(getattr(notice_art, ink), getattr(notice_art, ground)) >= 4.5, (ink, ground)


def test_it_has_its_own_icon():
    assert notice_art.icon().size == (48, 48)
