import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.agent.sensors.ocr import find_model
from tocsin.agent.sensors.onnx_head import ModelError, characters, narrow


@pytest.fixture(scope="module")
def model() -> bytes:
    return find_model().read_bytes()


def test_narrowed_model_gives_the_same_scores_for_the_characters_that_stay(model):
    import onnxruntime as ort

    names = characters(model)
    width = len(names) + 2
    keep = [0, 1, 5, 40, 41, 42, 300, width - 1]
    picture = np.random.default_rng(0).normal(size=(1, 3, 48, 64)).astype(np.float32)
    whole, part = (
        ort.InferenceSession(m, providers=["CPUExecutionProvider"]).run(None, {"x": picture})[0][0]
        for m in (model, narrow(model, keep, width))
    )
    expected = whole[:, keep] / whole[:, keep].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(part, expected, rtol=1e-3, atol=1e-5)


def test_a_model_without_such_a_layer_is_refused(model):
    with pytest.raises(ModelError, match="no layer"):
        narrow(model, [0], 123457)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_model_or_a_clear_error(data):
    for act in (characters, lambda m: narrow(m, [0], 9)):
        with contextlib.suppress(ModelError, UnicodeDecodeError):
            act(data)
