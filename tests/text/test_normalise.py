"""Spellings are folded, numbers stay, and every folded character knows where it came from."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.text.normalise import normalise


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("HOW Old", "how old"),
        ("hоw оld аrе уоu", "how old are you"),  # Cyrillic о, а, е, у
        ("ｈｏｗ ｏｌｄ", "how old"),
        ("𝗵𝗼𝘄 𝖔𝖑𝖉", "how old"),
        ("Cuántos años", "cuantos anos"),
        ("se\u200bcr\u200det", "secret"),
        ("don’t", "dont"),
        ("h0w 0ld", "how old"),
        ("s3cr3t", "secret"),
        ("m33t n00b", "meet noob"),
        ("hell0", "hello"),
        ("$ecret p@rents", "secret parents"),
    ],
)
def test_other_spellings_become_the_plain_one(written: str, folded: str) -> None:
    assert " ".join(normalise(written).text.split()) == folded


@pytest.mark.parametrize(
    "written", ["13", "im 13", "13f", "im13yo", "im11yo", "grade8", "12:30", "2nite", "at 7pm", "5th"]
)
def test_ages_and_other_numbers_stay(written: str) -> None:
    kept = "".join(char for char in normalise(written).text if char.isdigit())
    assert kept == "".join(char for char in written if char.isdigit())


@given(st.text(max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_text_is_accepted_and_offsets_lead_back(text: str) -> None:
    folded = normalise(text)
    offsets = [folded.offset(index) for index in range(folded.chars.size)]
    assert offsets == sorted(set(offsets))
    assert all(0 <= offset < len(text) for offset in offsets)


@given(st.text(alphabet="abcdefghij xyz.,", max_size=80))
@settings(max_examples=80, deadline=None)
def test_plain_letters_do_not_change(text: str) -> None:
    assert [c for c in normalise(text).text if c.isalpha()] == [c for c in text if c.isalpha()]
