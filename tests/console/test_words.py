import re
from pathlib import Path

import pytest

from tocsin.console import pages, words
from tocsin.model import CATEGORIES, SIGNALS, Category

ACCUSING = re.compile(
    r"\b(breach(ed|es|ing)?|violat\w+|offen[cs]e|offender|groomer|grooming|victim|suspect|guilty)\b", re.I
)


@pytest.mark.parametrize("category", list(Category))
def test_every_title_leaves_the_decision_to_a_person(category):
    for signals in ([], *[[name] for name in SIGNALS]):
        title = words.title(category, signals)
        assert title.endswith(("for review", "not observed"))
        assert not ACCUSING.search(title)


def test_a_stated_age_is_the_title_of_the_most_serious_contact():
    title = words.title("grooming-signal", ["secrecy", "age-under-18"])
    assert title == "Contact with someone who says they are under 18: for review"


def test_silence_is_never_more_than_not_observed():
    assert words.title("condition-observation", ["device-silent"]) == "Device silent: not observed"
    assert "says nothing either way" in words.bears("not-observed", "1")


def test_a_clause_is_born_on_never_broken():
    assert words.bears("breach-indicated", "3") == "Bears on clause 3, for review."
    assert not ACCUSING.search(words.bears("compatible", "3"))


@pytest.mark.parametrize("path", sorted(pages.HERE.glob("templates/*.html")), ids=lambda p: p.name)
def test_no_template_accuses(path: Path):
    visible = re.sub(r"\{[{%].*?[%}]\}|<[^>]+>", " ", path.read_text(), flags=re.S)
    assert not ACCUSING.search(visible)


def test_no_script_accuses():
    for path in pages.STATIC.glob("js/*.js"):
        assert not ACCUSING.search(path.read_text()), path.name


def test_a_rows_second_line_names_signals_and_clauses():
    said = words.why(["age-under-18", "secrecy"], [{"clause": "3"}, {"clause": "3"}, "5"], 4)
    assert said == "Signals: stated age under 18, secrecy. Clauses 3, 5. 4 findings."


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.27, "0.3 s"), (3, "3 s"), (75, "1 min"), (3700, "1 h 2 min"), (400000, "5 days"), (-1, "0 s")],
)
def test_lengths_of_time_are_plain(seconds, text):
    assert words.span(seconds) == text


def test_sizes_and_confidences_are_plain():
    assert words.size(2048) == "2 KiB"
    assert words.confidence(0.91) == "0.91 (high)"
    assert words.category("something-new") == "something new"
    assert set(CATEGORIES) == {str(c) for c in Category}


def test_talk_of_meeting_a_child_is_in_the_title():
    found = words.title("grooming-signal", ["age-under-18", "secrecy", "meeting-travel"])
    assert found == "Talk of meeting someone who says they are under 18: for review"


def test_a_service_is_told_where_it_saw_something_and_who_said_it():
    assert words.seen_in(["known-media", "known-media"]) == "in an upload"
    assert words.seen_in(["live-stream", "conversation", "payments"]) == "in a live stream, a conversation and payments"
    assert words.seen_in(["own-detector"]) == ""
    assert words.direction("from-subject", platform=True) == "by the participant"
    assert words.direction("from-subject") == "by the subject"


def test_a_verdict_stands_within_a_sentence():
    assert words.verdict("true-but-known") == "true, but known"
    assert words.verdict(None) == "closed"
