"""A piece cut out of a stream: the packets as they came, from a keyframe on, playable by itself."""

import io
from collections.abc import Callable

import av
import pytest

from tocsin.gateway.streams.cutting import cut
from tocsin.gateway.streams.looking import StreamError


def frames(data: bytes) -> int:
    with av.open(io.BytesIO(data)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_piece_begins_with_the_keyframe_before_and_plays(film: Callable) -> None:
    piece = cut(io.BytesIO(film()), 2.5, 4.4, 1 << 24)
    assert piece.mime == "video/mp4"
    assert piece.seconds == pytest.approx(2.5, abs=0.3)
    assert frames(piece.data) == pytest.approx(25, abs=3)
    assert not piece.cut


def test_packets_are_not_encoded_anew(film: Callable) -> None:
    def pixels(data: bytes) -> list[bytes]:
        with av.open(io.BytesIO(data)) as container:
            return [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]

    whole = film()
    assert pixels(cut(io.BytesIO(whole), 0, 1e9, 1 << 24).data) == pixels(whole)


def test_from_the_middle_of_a_stream(film: Callable) -> None:
    data = film()
    middle = data[188 * (len(data) // 188 // 2) :]
    assert frames(cut(io.BytesIO(middle), 0, 1e9, 1 << 24).data) >= 15


def test_bytes_are_bounded_and_it_says_so(film: Callable) -> None:
    piece = cut(io.BytesIO(film()), 0, 1e9, 2000)
    assert piece.cut


def test_what_browsers_do_not_play_stays_a_transport_stream(film: Callable) -> None:
    piece = cut(io.BytesIO(film(codec="mpeg2video")), 0, 1e9, 1 << 24)
    assert piece.mime == "video/mp2t"
    assert frames(piece.data) > 30


def test_a_codec_that_transport_streams_do_not_carry_goes_into_matroska(film: Callable) -> None:
    piece = cut(io.BytesIO(film(codec="libvpx", form="matroska")), 0, 1e9, 1 << 24)
    assert piece.mime == "video/x-matroska"
    assert frames(piece.data) > 30


@pytest.mark.parametrize("data", [b"", b"nonsense" * 500])
def test_what_cannot_be_cut_is_a_sentence(data: bytes) -> None:
    with pytest.raises(StreamError, match=r"\.$"):
        cut(io.BytesIO(data), 0, 1, 1 << 20)
