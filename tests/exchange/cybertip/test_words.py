"""The strings are exact, and each is there once."""

from tocsin.exchange.cybertip import words


def test_there_are_as_many_as_documented_and_none_twice() -> None:
    for listed, many in (
        (words.INCIDENT_TYPES, 8),
        (words.REPORT_ANNOTATIONS, 5),
        (words.FILE_ANNOTATIONS, 10),
        (words.CLASSIFICATIONS, 4),
        (words.EVENT_NAMES, 6),
    ):
        assert len(set(listed)) == len(listed) == many
