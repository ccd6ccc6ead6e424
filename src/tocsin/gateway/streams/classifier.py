"""A classifier is the operator's own: an ONNX file, and a manifest that says what it takes, means, and how good it is.

None comes with Tocsin. It runs in the limited process, after hashing, where there is time for it; what it says is one
sign among others on the ladder, never a finding by itself.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from jsonschema import Draft202012Validator

from tocsin import packs

Pixels = npt.NDArray[np.uint8]


class ClassifierError(ValueError):
    """A manifest or a model that cannot be used; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Label:
    """What one output of the model means: Tocsin's category, how bad if true, and from which score it counts.

    ``precision`` and ``recall`` are what the model's makers measured at that threshold.
    """

    name: str
    category: str
    severity: int
    threshold: float
    precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class Manifest:
    """A classifier's manifest, checked. ``path`` is the model's; ``labels`` are in the order of its outputs."""

    path: Path
    name: str
    version: str
    width: int
    height: int
    layout: str
    bgr: bool
    scale: float
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    output: str
    labels: tuple[Label, ...]
    licence: str

    @classmethod
    def read(cls, path: str | Path) -> "Manifest":
        """Read a manifest (YAML or JSON) and find its model beside it. Raises ClassifierError."""
        path = Path(path)
        try:
            raw = yaml.safe_load(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ClassifierError(f"The classifier's manifest {path} cannot be read: {error}.") from error
        problem = next(iter(_schema().iter_errors(raw)), None)
        if problem is not None:
            where = ".".join(str(part) for part in problem.absolute_path) or "the whole"
            raise ClassifierError(f"The classifier's manifest {path} is not of the form asked for at {where}.")
        model = (path.parent / raw["model"]).resolve()
        if not model.is_relative_to(path.parent.resolve()) or not model.is_file():
            raise ClassifierError(f"The model {raw['model']} is not beside its manifest {path}.")
        if raw.get("sha256") and hashlib.sha256(model.read_bytes()).hexdigest() != raw["sha256"]:
            raise ClassifierError(f"The model {model} is not the one that its manifest describes.")
        return cls._of(model, raw)

    @classmethod
    def _of(cls, model: Path, raw: Mapping[str, Any]) -> "Manifest":
        taken = raw["input"]
        return cls(
            path=model,
            name=raw["name"],
            version=str(raw["version"]),
            width=taken["width"],
            height=taken["height"],
            layout=taken["layout"],
            bgr=taken.get("colours", "rgb") == "bgr",
            scale=float(taken.get("scale", 1 / 255)),
            mean=tuple(taken.get("mean", (0.0, 0.0, 0.0))),
            deviation=tuple(taken.get("deviation", (1.0, 1.0, 1.0))),
            output=raw["output"],
            labels=tuple(Label(**{name: one[name] for name in Label.__slots__}) for one in raw["labels"]),
            licence=raw["licence"],
        )


class Classifier:
    """A loaded model; one may be asked from several threads."""

    def __init__(self, manifest: Manifest, session: Any) -> None:
        self.manifest, self._session = manifest, session
        self._input = session.get_inputs()[0].name

    @classmethod
    def load(cls, path: str | Path) -> "Classifier":
        """Load a model by its manifest and try it once. Raises ClassifierError."""
        import onnxruntime

        manifest = Manifest.read(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        try:
            session = onnxruntime.InferenceSession(
                manifest.path.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
            loaded = cls(manifest, session)
            loaded.classify(np.zeros((manifest.height, manifest.width, 3), np.uint8))
        except ClassifierError:
            raise
        except Exception as error:  # onnxruntime's own errors have no common parent
            raise ClassifierError(f"The model {manifest.path} cannot be used: {str(error)[:200]}.") from error
        return loaded

    def classify(self, rgb: Pixels) -> list[tuple[str, float]]:
        """Return the labels that reach their thresholds, with their scores; ``rgb`` is (height, width, 3)."""
        manifest = self.manifest
        found = np.asarray(self._session.run(None, {self._input: self._prepared(rgb)})[0], np.float64).ravel()
        if len(found) != len(manifest.labels):
            raise ClassifierError(f"The model gives {len(found)} scores; its manifest names {len(manifest.labels)}.")
        if manifest.output == "logits":
            found = np.exp(found - found.max())
            found /= found.sum()
        elif manifest.output == "logit-each":
            found = 1 / (1 + np.exp(-np.clip(found, -60, 60)))
        scored = zip(manifest.labels, found.tolist(), strict=True)
        return [(label.name, round(score, 4)) for label, score in scored if score >= label.threshold]

    def _prepared(self, rgb: Pixels) -> npt.NDArray[np.float32]:
        from PIL import Image

        manifest = self.manifest
        small = Image.fromarray(rgb).resize(
            (manifest.width, manifest.height), Image.Resampling.BILINEAR, reducing_gap=2
        )
        pixels = np.asarray(small, np.float64)
        if manifest.bgr:
            pixels = pixels[:, :, ::-1]
        pixels = (pixels * manifest.scale - np.array(manifest.mean)) / np.array(manifest.deviation)
        if manifest.layout == "nchw":
            pixels = pixels.transpose(2, 0, 1)
        return np.ascontiguousarray(pixels[np.newaxis], np.float32)


@cache
def _schema() -> Draft202012Validator:
    return Draft202012Validator(json.loads(packs.read_text("classifier.schema.json")))
