"""Real ffmpeg pushes a stream in which a listed picture is shown; the command finds it on air and seals the seconds."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from PIL import Image
from streaming import (
    FFMPEG,
    SIZE,
    free_port,
    landscape,
    listening,
    make_stream,
    make_video,
    needs_ffmpeg,
    pushing,
    serving,
)
from tiny_onnx import MANIFEST, model

from tocsin.demo.desktop import until
from tocsin.evidence.sealing import new_identity, open_sealed

pytestmark = [pytest.mark.e2e, needs_ffmpeg]
PATIENCE_S = 300


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The stream as a file, and the folder of a list with the one picture.

    The picture is shown to the end: who joins a live stream late, or falls behind, is given its last seconds.
    """
    folder = tmp_path_factory.mktemp("made")
    listed = folder / "listed.png"
    landscape(5).save(listed)
    tocsin = [sys.executable, "-m", "tocsin", "lists", "build", "shown", "--from", str(listed)]
    subprocess.run([*tocsin, "--out", str(folder / "list")], check=True, capture_output=True)
    return make_stream(folder, listed, off=7.0), folder / "list"


def command(made: tuple[Path, Path], address: str, *more: str) -> subprocess.Popen:
    arguments = ["stream", address, "--list", str(made[1]), "--json", "--allow-private", "--after", "1", *more]
    return subprocess.Popen(
        [sys.executable, "-m", "tocsin", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def found_by(process: subprocess.Popen) -> list[dict]:
    out, err = process.communicate(timeout=PATIENCE_S)
    lines = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 1, (process.returncode, err, lines)
    rungs = [line["rung"] for line in lines]
    assert rungs[:2] == ["note", "ring"], (rungs, err)
    assert all(line["matches"][0]["list"] == "shown" for line in lines)
    return lines


def test_a_recording_is_watched_and_its_seconds_sealed(made: tuple[Path, Path], tmp_path: Path) -> None:
    identity, recipient = new_identity()
    lines = found_by(command(made, str(made[0]), "--seal-to", recipient, "--out", str(tmp_path)))
    sealed = Path(lines[1]["sealed"]["path"])
    document = open_sealed(sealed.read_bytes(), [identity])
    (piece,) = document["files"]
    assert piece["mime"] == "video/mp4"
    assert document["facts"]["frames"][0]["entries"][0]["list"] == "shown"


def test_pushed_by_rtmp(made: tuple[Path, Path], tmp_path: Path) -> None:
    identity, recipient = new_identity()
    address = f"rtmp://127.0.0.1:{free_port()}/live/key"
    began = time.monotonic()
    where = ("--seal-to", recipient, "--out", str(tmp_path), "--give-up", "60")
    process = command(made, f"{address}?listen", *where)
    while process.poll() is None and time.monotonic() - began < PATIENCE_S:  # until the command listens
        with pushing(made[0], "-f", "flv", address) as pusher:
            if pusher.wait() == 0:
                break
    lines = found_by(process)
    lasted = time.monotonic() - began
    assert all(0 <= line["latency_s"] < lasted for line in lines)
    document = open_sealed(Path(lines[1]["sealed"]["path"]).read_bytes(), [identity])
    assert len(document["files"]) == 1
    assert len(list(tmp_path.iterdir())) > len(lines) - 1  # and the seconds after


def test_played_from_an_rtmp_server(made: tuple[Path, Path]) -> None:
    port = free_port()
    address = f"rtmp://127.0.0.1:{port}/live/key"
    with pushing(made[0], "-f", "flv", "-listen", "1", address) as server:
        listening(port, server)
        found_by(command(made, address, "--give-up", "8"))


def test_a_transport_stream_over_udp(made: tuple[Path, Path]) -> None:
    port = free_port(2)
    with pushing(made[0], "-f", "mpegts", f"udp://127.0.0.1:{port}?pkt_size=1316", loop=True):
        found_by(command(made, f"udp://127.0.0.1:{port}", "--seconds", "30"))


def test_a_transport_stream_over_http(made: tuple[Path, Path]) -> None:
    port = free_port()
    target = ("-f", "mpegts", "-listen", "1", f"http://127.0.0.1:{port}")
    with pushing(made[0], *target) as server:
        listening(port, server)
        found_by(command(made, f"http://127.0.0.1:{port}/", "--give-up", "8"))


LOCKED = ("-hls_enc", "1", "-hls_enc_key", "0123456789abcdef")


@pytest.mark.parametrize(
    ("kind", "flags", "more"),
    [
        ("mpegts", "delete_segments", ()),
        ("fmp4", "delete_segments", ()),
        ("mpegts", "single_file", ()),
        ("fmp4", "single_file", ()),
        ("mpegts", "delete_segments", LOCKED),
        ("mpegts", "single_file", LOCKED),
    ],
    ids=["ts", "fmp4", "ts-in-one-file", "fmp4-in-one-file", "aes-128", "aes-128-in-one-file"],
)
def test_hls_while_it_is_made(
    made: tuple[Path, Path], tmp_path: Path, kind: str, flags: str, more: tuple[str, ...]
) -> None:
    hls = ("-f", "hls", "-hls_time", "1", "-hls_list_size", "4", "-hls_segment_type", kind, "-hls_flags", flags)
    playlist = tmp_path / "live.m3u8"
    with pushing(made[0], *hls, *more, playlist.name, folder=tmp_path) as pusher, serving(tmp_path) as there:
        if more and flags == "single_file":
            pusher.wait(PATIENCE_S)  # ffmpeg writes such a file late, in large pieces, not segment by segment
        until(playlist.exists, PATIENCE_S, "a playlist")
        found_by(command(made, f"{there}/live.m3u8"))


def over_http(made: tuple[Path, Path]) -> list[dict]:
    """Watch a file as it is played over HTTP."""
    port = free_port()
    with pushing(made[0], "-f", "mpegts", "-listen", "1", f"http://127.0.0.1:{port}") as server:
        listening(port, server)
        return told_by(command(made, f"http://127.0.0.1:{port}/", "--give-up", "8"))


def told_by(process: subprocess.Popen) -> list[dict]:
    """Return what a command found, once it has ended."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1, (process.returncode, err, out)
    return [json.loads(line) for line in out.splitlines()]


def test_a_listed_video_shown_on_air_rings(tmp_path: Path) -> None:
    """Its frames are matched one by one: a stream has no length to compare with a video's."""
    video = make_video(tmp_path)
    tocsin = [sys.executable, "-m", "tocsin", "lists", "build", "videos", "--from", str(video)]
    subprocess.run([*tocsin, "--out", str(tmp_path / "list")], check=True, capture_output=True)
    lines = over_http((make_stream(tmp_path, video, off=6.0), tmp_path / "list"))
    assert [line["rung"] for line in lines][:2] == ["note", "ring"]
    assert {(line["matches"][0]["list"], line["matches"][0]["by"]) for line in lines} == {("videos", "pdq")}
    assert 2.0 <= lines[0]["second"] <= lines[1]["second"] <= 6.5


def test_the_operators_classifier_rings_and_never_asks_to_hold(made: tuple[Path, Path], tmp_path: Path) -> None:
    """It runs in the limited process, on a recording that shows red for three seconds.

    Of a live stream a machine that falls behind leaves out the classifier first, and is right to.
    """
    Image.new("RGB", SIZE, (240, 20, 20)).save(tmp_path / "red.png")
    (tmp_path / "tiny.onnx").write_bytes(model())
    labels = [{**label, "threshold": 0.8, "severity": 5} for label in MANIFEST["labels"]]
    manifest = tmp_path / "tiny.yaml"
    manifest.write_text(yaml.safe_dump({**MANIFEST, "labels": labels}))
    stream = make_stream(tmp_path, tmp_path / "red.png")
    lines = told_by(command((stream, made[1]), str(stream), "--classifier", str(manifest)))
    assert [line["rung"] for line in lines] == ["note", "ring"]
    assert {line["category"] for line in lines} == {"live-stream-concern"}
    assert "colours 1 said “red”" in lines[1]["why"]
    assert 2.0 <= lines[0]["second"] < lines[1]["second"] <= 5.5


def test_srt(made: tuple[Path, Path]) -> None:
    known = subprocess.run([FFMPEG, "-protocols"], capture_output=True, text=True, check=True).stdout
    if "srt" not in known.split():
        pytest.skip("this ffmpeg does not speak SRT")
    port = free_port(2)
    with pushing(made[0], "-f", "mpegts", f"srt://127.0.0.1:{port}?mode=listener", loop=True):
        found_by(command(made, f"srt://127.0.0.1:{port}", "--seconds", "30"))
