"""HLS playlists, ours and hostile ones."""

import pytest

from tocsin.gateway.streams.playlist import Part, PlaylistError, parse

BASE = "https://media.example.org/a/live.m3u8"


def test_a_master_playlist_gives_the_smallest_that_shows_enough() -> None:
    text = """#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=300000,RESOLUTION=426x240,CODECS="avc1.4d,mp4a.40.2"
low.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2500000,RESOLUTION=1280x720
high.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=640x360
middle.m3u8
"""
    assert parse(text, BASE).chosen().url == "https://media.example.org/a/middle.m3u8"
    only_low = "\n".join(text.splitlines()[:3])
    assert parse(only_low, BASE).chosen().height == 240


def test_segments_are_numbered_and_discontinuities_marked() -> None:
    text = """#EXTM3U
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:100
#EXTINF:4.0,
a.ts
#EXT-X-DISCONTINUITY
#EXTINF:3.5,title
/b.ts?x=1
#EXT-X-ENDLIST
"""
    playlist = parse(text, BASE)
    assert [(one.number, one.fresh) for one in playlist.segments] == [(100, False), (101, True)]
    assert playlist.segments[1].media.url == "https://media.example.org/b.ts?x=1"
    assert playlist.ended


def test_an_initialisation_segment_comes_first() -> None:
    text = '#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:1,\n1.m4s\n#EXTINF:1,\n2.m4s\n'
    first, second = parse(text, BASE).segments
    assert first.first == second.first == Part("https://media.example.org/a/init.mp4")
    assert first.fresh
    assert not second.fresh


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "unreadable"),
        ("<html>", "unreadable"),
        ('#EXTM3U\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k"\n#EXTINF:1,\na.ts\n', "unsupported"),
        ('#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="k",KEYFORMAT="com.example.drm"\n#EXTINF:1,\na.ts\n', "unsupported"),
        ("#EXTM3U\n#EXT-X-KEY:METHOD=AES-128\n#EXTINF:1,\na.ts\n", "unreadable"),
        ('#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0xZZ\n#EXTINF:1,\na.ts\n', "unreadable"),
        ('#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x' + "1" * 33 + "\n#EXTINF:1,\na.ts\n", "unreadable"),
        ('#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="k"\n#EXT-X-MAP:URI="i"\n#EXTINF:1,\na.m4s\n', "unreadable"),
        ("#EXTM3U\n#EXTINF:1,\n#EXT-X-BYTERANGE:100\na.ts\n", "unreadable"),
        ("#EXTM3U\n#EXT-X-BYTERANGE:9@0\na.ts\n#EXT-X-BYTERANGE:9\nb.ts\n", "unreadable"),
        ("#EXTM3U\n#EXT-X-BYTERANGE:9@0\na.ts\na.ts\n#EXT-X-BYTERANGE:9\na.ts\n", "unreadable"),
        ("#EXTM3U\n#EXT-X-BYTERANGE:0@0\na.ts\n", "unreadable"),
        ("#EXTM3U\n#EXT-X-BYTERANGE:-9@0\na.ts\n", "unreadable"),
        ("#EXTM3U\n#EXT-X-BYTERANGE:9@9999999999999\na.ts\n", "unreadable"),
        ("#EXTM3U\n#EXT-X-BYTERANGE:99999999999@0\na.ts\n", "too-large"),
        ("#EXTM3U\n#EXTINF:nan,\na.ts\n", "unreadable"),
        ("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:-5\n#EXTINF:1,\na.ts\n", "unreadable"),
        ("#EXTM3U\n" + "a.ts\n" * 60_000, "too-large"),
    ],
)
def test_what_cannot_be_watched_is_a_sentence(text: str, code: str) -> None:
    with pytest.raises(PlaylistError) as error:
        parse(text, BASE)
    assert error.value.code == code
    assert str(error.value).endswith(".")


def test_method_none_is_no_encryption() -> None:
    assert parse("#EXTM3U\n#EXT-X-KEY:METHOD=NONE\n#EXTINF:1,\na.ts\n", BASE).segments


def test_segments_are_cut_out_of_one_file() -> None:
    text = """#EXTM3U
#EXT-X-MAP:URI="all.m4s",BYTERANGE="806@0"
#EXTINF:1,
#EXT-X-BYTERANGE:49974@806
all.m4s
#EXTINF:1,
#EXT-X-BYTERANGE:50766
all.m4s
#EXTINF:1,
whole.m4s
"""
    one, two, three = parse(text, BASE).segments
    assert one.first is not None
    assert one.first.span == (0, 806)
    assert (one.media.span, two.media.span, three.media.span) == ((806, 49974), (50780, 50766), None)


def test_each_segment_has_its_key_and_vector() -> None:
    text = """#EXTM3U
#EXT-X-MEDIA-SEQUENCE:7
#EXTINF:1,
clear.ts
#EXT-X-KEY:METHOD=AES-128,URI="one.key"
#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://drm",KEYFORMAT="com.example.drm"
#EXTINF:1,
a.ts
#EXT-X-KEY:METHOD=AES-128,URI="https://keys.example.org/two",IV=0xAB,KEYFORMAT="identity"
#EXTINF:1,
b.ts
#EXT-X-KEY:METHOD=NONE
#EXTINF:1,
c.ts
"""
    clear, first, second, after = (one.media for one in parse(text, BASE).segments)
    assert clear.key == after.key == ""
    assert (first.key, first.vector) == ("https://media.example.org/a/one.key", bytes([0] * 15 + [8]))
    assert (second.key, second.vector) == ("https://keys.example.org/two", bytes([0] * 15 + [0xAB]))
