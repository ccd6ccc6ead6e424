"""Phrases are found as whole words, in any spelling, with their place in the text; compared with a plain search."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.text import phrases
from tocsin.text.packs import Entry
from tocsin.text.phrases import Phrases

WORDS = ["are", "you", "home", "alone", "secret", "keep", "it"]


@given(
    st.lists(
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join), min_size=1, max_size=6, unique=True
    ),
    st.lists(st.sampled_from([*WORDS, "x", "homes", ","]), max_size=30).map(" ".join),
)
@settings(max_examples=120, deadline=None)
def test_same_as_a_plain_search(wanted: list[str], text: str) -> None:
    entries = [Entry(f"en-{n}", "x", "en", "secrecy", 1.0, (p,), (), ()) for n, p in enumerate(wanted)]
    found = {hit.entry.phrases[0] for hit in Phrases(entries, {}).find(text)}
    plain = " ".join(text.replace(",", " ").split())
    assert found == {p for p in wanted if re.search(rf"(?<!\w){p}(?!\w)", plain)}


@pytest.mark.parametrize("text", ["im 13", "IM THIRTEEN", "im 9!", "im 13/f"])
def test_ages_in_digits_and_words(compiled: Callable[..., Phrases], text: str) -> None:
    (hit,) = compiled("im {age}").find(text)
    assert hit.value in (9, 13)


@pytest.mark.parametrize(
    "text",
    [
        "im 34",
        "im 13 minutes away",
        "im 13:30",
        "im 13.5",
        "im 13%",
        "im $13",
        "im 13 weeks pregnant",
        "im 1300000000000",
    ],
)
def test_numbers_that_are_no_childs_age(compiled: Callable[..., Phrases], text: str) -> None:
    assert not compiled("im {age}").find(text)


def test_emoji_that_stand_for_words(compiled: Callable[..., Phrases]) -> None:
    assert compiled("our secret").find("our 🤫 ok")


def test_overlapping_hits_of_one_entry_become_the_longest(compiled: Callable[..., Phrases]) -> None:
    text = "keep it secret"
    (hit,) = compiled("keep it", "keep it secret").find(text)
    assert text[hit.start : hit.end] == text


def test_large_and_hostile_texts_are_read(compiled: Callable[..., Phrases]) -> None:
    engine = compiled("our secret")
    assert len(engine.find("our secret \ud800 " * 5000)) == 5000
    assert engine.find("a " * 200_000) == []
    assert engine.find("") == []


def test_short_and_long_texts_agree(compiled: Callable[..., Phrases]) -> None:
    engine = compiled("keep it secret")
    filler = "some other words stand here " * 400
    (hit,) = engine.find(filler + "please keep it secret")
    assert hit.start == len(filler) + len("please ")


def test_the_default_packs_compile_once() -> None:
    assert phrases.default() is phrases.default()
    assert phrases.default().count > 20_000
    assert any(hit.entry.signal == "adults-near" for hit in phrases.find("are your parents home?"))
