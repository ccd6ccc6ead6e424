"""Who speaks, from the side of the bubble, its colour, a prefix or a name line; unknown is a value."""

import pytest

from tocsin.model import Line, Rect, Speaker, TextSeen
from tocsin.text.speakers import Layout

FRAME = Rect(0, 0, 800, 600)
GREY, BLUE = (230, 230, 230), (0, 120, 255)


def left(text: str, y: int, width: int = 300) -> Line:
    return Line(text, Rect(20, y, width, 20), GREY)


def right(text: str, y: int, width: int = 300) -> Line:
    return Line(text, Rect(780 - width, y, width, 20), BLUE)


def test_sides_of_bubbles() -> None:
    said = Layout().utterances(TextSeen((left("hi there", 10), right("hello", 60), left("how are you", 110)), FRAME))
    assert [u.speaker for u in said] == [Speaker.OTHER, Speaker.SUBJECT, Speaker.OTHER]


def test_wrapped_lines_of_one_bubble_are_one_utterance() -> None:
    lines = (left("are your parents", 10), left("home now?", 32), right("no", 100))
    assert [u.text for u in Layout().utterances(TextSeen(lines, FRAME))] == ["are your parents home now?", "no"]


def test_edges_are_remembered_for_later_single_lines() -> None:
    layout = Layout()
    layout.utterances(TextSeen((left("hi", 10), right("hello", 60)), FRAME))
    assert layout.utterances(TextSeen((right("later", 200, 120),), FRAME))[0].speaker is Speaker.SUBJECT


def test_a_colour_tells_where_the_side_does_not() -> None:
    layout = Layout()
    layout.utterances(TextSeen((left("hi", 10), right("hello", 60)), FRAME))
    wide = Line("a very wide line", Rect(22, 200, 756, 20), BLUE)
    assert layout.utterances(TextSeen((wide,), FRAME))[0].speaker is Speaker.SUBJECT


def test_full_width_text_has_no_speaker() -> None:
    lines = (Line("a page of text", Rect(20, 10, 760, 20)), Line("goes on here", Rect(20, 80, 750, 20)))
    assert {u.speaker for u in Layout().utterances(TextSeen(lines, FRAME))} == {Speaker.UNKNOWN}


@pytest.mark.parametrize(
    ("line", "speaker", "text"),
    [
        ("Me: hello", Speaker.SUBJECT, "hello"),
        ("Mia: hi you", Speaker.OTHER, "hi you"),
        ("[10:42] Mia: hi", Speaker.OTHER, "hi"),
        ("Someone: hi", Speaker.UNKNOWN, "hi"),
        ("note: buy bread", Speaker.UNKNOWN, "note: buy bread"),
    ],
)
def test_prefixes(line: str, speaker: Speaker, text: str) -> None:
    (said,) = Layout().utterances(TextSeen((Line(line),)), "Mia - chat")
    assert (said.speaker, said.text) == (speaker, text)


def test_a_name_line_speaks_for_what_follows() -> None:
    lines = tuple(Line(text) for text in ("Mia 10:42", "hello", "You 10:43", "hi"))
    assert [u.speaker for u in Layout().utterances(TextSeen(lines), "Mia")] == [Speaker.OTHER, Speaker.SUBJECT]


def test_times_and_marks_are_not_messages() -> None:
    lines = tuple(Line(text) for text in ("10:42", "Seen", "Today", "✓✓", "hello"))
    assert [u.text for u in Layout().utterances(TextSeen(lines))] == ["hello"]


def test_sources_that_know_the_speaker_are_believed() -> None:
    (said,) = Layout().utterances(TextSeen((Line("Mia: hi", speaker=Speaker.SUBJECT),)))
    assert said.speaker is Speaker.SUBJECT


def test_every_line_gets_a_speaker_and_a_header_none() -> None:
    header = Line("Nobody here is real.", Rect(560, 2, 220, 20), GREY)
    lines = (left("hi there", 40), right("hello", 90), left("are your parents", 140), left("home now?", 162), header)
    assert Layout().speakers(TextSeen(lines, FRAME)) == [
        Speaker.OTHER,
        Speaker.SUBJECT,
        Speaker.OTHER,
        Speaker.OTHER,
        Speaker.UNKNOWN,
    ]
    assert Layout().speakers(TextSeen((Line("12:04"), Line("hello")), None)) == [Speaker.UNKNOWN, Speaker.UNKNOWN]


def test_a_mark_in_a_colour_rare_on_its_side_is_nobodys() -> None:
    layout = Layout()
    layout.speakers(TextSeen((*(right(f"line {n}", 60 * n) for n in range(8)), left("hi", 20)), FRAME))
    scroll_bar = Line("4", Rect(770, 300, 9, 14), (241, 241, 241))
    assert layout.speakers(TextSeen((scroll_bar,), FRAME)) == [Speaker.UNKNOWN]
    assert layout.speakers(TextSeen((right("4", 400, 20),), FRAME)) == [Speaker.SUBJECT]
