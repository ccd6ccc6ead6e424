"""Frames come at the right times, within the limits, and a video not read to its end never looks complete."""

import io
from contextlib import suppress

import numpy as np
import pytest

from tocsin.media.video import KEYFRAMES, KEYFRAMES_AND_SCENES, Every, Limits, Video, VideoError, frames


def read(data: bytes, how=Every(1.0), **limits) -> tuple[list[tuple[int, float]], Video]:
    with Video(data, Limits(**limits)) as video:
        return [(still.number, round(still.at, 3)) for still in video.frames(how)], video


def test_one_frame_a_second_as_the_reference_counts(clip: bytes) -> None:
    found, video = read(clip)
    assert found == [(0, 0.0), (25, 1.0), (50, 2.0), (75, 3.0)]
    assert (video.fps, video.duration, video.complete, video.notes) == (25.0, 4.0, True, {})
    assert len(read(clip, Every(0))[0]) == 100
    assert len(read(clip, Every(0.01))[0]) == 100, "less than a frame apart takes every frame"
    assert [n for n, _ in read(clip, Every(1.99))[0]] == [0, 49, 98]


def test_keyframes_come_alone(clip: bytes) -> None:
    found, video = read(clip, KEYFRAMES)
    assert found == [(0, 0.0), (25, 1.0), (50, 2.0), (75, 3.0)]
    assert video.complete
    assert all(still.key for still in frames(clip, KEYFRAMES))


def test_times_are_the_containers_where_the_rate_varies(make_video, scenery) -> None:
    stamps = [0, 40, 80, 120, 5000, 5040, 9000, 9040, 9080, 20000]
    data = make_video([scenery(1, n * 9) for n in range(10)], stamps=stamps, kind="matroska", gop=100)
    found, video = read(data, Every(0))
    assert [at for _, at in found] == [s / 1000 for s in stamps]
    assert [at for _, at in read(data, Every(1.0, by_time=True))[0]] == [0, 5, 9, 20]
    assert video.complete


def test_a_slow_video_of_many_seconds(make_video, scenery) -> None:
    data = make_video([scenery(1, n * 9) for n in range(30)], fps=1, gop=5)
    assert [at for _, at in read(data)[0]] == list(range(30))
    assert [n for n, _ in read(data, Every(10.0))[0]] == [0, 10, 20]
    assert len(read(data, KEYFRAMES)[0]) == 6


def test_a_single_frame_is_a_video(make_video, scenery) -> None:
    assert read(make_video([scenery()]))[0] == [(0, 0.0)]


@pytest.mark.parametrize("how", [Every(0), KEYFRAMES, KEYFRAMES_AND_SCENES])
def test_each_limit_says_that_it_cut(clip: bytes, how) -> None:
    for limits, word in [({"frames": 2}, "frames"), ({"seconds": 1.5}, "longer")]:
        found, video = read(clip, how, **limits)
        assert not video.complete
        assert word in video.notes["cut"]
        assert all(at <= limits.get("seconds", 99) for _, at in found)
        assert len(found) <= limits.get("frames", 99)
    with pytest.raises(VideoError) as raised:
        read(clip, how, wall=0.0)
    assert raised.value.code == "time-out"


def test_a_limit_that_is_just_met_does_not_cut(clip: bytes) -> None:
    assert read(clip, frames=4)[1].complete


@pytest.mark.parametrize("how", [Every(1.0), KEYFRAMES, KEYFRAMES_AND_SCENES])
def test_a_file_that_ends_early_is_not_complete(make_video, scenery, how) -> None:
    data = make_video([scenery(1, n) for n in range(90)], muxer={"movflags": "faststart"})
    assert data.index(b"moov") < data.index(b"mdat")
    found, video = read(data[: len(data) * 2 // 3], how)
    assert found
    assert not video.complete
    assert video.notes
    with pytest.raises(VideoError):
        read(data[: data.index(b"moov") + 300], how)


def test_a_matroska_that_ends_early_is_not_complete(make_video, scenery) -> None:
    data = make_video([scenery(1, n) for n in range(300)], kind="matroska")
    found, video = read(data[: len(data) // 2])
    assert 2 < len(found) < 9
    assert not video.complete


def test_a_change_of_size_midway_is_followed_and_told(make_video, scenery) -> None:
    small = make_video([scenery(1, n, 160, 120) for n in range(60)], kind="mpegts")
    large = make_video([scenery(2, n, 320, 240) for n in range(60)], kind="mpegts")
    with Video(small + large) as video:
        sizes = [still.rgb().shape for still in video.frames(Every(0.5))]
    assert {(120, 160, 3), (240, 320, 3)} <= set(sizes)
    assert "160 x 120" in video.notes["sizes"]


def test_a_turned_video_says_so(make_video, scenery) -> None:
    data = make_video([scenery(1, n) for n in range(10)], rotate=90)
    with Video(data) as video:
        still = next(video.frames())
        assert still.turned in (90, 270)
        assert still.rgb().shape == (240, 320, 3), "pixels are not turned"
    assert "turned" in video.notes


def test_two_moving_pictures_in_one_file_are_not_complete(scenery) -> None:
    av = pytest.importorskip("av")
    held = io.BytesIO()
    with av.open(held, "w", format="matroska") as container:
        streams = [container.add_stream("mpeg4", rate=10) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for stream in streams:
            for number in range(10):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(scenery(1, number), "rgb24")))
            container.mux(stream.encode(None))
    _, video = read(held.getvalue())
    assert not video.complete
    assert "other-streams" in video.notes


def test_damage_costs_frames_and_no_more(clip: bytes) -> None:
    chance = np.random.default_rng(3)
    for _ in range(25):
        data = bytearray(clip)
        for place in chance.integers(0, len(data), 30):
            data[place] = chance.integers(256)
        for how in (Every(0), KEYFRAMES_AND_SCENES):
            with suppress(VideoError):
                found, video = read(bytes(data), how, wall=600)
                assert len(found) <= 200
                assert video.notes or video.complete
