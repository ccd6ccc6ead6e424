"""Small streams made in code: pictures that change every two seconds, a keyframe every second."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
av = pytest.importorskip("av")

FPS = 10
Film = Callable[..., bytes]


def picture(seed: int, size: tuple[int, int] = (160, 120)) -> np.ndarray:
    """A made picture with enough in it to be hashed."""
    from PIL import Image

    low = np.random.default_rng(seed).integers(0, 255, (9, 12, 3), np.uint8)
    return np.asarray(Image.fromarray(low).resize(size, Image.Resampling.BICUBIC))


def film_of(
    seeds: tuple[int, ...] = (1, 2, 3),
    *,
    size: tuple[int, int] = (160, 120),
    codec: str = "libx264",
    form: str = "mpegts",
    gop: int = FPS,
    seconds: int = 2,
) -> bytes:
    """A film that shows each picture for some seconds."""
    made = io.BytesIO()
    with av.open(made, "w", format=form) as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.gop_size = gop
        if codec == "libx264":
            stream.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "scenecut=0"}
        number = 0
        for seed in seeds:
            pixels = picture(seed, size)
            for _ in range(FPS * seconds):
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts = number
                number += 1
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return made.getvalue()


@pytest.fixture(scope="session")
def film() -> Film:
    """Return what makes films."""
    return film_of


@pytest.fixture(scope="session")
def shot() -> Callable[..., np.ndarray]:
    """Return what makes pictures."""
    return picture


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A list of the pictures 2 and 3."""
    from PIL import Image

    from tocsin.matching.lists import Terms, build, read

    folder = tmp_path / "pictures"
    folder.mkdir()
    sources = []
    for seed in (2, 3):
        text = folder / f"{seed}.txt"
        from tocsin.media import pdq

        Image.fromarray(picture(seed)).save(folder / f"{seed}.png")
        text.write_text(pdq.hash_array(picture(seed)).hex + "\n")
        sources.append((text.name, read(text)))
    build(tmp_path / "list", Terms(name="shown"), sources)
    return tmp_path / "list"
