import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.orders.document import MAX_TEXT, OrderError, from_json, from_yaml, load_json


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "empty"),
        ("# only a comment\n", 1, "empty"),
        ("a: [1", 1, "YAML"),
        ("a: b\n\tc: d", 2, "tabs"),
        ("a: &x 1\nb: *x\n", 1, "anchors"),
        ("a: 1\nb: *x\n", 2, "anchors"),
        ("a: !!python/object:os.system x\n", 1, "tags"),
        ("a: 1\na: 2\n", 2, "twice"),
        ("--- 1\n--- 2\n", 2, "one document"),
        ("? [a]\n: b\n", 1, "name must be plain text"),
        ("a: ok\nb: \x00\n", 2, "character"),
        ("[" * 50, 1, "nested too deep"),
    ],
)
def test_every_refusal_of_yaml_names_its_line(text, line, says):
    with pytest.raises(OrderError) as caught:
        from_yaml(text)
    assert str(caught.value).startswith(f"line {line}: ")
    assert says in str(caught.value)


def test_words_that_yaml_would_reinterpret_stay_as_written():
    root = from_yaml("a: no\nb: 1e3\nc: 2026-01-01\nd: 0o17\n")
    assert {key: node.value for key, node in root.value.items()} == {
        "a": "no",
        "b": "1e3",
        "c": "2026-01-01",
        "d": "0o17",
    }


def test_nothing_written_is_told_from_empty_text():
    root = from_yaml("a:\nb: ''\nc: null\nd: 'null'\n")
    assert [root.value[key].missing for key in "abcd"] == [True, False, True, False]


@pytest.mark.parametrize(
    "bomb",
    [
        "a" * (MAX_TEXT + 1),
        "a: &a [x]\n" + "\n".join(f"b{n}: &b{n} [*a, *a]" for n in range(50)),
        "- a\n" * 60_000,
        "{" * 100_000,
        "- " * 100_000,
    ],
)
def test_documents_made_to_exhaust_are_refused(bomb):
    with pytest.raises(OrderError):
        from_yaml(bomb)


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_with_a_sentence(text):
    said = "line 1"
    try:
        from_yaml(text)
    except OrderError as error:
        said = str(error)
    assert "line " in said or "UTF-8" in said


@given(st.text(alphabet="a:-[]{}#&*!|>'\"%@`,? \n\t~<", max_size=120))
def test_any_yaml_punctuation_is_read_or_refused(text):
    with contextlib.suppress(OrderError):
        from_yaml(text)


@pytest.mark.parametrize("text", ["{", '{"a":1,"a":2}', "[" * 200_000, '"\ud800"', "9" * 5000, " " * 2_000_000, "NaN"])
def test_json_that_is_broken_doubled_deep_or_huge_is_refused(text):
    with pytest.raises(OrderError):
        from_json(load_json(text), "order")


def test_json_errors_name_the_place_in_the_order():
    with pytest.raises(OrderError, match=r"^order\.clauses\[2\]: "):
        from_json({"clauses": ["a", 1.5]}, "order")
