from datetime import UTC, datetime, timedelta

from tocsin.gateway.participants import LONGEST, MOST_AUTHORS, Participant, Readers, Said, parts, with_ages
from tocsin.model import Direction

START = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
TALK = (
    ("kid", "im 13 btw, just started year 9"),
    ("adult", "cool. are your parents home right now?"),
    ("kid", "no mum is at work"),
    ("adult", "keep this between us ok, add me on telegram"),
)


def said(*talk):
    return [Said(f"m{n}", who, START + timedelta(seconds=20 * n), text) for n, (who, text) in enumerate(talk)]


def read(authors, *talk):
    readers = Readers("t", authors)
    return [told for one in said(*talk) for told in readers.read(one)]


def test_the_participant_whose_words_carry_the_signals_is_named_whoever_writes_first():
    for talk in (TALK, (("adult", "hi there"), *TALK)):
        found = read(["adult", "kid"], *talk)
        assert {told.participant for told in found} == {"adult"}
        last = found[-1].finding
        directions = {signal.name: signal.direction for signal in last.signals}
        assert directions["age-under-18"] is Direction.TO_SUBJECT
        assert directions["secrecy"] is Direction.FROM_SUBJECT
        assert "secrecy (“between us”, from this participant)" in last.why


def test_in_a_group_the_one_who_acts_is_named_and_the_others_are_not():
    found = read(["a", "b", "adult", "kid"], ("a", "hi all"), ("b", "who won?"), *TALK, ("a", "nice game"))
    assert {told.participant for told in found} == {"adult"}


def test_a_line_that_matters_alone_is_its_authors():
    found = read(["a", "b"], ("b", "hey"), ("a", "pay me or i will send it to all your friends"))
    assert [(told.participant, told.finding.detector) for told in found if told.finding.detector == "phrases"] == [
        ("a", "phrases")
    ]


def test_ordinary_talk_names_nobody():
    assert read(["a", "b"], ("a", "training is moved to 6"), ("b", "thanks coach"), ("a", "see you")) == []


def test_a_long_message_is_read_to_its_end_in_parts_that_join_again():
    text = "word " * 3000 + "pay me or i will send it to all your friends"
    assert "".join(part for _, part in parts(text)) == text
    assert all(len(part) <= LONGEST and text[at:].startswith(part) for at, part in parts(text))
    assert list(parts("")) == [(0, "")]
    assert "".join(part for _, part in parts("x" * 10_000)) == "x" * 10_000
    assert read(["a"], ("a", text))


def test_a_stated_age_changes_how_bad_it_would_be_and_never_how_likely():
    talk = ("is anyone home with you? keep this between us ok", "dont tell your parents, add me on telegram")
    [told, *_] = read(["a", "b"], *[("a", text) for text in talk])
    plain = with_ages(told, {})
    child = with_ages(told, {"a": Participant("a"), "b": Participant("b", age_band="13-15")})
    assert child.severity == 5 >= plain.severity
    assert child.confidence == plain.confidence
    assert "age-under-18" in {signal.name for signal in child.signals}
    assert "age-under-18" not in child.not_seen
    assert child.why.endswith("The service states that somebody it is said to is under 18.")
    peers = with_ages(told, {"a": Participant("a", age_band="13-15"), "b": Participant("b", age_band="13-15")})
    assert "age-peer" in peers.benign
    assert peers.severity == plain.severity
    family = with_ages(told, {"a": Participant("a", role="family")})
    assert "relative" in family.benign


def test_too_many_authors_are_told_apart_from_those_who_are_read():
    readers = Readers("t", [f"u{n:02}" for n in range(MOST_AUTHORS + 5)])
    assert len(readers.authors) == MOST_AUTHORS
    assert readers.knows("somebody else")
    assert not Readers("t", ["a"]).knows("b")
