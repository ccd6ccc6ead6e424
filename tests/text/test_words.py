"""Words are where they stand in the text, and drawn-out letters mean the same word."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.text import words as module
from tocsin.text.words import hash_word, same_word, words


def test_numbers_are_words_of_their_own() -> None:
    read = words("im13yo, 13/f")
    assert [read.spelling(i) for i in range(len(read))] == ["im", "13", "yo", "13", "f"]
    assert read.numbers.tolist() == [False, True, False, True, False]


def test_offsets_point_into_the_original_text() -> None:
    text = "Ｈey  ‘don’t’ s\u200btop"
    read = words(text)
    assert [text[s:e] for s, e in zip(read.starts, read.ends, strict=True)] == ["Ｈey", "don’t", "s\u200btop"]


@pytest.mark.parametrize(
    ("wanted", "seen", "same"),
    [
        ("hey", "heyyyy", True),
        ("hey", "heyy", True),
        ("meet", "meeeet", True),
        ("met", "meet", False),
        ("meet", "met", False),
        ("so", "sooooo", True),
        ("soon", "son", False),
        ("secret", "secrets", False),
    ],
)
def test_drawn_out_letters(wanted: str, seen: str, same: bool) -> None:
    assert same_word(wanted, seen) is same


@given(st.text(alphabet="abcé13 .Ж０\u200b\n", max_size=120))
@settings(max_examples=150, deadline=None)
def test_hashes_are_those_of_single_words(text: str) -> None:
    read = words(text)
    assert [int(value) for value in read.hashes] == [hash_word(read.spelling(i)) for i in range(len(read))]


def test_long_texts_are_read_in_pieces_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "one twoo three 44 " * 50
    whole = words(text)
    monkeypatch.setattr(module, "CHUNK", 37)
    pieces = words(text)
    assert pieces.starts.tolist() == whole.starts.tolist()
    assert pieces.hashes.tolist() == whole.hashes.tolist()
