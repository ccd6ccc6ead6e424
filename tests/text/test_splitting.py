"""Words that hide or lose their spaces are found; other words stay whole."""

from collections.abc import Callable

import pytest

from tocsin.text.phrases import Phrases


@pytest.mark.parametrize(
    "text",
    [
        "h o w  o l d  are you",
        "h.o.w o.l.d are you",
        "h-o-w-o-l-d-a-r-e-y-o-u",
        "howoldareyou",
        "so howoldareyou then",
        "H O W O L D A R E Y O U",
    ],
)
def test_hidden_spelling(compiled: Callable[..., Phrases], text: str) -> None:
    assert compiled("how old are you").find(text)


def test_single_letters_that_are_words_stay(compiled: Callable[..., Phrases]) -> None:
    assert compiled("r u a kid").find("r u a kid")


def test_doubled_letters_in_a_spread_word(compiled: Callable[..., Phrases]) -> None:
    text = "can we m e e t up"
    (hit,) = compiled("we meet up").find(text)
    assert text[hit.start : hit.end] == "we m e e t up"


def test_unknown_words_are_left_alone(compiled: Callable[..., Phrases]) -> None:
    assert not compiled("how old are you").find("internationalisation howoldareyouxq")
