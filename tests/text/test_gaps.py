"""Parts of a phrase must follow each other closely, in order, on one line."""

from collections.abc import Callable

import pytest

from tocsin.text.phrases import Phrases


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("is your mum at home", True),
        ("is your mum still maybe at home", True),
        ("is your mum a b c d e f home", False),
        ("home is your mum", False),
        ("your mum\nhome", False),
        ("ur mum home", True),
    ],
)
def test_gap_of_three_words(compiled: Callable[..., Phrases], text: str, found: bool) -> None:
    assert bool(compiled("<your> mum .. home").find(text)) is found


def test_a_long_phrase_is_cut_where_its_words_still_touch(compiled: Callable[..., Phrases]) -> None:
    many = "|".join(f"{a}{b}" for a in "abcdefghij" for b in "klmnopqrst")
    phrases = compiled(f"we [{many}] [{many}|] know")
    assert phrases.find("we ak know")
    assert phrases.find("we ak bl know")
    assert not phrases.find("we ak zz know")
    assert not phrases.find("we ak bl ak know")


def test_the_span_runs_from_first_to_last_word(compiled: Callable[..., Phrases]) -> None:
    text = "well, is YOUR mum at Home?"
    (hit,) = compiled("<your> mum .. home").find(text)
    assert text[hit.start : hit.end] == "YOUR mum at Home"
