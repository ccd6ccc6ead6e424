import pytest
from starlette.requests import Request

from tocsin.gateway.answering import answered, comparing, flag, names, whole
from tocsin.gateway.refusals import Refused


def asked(query):
    return Request({"type": "http", "query_string": query.encode(), "headers": []})


def test_yes_and_no_are_read_in_every_usual_spelling():
    for text in ("true", "True", "TRUE", "1", "yes", "on"):
        assert flag(asked(f"x={text}"), "x")
    for text in ("false", "False", "0", "no", ""):
        assert not flag(asked(f"x={text}"), "x")
    assert not flag(asked(""), "x")
    with pytest.raises(Refused):
        flag(asked("x=maybe"), "x")


def test_names_are_joined_by_commas():
    assert names(asked("x=A,%20B,,C"), "x") == ("A", "B", "C")
    assert names(asked("x=%20"), "x") is None
    assert names(asked(""), "x") is None


@pytest.mark.parametrize("text", ["-1", "65", "1.5", "x", "²", "9999999999999999999999"])
def test_a_number_out_of_bounds_is_refused(text):
    with pytest.raises(Refused):
        whole(asked(f"x={text}"), "x", 0, 64)


def test_a_number_is_read():
    assert whole(asked("x=64"), "x", 0, 64) == 64
    assert whole(asked(""), "x", 0, 64) is None


def test_answers_are_compact_json_whatever_the_text():
    answer = answered({"a": "ä\udc80"}, 201)
    assert (answer.status_code, answer.media_type) == (201, "application/json")
    assert answer.body == '{"a":"ä?"}'.encode()


def test_what_cannot_be_compared_is_named_in_a_header():
    assert comparing({}) == {}
    told = comparing({"pdq": {"reason": "low-quality", "sentence": "…"}})
    assert told == {"X-Tocsin-Not-Comparable": "pdq; reason=low-quality"}
