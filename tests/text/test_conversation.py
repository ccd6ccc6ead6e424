"""Threads: who says what, read once, bounded."""

from datetime import UTC, datetime, timedelta

from tocsin.model import Speaker
from tocsin.text import conversation
from tocsin.text.conversation import Conversations, Message

START = datetime(2026, 5, 1, tzinfo=UTC)
ME, THEY = Speaker.SUBJECT, Speaker.OTHER


def feed(followed: Conversations, *said: tuple[Speaker, str], thread: str = "t", gap: int = 20) -> list[bool]:
    warned = []
    for number, (who, text) in enumerate(said):
        found = followed.add(thread, Message(text, who, START + timedelta(seconds=gap * number)))
        warned.append(found is not None and found.warns)
    return warned


def test_a_bare_number_answers_the_question_for_age() -> None:
    said = [(ME, "how old are you?"), (THEY, "13 lol"), (ME, "are your parents home?")]
    assert feed(Conversations(), *said)[-1]


def test_a_bare_number_without_the_question_is_no_age() -> None:
    said = [(ME, "how many do you want?"), (THEY, "13 lol"), (ME, "nice, send me a pic")]
    assert not any(feed(Conversations(), *said))


def test_a_sentence_over_two_messages_is_read_as_one() -> None:
    said = [(THEY, "im 13"), (ME, "are your parents"), (ME, "at home")]
    assert feed(Conversations(), *said)[-1]


def test_lines_read_again_are_not_new() -> None:
    followed = Conversations()
    said = [(THEY, "im 13"), (ME, "keep this between us"), (ME, "are your parents home?")]
    feed(followed, *said)
    before = len(followed.messages("t"))
    assert not any(feed(followed, *said))
    assert len(followed.messages("t")) == before


def test_threads_do_not_mix() -> None:
    followed = Conversations()
    feed(followed, (THEY, "im 13"), thread="a")
    assert not any(feed(followed, (ME, "are your parents home?"), thread="b"))


def test_memory_is_bounded() -> None:
    followed = Conversations()
    for number in range(conversation.MAX_THREADS + 20):
        feed(followed, (ME, "hello"), thread=str(number))
    assert len(followed) == conversation.MAX_THREADS
    for number in range(conversation.MAX_MESSAGES + 50):
        feed(followed, (ME, f"message number {number} of many"), thread="long")
    assert len(followed.messages("long")) == conversation.MAX_MESSAGES


def test_endless_text_is_cut() -> None:
    assert feed(Conversations(), (ME, "hello " * 100_000)) == [False]


def test_wording_is_told_with_the_messages_it_stands_in() -> None:
    followed = Conversations()
    said = [(ME, "dont tell your mum, our secret"), (THEY, "ok"), (ME, "delete this chat after"), (THEY, "im 12")]
    feed(followed, *said)
    spoken = followed.spoken("t")
    assert spoken
    for number, quote in spoken:
        ((start, end),) = quote.spans
        assert (quote.speaker, quote.text) == said[number]
        assert quote.text[start:end].strip()
    assert followed.spoken("never seen") == ()
