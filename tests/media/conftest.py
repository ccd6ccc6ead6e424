"""Small videos made in memory, and the reference's samples where they are present."""

import importlib.util
import tempfile
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import drawings
import numpy as np
import pytest

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def sample_data() -> Path:
    if not (DATA / "video").is_dir():
        pytest.skip("the reference's sample pictures and videos (shared/data) are not beside the repository")
    return DATA


@pytest.fixture(scope="session")
def scenery() -> Callable[..., np.ndarray]:
    """A smooth picture with much to hash; another seed gives another scene, ``shift`` moves it."""

    @cache
    def canvas(seed: int, width: int, height: int) -> np.ndarray:
        chance = np.random.default_rng(seed)
        y, x = np.mgrid[0:height, 0 : 2 * width] / max(width, height)
        planes = []
        for _ in range(3):
            plane = np.zeros(x.shape)
            for _ in range(12):
                a, b, phase, weight = *chance.uniform(-25, 25, 2), *chance.uniform(0.3, 3, 2)
                plane += weight * np.sin(a * x + b * y + phase)
            planes.append(np.clip(128 + 28 * plane, 0, 255))
        return np.stack(planes, -1).astype(np.uint8)

    def picture(seed: int = 0, shift: int = 0, width: int = 320, height: int = 240) -> np.ndarray:
        left = shift % width
        return np.ascontiguousarray(canvas(seed, width, height)[:, left : left + width])

    return picture


@pytest.fixture(scope="session")
def make_video() -> Callable[..., bytes]:
    """Encode pictures: ``gop`` frames from keyframe to keyframe, ``options`` to the codec, ``stamps`` in 1/1000 s."""
    av = pytest.importorskip("av", reason="PyAV (tocsin[video]) is not installed")

    def make(
        pictures: list[np.ndarray],
        *,
        fps: int = 30,
        kind: str = "mp4",
        codec: str = "libx264",
        gop: int = 30,
        options: dict[str, str] | None = None,
        stamps: list[int] | None = None,
        rotate: int = 0,
        muxer: dict[str, str] | None = None,
        **settings: Any,
    ) -> bytes:
        if codec not in av.codecs_available:
            pytest.skip(f"this FFmpeg has no {codec} encoder")
        with (
            tempfile.NamedTemporaryFile() as held,
            av.open(held.name, "w", format=kind, options=muxer or {}) as container,
        ):
            stream = container.add_stream(codec, rate=fps)
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = settings.get("pix_fmt", "yuv420p")
            stream.gop_size = gop
            fast = {"preset": "ultrafast"} if codec == "libx264" else {}
            stream.options = fast | (options or {})
            if stamps:
                stream.codec_context.time_base = Fraction(1, 1000)
            if rotate:
                stream.set_display_rotation(rotate)
            for number, picture in enumerate(pictures):
                frame = av.VideoFrame.from_ndarray(picture, "rgb24")
                frame.pts = stamps[number] if stamps else number
                if number in settings.get("keys", ()):
                    frame.pict_type = av.video.frame.PictureType.I
                frame.time_base = Fraction(1, 1000) if stamps else Fraction(1, fps)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
            container.close()
            return Path(held.name).read_bytes()

    return make


@pytest.fixture(scope="session")
def clip(make_video: Callable[..., bytes], scenery: Callable[..., np.ndarray]) -> bytes:
    """Four seconds at 25 frames a second, a keyframe each second, B-frames between; two scenes."""
    pictures = [scenery(1 if n < 50 else 2, n) for n in range(100)]
    return make_video(pictures, fps=25, gop=25, options={"preset": "fast", "bf": "3", "x264-params": "scenecut=0"})


@pytest.fixture(scope="session")
def odd() -> ModuleType:
    """The makers of hostile and odd pictures in ``pictures.py``."""
    return _loaded("odd_pictures", Path(__file__).with_name("pictures.py"))


@pytest.fixture(scope="session")
def draw() -> Callable[..., np.ndarray]:
    """Draw (x, y, words, ink[, size]) on a ground, as a display gives pixels (BGRX)."""
    return drawings.draw


@pytest.fixture(scope="session")
def photo() -> Callable[..., np.ndarray]:
    """Make something with a photograph's grain (BGR)."""
    return drawings.photo


@cache
def _loaded(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
