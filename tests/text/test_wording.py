"""Wording: a model computed from reviewed examples, and the words that speak for what it says."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.model import Speaker
from tocsin.text import wording
from tocsin.text.wording import Chat, features, learn

ME, THEY, UNKNOWN = Speaker.SUBJECT, Speaker.OTHER, Speaker.UNKNOWN
CHATS = (
    Chat("r1", True, ((ME, "dont tell your mum about our chat"), (THEY, "ok i wont"))),
    Chat("r2", True, ((ME, "keep it secret, dont tell anyone"), (THEY, "im 12 is that ok"))),
    Chat("o1", False, ((ME, "can you buy milk and bread"), (THEY, "yes on my way"))),
    Chat("o2", False, ((ME, "the meeting moved to monday"), (THEY, "thanks, see you there"))),
)


def likeness(model: wording.Model, *said: tuple[Speaker, str]) -> float:
    return model.likeness([features(text, who) for who, text in said])


def test_risky_and_ordinary_wording_are_told_apart() -> None:
    model = learn(CHATS)
    assert likeness(model, (ME, "dont tell anyone, keep our secret")) > 0
    assert likeness(model, (ME, "meeting on monday, buy bread")) < 0
    assert likeness(model) == 0


def test_the_same_examples_give_the_same_model() -> None:
    one, two = learn(CHATS), learn(CHATS)
    assert one.base == two.base
    assert np.array_equal(one.weights, two.weights)
    assert np.array_equal(one.idf, two.idf)


def test_examples_of_one_label_teach_nothing() -> None:
    with pytest.raises(ValueError, match="risky and ordinary"):
        learn(CHATS[:2])


def test_the_explanation_points_at_real_words() -> None:
    said = ((ME, "héllo, the meeting is monday"), (ME, "but  DONT tell anyone… keep it secret"), (THEY, ""))
    found = learn(CHATS).explain(said)
    assert found
    assert {one.message for one in found} == {1}
    for one in found:
        text = said[one.message][1]
        words = text[one.start : one.end]
        assert words == words.strip()
        assert one.adds > 0
        assert not text[one.start - 1 : one.start].isalnum()
        assert not text[one.end : one.end + 1].isalnum()
    assert any("DONT tell" in said[1][1][one.start : one.end] for one in found)
    spans = sorted((one.start, one.end) for one in found)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_who_says_it_makes_a_difference() -> None:
    model = learn(CHATS)
    assert likeness(model, (THEY, "im 12")) > likeness(model, (UNKNOWN, "im 12")) > likeness(model, (ME, "buy milk"))


def test_ages_of_children_are_one_word() -> None:
    shared = set(features("im 12", THEY)) & set(features("im 15", THEY))
    adult = set(features("im 12", THEY)) & set(features("im 45", THEY))
    assert len(shared) > len(adult)


def test_messages_do_not_run_into_each_other_when_examples_are_read() -> None:
    """All that one side says is read at once at load; its features must be those of single messages."""
    row, ids, counts = wording._count(CHATS)
    for number, chat in enumerate(CHATS):
        alone = np.concatenate([features(text, who) for who, text in chat.messages])
        expected, times = np.unique(alone, return_counts=True)
        assert np.array_equal(ids[row == number], expected)
        assert np.array_equal(counts[row == number], times)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.sampled_from(list(Speaker)))
def test_any_text_is_read(text: str, who: Speaker) -> None:
    model = learn(CHATS)
    assert np.isfinite(likeness(model, (who, text)))
    for one in model.explain(((who, text),)):
        assert 0 <= one.start < one.end <= len(text)


def test_the_reviewed_examples_are_learnt() -> None:
    chats = wording.examples()
    assert len({chat.id for chat in chats}) == len(chats)
    assert {chat.risky for chat in chats} == {True, False}
    assert 0 < len(wording.examples("tune-")) < len(chats)
    model = wording.default()
    right = [(likeness(model, *chat.messages) > 0) == chat.risky for chat in chats]
    assert sum(right) > 0.95 * len(right)
