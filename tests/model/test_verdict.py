"""What a person decides, and what the software may say."""

from tocsin.model import ReviewVerdict, Status


def test_cannot_tell_counts_neither_way() -> None:
    assert ReviewVerdict.CANNOT_TELL.is_true is None
    assert ReviewVerdict.TRUE_BUT_KNOWN.is_true is True
    assert ReviewVerdict.BENIGN.is_true is False


def test_the_software_has_three_things_to_say() -> None:
    assert {s.value for s in Status} == {"breach-indicated", "compatible", "not-observed"}
