"""Only a video's own bytes are read, from whatever it comes; what cannot be opened says why."""

import io
import os
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tocsin.media import containers
from tocsin.media.containers import Limits, VideoError
from tocsin.media.video import Every, Video, frames
from tocsin.model.observation import NotScanned


def refusal(source, **limits) -> VideoError:
    with pytest.raises(VideoError) as raised:
        list(frames(source, limits=Limits(**limits)))
    return raised.value


@pytest.fixture
def other(clip: bytes, tmp_path: Path):
    """A video that must not be read: the test fails if the file system saw it read."""
    path = tmp_path / "other.mp4"
    path.write_bytes(clip)
    os.utime(path, ns=(0, 0))
    yield path
    assert path.stat().st_atime_ns == 0, "the file named inside was read"
    path.read_bytes()
    if path.stat().st_atime_ns == 0:
        pytest.skip("this file system does not tell when a file was read")


def test_every_kind_of_source_gives_the_same_frames(clip: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a b:c%d.mp4"
    path.write_bytes(clip)
    wanted = [(s.number, s.at, s.rgb().tobytes()) for s in frames(clip)]
    assert len(wanted) == 4
    with path.open("rb") as file:
        file.seek(17)
        for source in (path, str(path), file.fileno(), io.BytesIO(clip), bytearray(clip)):
            assert [(s.number, s.at, s.rgb().tobytes()) for s in frames(source)] == wanted
        assert os.fstat(file.fileno()), "the caller's descriptor stays open"


def test_a_pipe_can_be_read(make_video, scenery) -> None:
    data = make_video([scenery(1, n) for n in range(60)], kind="mpegts")
    here, there = os.pipe()

    def write() -> None:
        with os.fdopen(there, "wb") as out:
            out.write(data)

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(here, "rb", buffering=0) as pipe:
        assert [s.number for s in frames(pipe)] == [0, 30]
    writer.join()


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{other}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{other}'\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period><AdaptationSet><Representation id="1">'
        "<BaseURL>{other}</BaseURL></Representation></AdaptationSet></Period></MPD>",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        "[playlist]\nFile1={other}\n",
    ],
    ids=["hls", "concat", "dash", "sdp", "pls"],
)
def test_a_playlist_opens_no_other_file(playlist: str, other: Path, tmp_path: Path) -> None:
    for name in ("list.m3u8", "list.mpd", "list.txt", "list.mp4"):
        path = tmp_path / name
        path.write_text(playlist.format(other=other))
        assert refusal(path).code in ("unsupported", "unreadable")


def test_a_name_is_never_a_protocol(tmp_path: Path) -> None:
    for name in ("http://127.0.0.1:9/x.mp4", f"concat:{tmp_path}/a|{tmp_path}/b", "pipe:0", "lavfi:testsrc", "-"):
        assert refusal(name).code == "unreadable"


def test_an_mp4_whose_pictures_lie_in_another_file_does_not_open_it(clip: bytes, other: Path, tmp_path: Path) -> None:
    alias = b"url " + bytes(4) + f"file://{other}".encode() + b"\0"
    box = (len(alias) + 4).to_bytes(4, "big") + alias
    place = clip.index(b"url ") - 4
    data = clip[:place] + box + clip[place + 12 :]
    (tmp_path / "cut.mp4").write_bytes(data)
    with pytest.raises(VideoError):
        list(frames(tmp_path / "cut.mp4"))


def test_what_is_not_a_video_says_so(tmp_path: Path, make_video, scenery) -> None:
    assert "empty" in refusal(b"").sentence
    empty = tmp_path / "empty.mp4"
    empty.touch()
    assert "empty" in refusal(empty).sentence
    assert refusal(tmp_path / "missing.mp4").code == "unreadable"
    assert refusal(tmp_path).code in ("unsupported", "unreadable")
    os.mkfifo(tmp_path / "fifo")
    assert refusal(tmp_path / "fifo").code == "unsupported"
    assert refusal(b"hello " * 1000).code in ("unreadable", "unsupported")
    assert refusal(np.random.default_rng(1).bytes(100_000)).code in ("unreadable", "unsupported")
    gif = make_video([scenery()] * 3, kind="gif", codec="gif", pix_fmt="rgb8")
    assert refusal(gif).code == "unsupported"


def test_a_cut_off_mp4_says_what_is_missing(clip: bytes) -> None:
    assert clip.index(b"moov") > len(clip) // 2
    error = refusal(clip[: len(clip) // 2])
    assert error.code == "unreadable"
    assert "cut off" in error.sentence
    assert error.absence == NotScanned("unreadable", error.sentence)


def test_sound_alone_is_not_a_video() -> None:
    av = pytest.importorskip("av")
    held = io.BytesIO()
    with av.open(held, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 44100), np.float32), "fltp", "stereo")
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    error = refusal(held.getvalue())
    assert (error.code, error.sentence) == ("unsupported", "The file holds no moving picture.")


def test_pictures_too_large_are_refused(clip: bytes) -> None:
    assert refusal(clip, pixels=320 * 240 - 1).code in ("too-large", "unreadable")


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, clip: bytes) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    error = refusal(clip)
    assert error.code == "unsupported"
    assert "pip install 'tocsin[video]'" in error.sentence


def test_an_endless_source_ends_with_the_time_allowed(make_video, scenery, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_video([scenery(1, n) for n in range(60)], kind="mpegts")

    class Endless(io.RawIOBase):
        def __init__(self) -> None:
            self.place = 0

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            piece = (data + data)[self.place : self.place + min(size, len(data))]
            self.place = (self.place + len(piece)) % len(data)
            return piece

    past = [0.0]
    monkeypatch.setattr(containers, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + past[0]))
    with Video(Endless(), Limits(wall=600)) as video:
        for number, _ in enumerate(video.frames(Every(1.0))):
            past[0] = 601.0 * (number > 0)
        assert number > 0
    assert not video.complete
    assert "time" in video.notes["cut"]


def test_a_source_without_sense_ends_with_the_bytes_allowed() -> None:
    class Zeros(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return bytes(size)

    assert refusal(Zeros(), size=4 << 20, wall=600).code in ("unreadable", "unsupported")


def test_no_playlist_is_among_the_formats() -> None:
    assert not {"hls", "dash", "concat", "sdp", "rtsp", "image2", "lavfi"} & set(containers.FORMATS.split(","))
