import base64

import pytest

from tocsin.gateway.signals import TYPES, SignalError, distance_text, is_of, read_signal, write_signals
from tocsin.model.media import Fingerprints, Frame, Match, Print


def test_each_type_reads_what_its_callers_write():
    assert read_signal(TYPES["pdq"], "A" * 64).prints[0].hex == "a" * 64
    assert read_signal(TYPES["md5"], "0F" * 16).md5 == "0f" * 16
    assert read_signal(TYPES["video_md5"], "0f" * 16).md5 == "0f" * 16
    assert read_signal(TYPES["sha256"], "0f" * 32).sha256 == "0f" * 32
    photodna = bytes(range(144))
    for text in (photodna.hex(), base64.b64encode(photodna).decode()):
        assert read_signal(TYPES["photodna"], text).photodna == photodna.hex()
    frames = read_signal(TYPES["vpdq"], f'["{"0" * 64},90,0.5"]').frames
    assert [(one.quality, one.at) for one in frames] == [(90, 0.5)]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("pdq", ""), ("pdq", "0" * 63), ("pdq", "x" * 64), ("md5", "0" * 64), ("sha1", "zz"), ("vpdq", "[]"),
        ("vpdq", "nonsense"), ("vpdq", "[" * 5000), ("photodna", "0" * 10),
    ],
)  # fmt: skip
def test_what_is_no_hash_of_its_type_is_refused_with_a_sentence(kind, text):
    with pytest.raises(SignalError, match=r"\."):
        read_signal(TYPES[kind], text)


def test_content_is_told_by_its_types():
    photo = Fingerprints(media="picture", md5="a" * 32, prints=(Print("1" * 64, 80, turn=1), Print("0" * 64, 80)))
    assert write_signals(photo) == {"pdq": "0" * 64, "md5": "a" * 32}
    video = Fingerprints(media="video", md5="a" * 32, frames=(Frame(1.0, "2" * 64, 70),))
    made = write_signals(video)
    assert made["video_md5"] == "a" * 32
    assert read_signal(TYPES["vpdq"], made["vpdq"]).frames[0].hex == "2" * 64


def test_distances_are_written_as_hma_writes_them():
    match = Match(list="l", entry="e", by="pdq", distance=4)
    assert distance_text(match) == "4"
    assert distance_text(Match(list="l", entry="e", by="sha1", distance=0)) == "-"
    assert distance_text(Match(list="l", entry="e", by="video", distance=0, shares=(0.8, 0.12))) == "80%[12%]"
    assert is_of(match, TYPES["pdq"])
    assert not is_of(match, TYPES["md5"])
