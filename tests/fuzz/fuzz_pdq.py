"""PDQ under arrays and JPEG bytes nobody meant: `pytest tests/fuzz/fuzz_pdq.py`, best with the kernels sanitized.

Not part of the suite; ``TOCSIN_FUZZ_EXAMPLES`` says how many examples each test takes (1,000).
"""

import os
from io import BytesIO

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tocsin import _native
from tocsin.media import pdq

long = settings(
    max_examples=int(os.environ.get("TOCSIN_FUZZ_EXAMPLES", "1000")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
SIDES = st.one_of(st.integers(0, 9), st.integers(60, 68), st.integers(120, 135), st.integers(1, 700))


@given(
    shape=st.tuples(SIDES, SIDES, st.sampled_from([0, 1, 3, 4])),
    steps=st.tuples(*[st.sampled_from([1, -1, 2, -3])] * 2),
    seed=st.integers(0, 2**32 - 1),
    coarse=st.integers(1, 64),
    portable=st.booleans(),
)
@long
def test_arrays_of_any_shape_and_stride(
    shape: tuple[int, int, int], steps: tuple[int, int], seed: int, coarse: int, portable: bool
) -> None:
    height, width, channels = shape
    whole = (height * abs(steps[0]), width * abs(steps[1]), *((channels,) if channels else ()))
    pixels = np.random.default_rng(seed).integers(0, 256, whole, dtype=np.uint8) // coarse * coarse
    view = pixels[:: steps[0], :: steps[1]]
    laid_out = np.ascontiguousarray(view)
    _native.use_portable(portable)
    try:
        found, turned = pdq.hash_array(view), pdq.turns(view)
    finally:
        _native.use_portable(False)
    assert found == pdq.hash_array(laid_out) == turned[0]
    assert turned[2] == pdq.hash_array(view[::-1, ::-1])
    assert turned[6] == pdq.hash_array(laid_out.swapaxes(0, 1))


@given(
    height=st.integers(1, 900),
    width=st.integers(1, 900),
    factor=st.sampled_from([2, 4, 8]),
    channels=st.sampled_from([1, 3]),
)
@long
def test_shrunk_pictures_of_any_size(height: int, width: int, factor: int, channels: int) -> None:
    small = np.full((-(-height // factor), -(-width // factor), channels), 77, np.uint8)
    found = _native.pdq_hash_scaled(small, height, width, factor)
    assert len(found[0]) == 32
    assert found[1] == 0
    assert len(_native.pdq_turns_scaled(small, height, width, factor)) == 8


def _jpeg(height: int, width: int, grey: bool, progressive: bool) -> bytes:
    pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    out = BytesIO()
    image = Image.fromarray(pixels)
    (image.convert("L") if grey else image).save(out, "JPEG", progressive=progressive)
    return out.getvalue()


_WHOLE = [
    _jpeg(h, w, grey, progressive) for h, w in ((40, 60), (530, 520)) for grey in (0, 1) for progressive in (0, 1)
]


@given(
    data=st.sampled_from(_WHOLE),
    cut=st.floats(0, 1),
    wounds=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=12),
    fast=st.booleans(),
)
@long
def test_wounded_jpegs(data: bytes, cut: float, wounds: list[tuple[float, int]], fast: bool) -> None:
    hurt = bytearray(data[: int(len(data) * cut)] if cut < 0.7 else data)
    for where, value in wounds:
        if hurt:
            hurt[int(where * (len(hurt) - 1))] = value
    try:
        found, road = pdq.hash_jpeg(bytes(hurt), fast)
    except pdq.PdqError:
        return
    assert road in (pdq.FULL, pdq.SCALED)
    assert 0 <= found.quality <= 100
