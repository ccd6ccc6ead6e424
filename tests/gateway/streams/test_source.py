"""What a source says when a stream cannot be had."""

from tocsin.gateway.streams.source import SourceError


def test_it_says_why_in_a_sentence_and_whether_to_try_again() -> None:
    lost = SourceError("unreachable", "The server closed the connection.")
    assert (str(lost), lost.code, lost.final) == ("The server closed the connection.", "unreachable", False)
    assert SourceError("locked", "The key cannot be had.", final=True).final
