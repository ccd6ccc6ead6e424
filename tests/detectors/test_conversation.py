"""A conversation is reported once, again only for more, with the words it rests on."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from tocsin.detectors import Conversation, making
from tocsin.model import Direction, Finding, Line, Observation, Rect, Speaker, TextSeen
from tocsin.text.wording import Chat, learn

ME, THEY = Speaker.SUBJECT, Speaker.OTHER


def run(seen: Sequence[Observation], detector: Conversation | None = None) -> list[Finding]:
    detector = detector or Conversation()
    return [finding for observation in seen for finding in detector.examine(observation)]


def test_a_finding_quotes_the_exact_words_and_says_who() -> None:
    (found,) = run(making.said("t", (THEY, "im 13 btw"), (ME, "ok. are your parents home?")))
    assert found.severity == 5
    words = [quote.text[start:end] for quote in found.quotes for start, end in quote.spans]
    assert "im 13" in words[0]
    assert any("are your parents home" in word for word in words)
    assert "are your parents home" in found.why
    directions = {signal.name: signal.direction for signal in found.signals}
    assert directions["age-under-18"] is Direction.TO_SUBJECT
    assert directions["adults-near"] is Direction.FROM_SUBJECT
    assert "threat" in found.not_seen
    assert not found.refines


def test_wording_is_quoted_beside_the_signals() -> None:
    said = (
        (ME, "hey cutie, saw you in the game"),
        (THEY, "hi lol"),
        (ME, "how old are you"),
        (THEY, "im 13"),
        (ME, "dont tell your parents about us, delete our chat"),
    )
    found = run(making.said("t", *said))[-1]
    assert "wording like that of reviewed examples (“" in found.why
    told = found.why.partition("wording like that of reviewed examples (")[2].rstrip(").").split("”, “")
    for words in (each.strip("“”") for each in told):
        assert any(words in quote.text[start:end] for quote in found.quotes for start, end in quote.spans)


def test_wording_alone_claims_no_sign() -> None:
    said = tuple((ME if n % 2 else THEY, f"{n} zzz") for n in range(5))
    risky = Chat("r", True, said)
    ordinary = Chat("o", False, ((ME, "bread and milk please"), (THEY, "thanks, on my way home")))
    found = run(making.said("t", *said), Conversation(learn([risky, ordinary])))
    assert all({signal.name for signal in each.signals} == {"phrase"} for each in found)
    assert all(each.why.startswith("Wording like") for each in found)
    assert found


def test_again_only_for_a_new_signal_and_not_at_once() -> None:
    said = making.said(
        "t",
        (THEY, "im 13"),
        (ME, "are your parents home?"),
        (ME, "is your mum home now?"),
        (ME, "keep this between us"),
        (ME, "ok"),
        (ME, "add me on telegram"),
    )
    found = run(said)
    assert [finding.refines for finding in found] == [False, True, True]
    hasty = [replace(seen, at=said[0].at + timedelta(seconds=3 * n)) for n, seen in enumerate(said)]
    first, second = run(hasty)
    assert second.at - first.at >= timedelta(seconds=10)
    assert {"secrecy", "private-app"} <= {signal.name for signal in second.signals}


def test_scrolling_back_does_not_ring_again() -> None:
    detector = Conversation()
    said = making.said("t", (THEY, "im 13"), (ME, "are your parents home?"))
    assert len(run(said, detector)) == 1
    assert run(said, detector) == []


def test_speakers_come_from_the_layout() -> None:
    frame = Rect(0, 0, 800, 600)
    lines = (
        Line("how old are you", Rect(480, 10, 300, 20)),
        Line("13", Rect(20, 60, 40, 20)),
        Line("are your parents", Rect(480, 110, 300, 20)),
        Line("at home?", Rect(480, 132, 120, 20)),
    )
    first = making.said("t", (ME, "x"))[0]
    seen = Observation(
        id="o", kind=first.kind, at=first.at, sensor="screen", body=TextSeen(lines, frame), app="chat", thread="t"
    )
    (found,) = run([seen])
    assert {s.name: s.direction for s in found.signals}["adults-near"] is Direction.FROM_SUBJECT


def test_a_page_without_speakers_is_still_followed() -> None:
    unknown = Speaker.UNKNOWN
    assert run(making.said("t", (unknown, "im 12"), (unknown, "dont tell your mum, our secret")))


def test_no_title_and_no_thread_is_no_error() -> None:
    first = making.said("", (ME, "hello"))[0]
    assert run([first]) == []
