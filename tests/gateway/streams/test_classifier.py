"""The contract of an operator's own classifier, with a tiny model made here: the mean of each colour."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from tiny_onnx import MANIFEST, model

from tocsin.gateway.streams.classifier import Classifier, ClassifierError, Manifest


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[..., Path]:
    """Write a manifest, changed as asked, with the model beside it."""

    def write(**change: object) -> Path:
        (tmp_path / "tiny.onnx").write_bytes(model())
        path = tmp_path / "tiny.yaml"
        path.write_text(yaml.safe_dump({**MANIFEST, **change}))
        return path

    return write


def test_it_says_what_reaches_its_threshold(manifest: Callable[..., Path]) -> None:
    classifier = Classifier.load(manifest())
    red = np.zeros((120, 160, 3), np.uint8)
    red[:, :, 0] = 200
    assert classifier.classify(red) == [("red", pytest.approx(200 / 255, abs=0.01))]
    assert classifier.classify(np.zeros((9, 9, 3), np.uint8)) == []


def test_colours_mean_and_output_are_as_the_manifest_says(manifest: Callable[..., Path]) -> None:
    blue = np.zeros((8, 8, 3), np.uint8)
    blue[:, :, 2] = 255
    swapped = {**MANIFEST["input"], "colours": "bgr"}
    assert Classifier.load(manifest(input=swapped)).classify(blue)[0][0] == "red"
    logits = Classifier.load(manifest(output="logits", input={**MANIFEST["input"], "scale": 1.0})).classify(blue)
    assert logits == [("blue", 1.0)]


@pytest.mark.parametrize(
    "change",
    [{"schema": "x"}, {"model": "../tiny.onnx"}, {"model": "none.onnx"}, {"licence": ""}, {"labels": []},
     {"sha256": "0" * 64}, {"measured_on": ""}, {"labels": MANIFEST["labels"][:2]}, {"output": "guess"}],
)  # fmt: skip
def test_a_manifest_that_does_not_hold_is_refused_with_a_sentence(manifest: Callable[..., Path], change: dict) -> None:
    with pytest.raises(ClassifierError, match=r"\.$"):
        Classifier.load(manifest(**change))


def test_precision_and_recall_must_be_stated(manifest: Callable[..., Path]) -> None:
    labels = [{k: v for k, v in one.items() if k != "precision"} for one in MANIFEST["labels"]]
    with pytest.raises(ClassifierError):
        Manifest.read(manifest(labels=labels))
