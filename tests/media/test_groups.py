"""Leaving out what need not be decoded changes neither the pixels nor the numbers of the frames that are taken."""

import io

import numpy as np
import pytest

from tocsin.media import groups
from tocsin.media.containers import Limits, Progress
from tocsin.media.video import Every, Still, Video

av = pytest.importorskip("av", reason="PyAV (tocsin[video]) is not installed")


def everything(data: bytes) -> list[tuple[float, bytes]]:
    """Decode all frames the plain way."""
    with av.open(io.BytesIO(data)) as container:
        start = container.streams.video[0].start_time or 0
        return [
            (float((f.pts - start) * f.time_base), f.reformat(format="rgb24").to_ndarray().tobytes())
            for f in container.decode(video=0)
        ]


def taken(data: bytes, seconds: float) -> list[Still]:
    with Video(data) as video:
        stills = [(s.number, pytest.approx(s.at, abs=1e-6), s.rgb().tobytes()) for s in video.frames(Every(seconds))]
        assert video.complete, video.notes
    return stills


@pytest.mark.parametrize("seconds", [0, 0.1, 0.5, 1.0, 1.7, 3.0])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("mp4", {"preset": "fast", "bf": "3", "x264-params": "scenecut=0"}),
        ("mp4", {"preset": "fast", "bf": "3", "x264-params": "open-gop=1:scenecut=0"}),
        ("matroska", {"preset": "ultrafast"}),
        ("mpegts", {"preset": "veryfast", "bf": "2"}),
        ("mp4", {"preset": "fast", "bf": "2", "x264-params": "keyint=infinite:intra-refresh=1"}),
    ],
    ids=["b-frames", "open groups", "no b-frames", "transport stream", "no keyframes"],
)
def test_the_frames_are_those_of_decoding_everything(
    seconds: float, kind: str, options: dict[str, str], make_video, scenery
) -> None:
    data = make_video([scenery(n // 35, n, 160, 120) for n in range(110)], kind=kind, fps=20, gop=24, options=options)
    plain = everything(data)
    step = int(seconds * 20)
    wanted = [(n, *frame) for n, frame in enumerate(plain) if step == 0 or n % step == 0]
    assert taken(data, seconds) == wanted


@pytest.mark.parametrize(("codec", "kind"), [("mpeg4", "avi"), ("libvpx-vp9", "webm"), ("libvpx", "webm")])
def test_other_codecs_give_the_same_frames_too(codec: str, kind: str, make_video, scenery) -> None:
    options = {"deadline": "realtime", "cpu-used": "8"} if "vpx" in codec else {"bf": "2"}
    data = make_video([scenery(1, n, 160, 120) for n in range(50)], fps=10, codec=codec, kind=kind, options=options)
    with Video(data) as video:
        got = [(s.number, s.rgb().tobytes()) for s in video.frames()]
    assert got == [(n, frame[1]) for n, frame in enumerate(everything(data)) if n % 10 == 0]


@pytest.mark.parametrize("force", ["0", "0,20,40"])
def test_a_group_too_long_to_hold_is_counted_frame_by_frame(
    force: str, make_video, scenery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "_PACKETS", 30)
    options = {"preset": "fast", "bf": "3", "x264-params": "scenecut=0"}
    pictures = [scenery(1, n, 160, 120) for n in range(130)]
    data = make_video(pictures, gop=1000, options=options, keys=[int(n) for n in force.split(",")])
    wanted = [(n, *frame) for n, frame in enumerate(everything(data)) if n % 3 == 0]
    assert taken(data, 0.1) == wanted


def test_frames_without_an_order_are_counted_as_they_come() -> None:
    packet = av.Packet(b"12345")
    packet.is_keyframe = True
    found = list(groups.grouped(iter([packet, packet])))
    assert [(len(g.packets), g.first, g.ordered) for g in found] == [(1, 0, False), (1, 1, False)]


def test_what_cannot_be_decoded_is_counted(clip: bytes) -> None:
    whole = bytearray(clip)
    start, end = clip.index(b"mdat") + 2000, clip.index(b"moov") - 200
    chance = np.random.default_rng(5)
    whole[start:end] = bytes(b ^ (chance.integers(256) if chance.random() < 0.02 else 0) for b in whole[start:end])
    with Video(bytes(whole), Limits(wall=600)) as video:
        list(video.frames(Every(0)))
    assert video.broken
    assert not video.complete
    assert "could not be decoded" in video.notes["broken"]


def test_progress_remembers_why_it_ended() -> None:
    progress = Progress(Limits(size=10))
    assert not progress.over()
    progress.read = 11
    assert progress.over()
    assert progress.cut == "size"
