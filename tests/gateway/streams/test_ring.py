"""The ring holds the last seconds of a stream and no more, within its bytes."""

from tocsin.gateway.streams.ring import Ring
from tocsin.gateway.streams.rtmp_chunks import FLV_HEADER, Message, flv


def test_only_the_last_seconds_are_held() -> None:
    ring = Ring(seconds=5.0)
    for second in range(20):
        ring.add(bytes([second]), float(second))
    held = ring.held(19.0)
    assert held.data == bytes(range(14, 20))
    assert held.seconds == 5.0
    assert not held.short
    assert ring.held(19.0, 2.0).data == bytes([17, 18, 19])


def test_bytes_are_bounded_and_it_says_so() -> None:
    ring = Ring(seconds=100.0, most=10)
    for second in range(20):
        ring.add(b"xyz", float(second))
    assert ring.size <= 10
    assert ring.held(19.0).short


def test_what_a_decoder_must_see_first_stays() -> None:
    ring = Ring(seconds=2.0)
    setup = flv(Message(9, 1, 0, b"\x17\x00\x00\x00\x00avc"))
    picture = flv(Message(9, 1, 5, b"\x17\x01\x00\x00\x00data"))
    ring.add(FLV_HEADER, 0.0)
    ring.add(setup, 0.0)
    for second in range(50):
        ring.add(picture, float(second))
    assert ring.held(49.0).data.startswith(FLV_HEADER + setup + picture)
    assert ring.head == FLV_HEADER + setup


def test_a_stream_that_begins_anew_leaves_nothing_of_the_old() -> None:
    ring = Ring()
    ring.first(b"init")
    ring.add(b"x", 0.0)
    ring.fresh()
    assert ring.held(1.0).data == b""
    assert ring.size == 0
