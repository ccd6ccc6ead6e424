"""The language of phrases: choices, classes, numbers, gaps; mistakes are named."""

import pytest

from tocsin.text.patterns import SLOTS, Number, PatternError, parse

CLASSES = {"your": ["your", "ur"]}


def test_choices_multiply_out_and_may_be_empty() -> None:
    (part,) = parse("are [you|u] [home|in town|]", CLASSES)
    assert set(part.sequences) == {
        ("are", you, *rest) for you in ("you", "u") for rest in (("home",), ("in", "town"), ())
    }


def test_gaps_cut_a_phrase_into_parts() -> None:
    parts = parse("<your> mum .. home ... alone", CLASSES)
    assert [part.gap for part in parts] == [0, 3, 8]
    assert set(parts[0].sequences) == {("your", "mum"), ("ur", "mum")}


def test_numbers_in_words_and_slots() -> None:
    (part,) = parse("im [thirteen|{age}]", CLASSES)
    assert set(part.sequences) == {("im", Number(13, 13)), ("im", SLOTS["age"])}


@pytest.mark.parametrize("phrase", ["are [you", "you]", "<nobody> home", "{wrong}", "a .. [b|]", "a [$|b]", "one .. "])
def test_mistakes_name_the_phrase(phrase: str) -> None:
    with pytest.raises(PatternError, match="cannot be read"):
        parse(phrase, CLASSES)


def test_a_choice_that_explodes_is_refused() -> None:
    many = "[" + "|".join(f"w{chr(97 + i)}" for i in range(20)) + "]"
    with pytest.raises(PatternError, match="expands to more"):
        parse(f"[{many} {many} {many}|x]", CLASSES)
