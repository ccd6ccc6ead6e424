"""Single lines that matter alone ring; weak ones, quotations and repeats do not."""

import pytest

from tocsin.detectors import Conversation, Phrases, making
from tocsin.model import Category, Finding, Speaker

ME, THEY = Speaker.SUBJECT, Speaker.OTHER


def run(*said: tuple[Speaker, str], detector: Phrases | None = None) -> list[Finding]:
    detector = detector or Phrases()
    return [finding for seen in making.said("t", *said) for finding in detector.examine(seen)]


def test_a_threat_rings_at_once_with_its_words() -> None:
    (found,) = run((THEY, "pay me or i will send it to all your friends"))
    assert found.category is Category.SEXTORTION
    assert found.severity == 4
    (quote,) = found.quotes
    assert any("send it to all your friends" in quote.text[start:end] for start, end in quote.spans)


def test_the_same_line_rings_once() -> None:
    detector = Phrases()
    line = (THEY, "pay me or i will send it to all your friends")
    assert len(run(line, detector=detector)) == 1
    assert run(line, detector=detector) == []


@pytest.mark.parametrize(
    "text",
    [
        "send me a pic",
        "how old are you?",
        "add me on telegram",
        "the article says they threaten to send it to all your friends",
        "I'll send it to the whole team after lunch",
    ],
)
def test_weak_or_quoted_lines_stay_quiet(text: str) -> None:
    assert run((ME, text)) == []


def test_one_line_does_not_ring_twice() -> None:
    said = making.said("t", (THEY, "i will send it to all your friends"))
    both = [f for detector in (Phrases(), Conversation()) for seen in said for f in detector.examine(seen)]
    assert [f.detector for f in both] == ["phrases"]
