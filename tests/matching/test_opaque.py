import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.matching.opaque import LENGTH, OpaqueIndex


@given(st.integers(0, 2**32 - 1), st.sampled_from(["squared", "absolute"]), st.integers(0, 4000))
@settings(max_examples=60, deadline=None)
def test_it_finds_what_comparing_with_every_hash_finds(seed, metric, threshold):
    chance = np.random.default_rng(seed)
    query = chance.integers(0, 256, LENGTH, np.uint8)
    near = np.clip(query.astype(int) + chance.integers(-6, 7, (30, LENGTH)), 0, 255).astype(np.uint8)
    held = np.concatenate([near, chance.integers(0, 256, (30, LENGTH), np.uint8), query[None]])
    apart = held.astype(int) - query
    distances = (apart**2).sum(1) if metric == "squared" else np.abs(apart).sum(1)
    wanted = sorted((int(d), n) for n, d in enumerate(distances) if d <= threshold)
    index = OpaqueIndex.build(held, np.arange(len(held), dtype=np.uint32))
    assert [(d, row) for row, d in index.search(query.tobytes(), metric, threshold)] == wanted


def test_the_metric_is_named_and_the_length_checked():
    index = OpaqueIndex.build(np.zeros((1, LENGTH), np.uint8), np.zeros(1, np.uint32))
    with pytest.raises(ValueError, match="squared, absolute"):
        index.search(bytes(LENGTH), "cosine", 1)
    with pytest.raises(ValueError, match="144 bytes"):
        index.search(bytes(3))
