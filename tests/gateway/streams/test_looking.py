"""Looking at a stream: keyframes and scenes only, and going on whatever comes midway."""

import io
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tocsin.gateway.streams import budget, looking
from tocsin.gateway.streams.framing import chunk, fresh
from tocsin.gateway.streams.furniture import Furniture
from tocsin.gateway.streams.looking import Looking, Settings, StreamError, prints
from tocsin.media import pdq


def looked(data: bytes, **settings: Any) -> tuple[list[dict], Looking]:
    seen: list[dict] = []
    looking = Looking(io.BytesIO(data), Settings(framed=False, least=0.0, **settings), seen.append, None)
    looking.run()
    return seen, looking


def streamed(*parts: bytes | None, share: float = 1e6, **settings: Any) -> tuple[list[dict], Looking]:
    """Send parts through a pipe; None begins anew."""
    there, here = os.pipe()

    def send() -> None:
        with os.fdopen(here, "wb", buffering=0) as file:
            for part in parts:
                now = time.monotonic_ns()
                if part is None:
                    file.write(fresh(now))
                    continue
                for at in range(0, len(part), 5000):
                    file.write(chunk(part[at : at + 5000], now))

    thread = threading.Thread(target=send)
    thread.start()
    seen: list[dict] = []
    with os.fdopen(there, "rb", buffering=0) as file:
        looking = Looking(file, Settings(least=0.0, share=share, **settings), seen.append, None)
        try:
            looking.run()
        finally:
            thread.join()
    return seen, looking


def near(found: dict, pixels: np.ndarray) -> bool:
    return any(pdq.PdqHash(bytes.fromhex(p["hex"]), 0).distance(pdq.hash_array(pixels)) <= 31 for p in found["prints"])


def test_keyframes_are_looked_at_and_nothing_else(film: Callable, shot: Callable) -> None:
    seen, looking = looked(film())
    assert len(seen) == looking.counts.keyframes == 6
    assert [round(one["at"]) for one in seen] == [0, 1, 2, 3, 4, 5]
    assert near(seen[0], shot(1))
    assert near(seen[3], shot(2))
    assert looking.counts.longest == pytest.approx(1.0, abs=0.01)


def test_a_change_of_scene_between_keyframes_is_seen(film: Callable, shot: Callable) -> None:
    data = film((1, 2), gop=1000)
    seen, looking = looked(data)
    assert looking.counts.keyframes == 1
    assert looking.counts.scenes >= 1
    assert near(seen[-1], shot(2))
    assert looked(data, scenes=False)[1].counts.looked == 1


@pytest.mark.parametrize(("codec", "form"), [("mpeg2video", "mpegts"), ("mpeg4", "matroska"), ("libx264", "flv")])
def test_other_codecs_and_containers(film: Callable, shot: Callable, codec: str, form: str) -> None:
    seen, _ = streamed(film(codec=codec, form=form))
    assert any(near(one, shot(2)) for one in seen)


def test_a_stream_that_changes_size_and_codec_midway_goes_on(film: Callable, shot: Callable) -> None:
    first, second, third = film((1,)), film((2,), size=(320, 240)), film((3,), codec="mpeg2video")
    seen, looking = streamed(first, None, second, None, third)
    assert near(seen[0], shot(1))
    assert any(near(one, shot(2, (320, 240))) for one in seen)
    assert any(near(one, shot(3)) for one in seen)
    assert looking.counts.sizes == ["160 x 120", "320 x 240"]
    assert looking.counts.reopened == 2
    assert [one["at"] for one in seen] == sorted(one["at"] for one in seen)


def test_a_change_of_size_without_a_mark_goes_on_too(film: Callable, shot: Callable) -> None:
    seen, _ = streamed(film((1,)) + film((2,), size=(320, 240)))
    assert any(near(one, shot(2, (320, 240))) for one in seen)


def test_damage_is_counted_and_what_follows_is_seen(film: Callable, shot: Callable) -> None:
    data = bytearray(film((1, 2, 3)))
    rng = np.random.default_rng(3)
    third = len(data) // 3
    data[third : third + 2000] = rng.integers(0, 255, 2000, np.uint8).tobytes()
    seen, _ = streamed(bytes(data))
    assert near(seen[-1], shot(3))


@pytest.mark.parametrize(
    "data", [b"", b"x" * 100_000, b"#EXTM3U\n/etc/passwd\n" * 100, b"\x00\x00\x00\x18ftypisom" + bytes(5000)]
)
def test_what_is_no_stream_is_a_sentence(data: bytes) -> None:
    with pytest.raises(StreamError, match=r"\.$"):
        streamed(data)


def test_keyframes_too_close_together_are_spared_and_counted(film: Callable) -> None:
    seen: list[dict] = []
    looking = Looking(io.BytesIO(film(gop=1)), Settings(framed=False, least=0.4), seen.append, None)
    looking.run()
    assert looking.counts.keyframes == 60
    assert len(seen) + looking.counts.spared == 60
    assert len(seen) <= 16


def test_letterbox_bars_are_cut_off(shot: Callable) -> None:
    page = np.zeros((300, 320, 3), np.uint8)
    page[60:240] = shot(2, (320, 180))
    found = {"prints": prints(page, Furniture())}
    assert near(found, shot(2, (320, 180)))
    assert any(one["stripped"] for one in found["prints"])


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 30, 40), (20, 20, 180)])
@pytest.mark.parametrize("sides", [(60, 60, 0, 0), (0, 0, 90, 90), (0, 0, 0, 70), (0, 40, 0, 0), (0, 0, 0, 0)])
def test_a_border_found_in_the_colours_is_never_lost_to_the_look_at_brightness(
    shot: Callable, colour: tuple[int, int, int], sides: tuple[int, int, int, int]
) -> None:
    rgb = shot(3, (640, 360))
    height, width = rgb.shape[:2]
    top, bottom, left, right = sides
    noisy = np.random.default_rng(1).integers(-9, 10, rgb.shape) + colour
    shown = np.clip(noisy, 0, 255).astype(np.uint8)
    inside = (slice(top, height - bottom), slice(left, width - right))
    shown[inside] = rgb[inside]
    luma = (shown @ np.array([0.257, 0.504, 0.098]) + 16).astype(np.uint8)
    assert prints(shown, Furniture(), luma) == prints(shown, Furniture())


@pytest.mark.parametrize("kind", ["a stream", "no stream at all"])
def test_what_comes_faster_than_it_plays_waits_for_its_share(
    film: Callable, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(budget, "BURST", 0.0)
    monkeypatch.setattr(looking.time, "sleep", waits.append)
    data = film() if kind == "a stream" else bytes(200_000)
    try:
        streamed(data, share=1e-6)
    except StreamError:
        assert kind != "a stream"
    assert max(waits) == budget.LONGEST_WAIT
    waits.clear()
    monkeypatch.setattr(budget, "BURST", 60.0)
    streamed(film())
    assert waits == []
