"""Read the words in pictures of single lines: one small interface, and the engine that stands behind it.

The engine is the recogniser of PP-OCRv6 (small), which the ``rapidocr`` wheel ships as an ONNX file (Apache-2.0).
Only that file is used: importing the package would bring OpenCV and its detector, which this program replaces by
cheaper line finding. One onnxruntime session, one thread, no memory arena. tests/bench/ocr.py compares engines.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from tocsin.agent.sensors import onnx_head

Picture = npt.NDArray[np.uint8]

HEIGHT = 48
"""Rows of the picture that the recogniser reads."""
_BUCKET = 32
_WIDEST = 1280
_PACKAGE = "rapidocr"
_MODELS = ("models/PP-OCRv6_rec_small.onnx",)


class OcrError(RuntimeError):
    """Text cannot be read on this machine; the message says why and what to do."""


class Reader(Protocol):
    """Reads pictures of single lines of text."""

    def read(self, images: Sequence[Picture]) -> list[tuple[str, float]]:
        """Return the words and the engine's confidence, 0 to 1, of each picture (height x width x 3, RGB)."""
        ...


class LineReader:
    """The default engine. Safe to use from one thread at a time."""

    name = "PP-OCRv6 small"

    def __init__(self, model: Path | None = None, threads: int = 1) -> None:
        """Load the recogniser from ``model`` or, by default, from the installed rapidocr package."""
        path = model if model is not None else find_model()
        self._session, self._alphabet = _load(path, threads)
        self._input = str(self._session.get_inputs()[0].name)

    def read(self, images: Sequence[Picture]) -> list[tuple[str, float]]:
        """Return the words and the confidence of each picture."""
        return [self._read(image) for image in images]

    def _read(self, image: Picture) -> tuple[str, float]:
        if image.ndim != 3 or image.shape[2] != 3 or min(image.shape[:2]) < 2:
            return "", 0.0
        parts = [self._decode(self._recognise(part)) for part in pieces(image)]
        text = " ".join(words for words, _ in parts if words)
        confidence = min((sure for words, sure in parts if words), default=0.0)
        return text, confidence

    def _recognise(self, image: Picture) -> npt.NDArray[np.float32]:
        return np.asarray(self._session.run(None, {self._input: prepare(image)})[0][0])

    def _decode(self, scores: npt.NDArray[np.float32]) -> tuple[str, float]:
        """Turn the recogniser's columns into words: the best symbol of each, repeats and blanks left out (CTC)."""
        best = scores.argmax(axis=1)
        keep = best != 0
        keep[1:] &= best[1:] != best[:-1]
        if not keep.any():
            return "", 0.0
        confidence = float(scores.max(axis=1)[keep].mean())
        return tidy("".join(self._alphabet[i] for i in best[keep])), confidence


def find_model() -> Path:
    """Return where the recogniser's model lies inside the installed rapidocr package, without importing it."""
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        for name in _MODELS:
            if (path := Path(folder) / name).is_file():
                return path
    raise OcrError("The text recogniser's model is missing: install the Python package rapidocr 3.10 or later.")


def prepare(image: Picture) -> npt.NDArray[np.float32]:
    """Scale one line to the recogniser's height, pad it on the right with its last column, centre its values."""
    rows, columns = image.shape[:2]
    width = max(8, round(columns * HEIGHT / rows))
    scaled = np.asarray(Image.fromarray(image).resize((width, HEIGHT), Image.Resampling.BICUBIC), dtype=np.float32)
    padded = -(-(width + 8) // _BUCKET) * _BUCKET
    out = np.empty((1, 3, HEIGHT, padded), dtype=np.float32)
    out[0, :, :, :width] = scaled.transpose(2, 0, 1)[::-1]
    out[0, :, :, width:] = out[0, :, :, width - 1 : width]
    out *= 1 / 127.5
    out -= 1.0
    return out


def pieces(image: Picture) -> list[Picture]:
    """Cut a line that is too wide for one reading at its widest gaps, never through a letter if it has gaps at all."""
    rows, columns = image.shape[:2]
    limit = int(_WIDEST * rows / HEIGHT)
    if columns <= limit:
        return [image]
    ink = (image.max(axis=0).astype(np.int16) - image.min(axis=0)).max(axis=1)
    out, start = [], 0
    while columns - start > limit:
        window = ink[start + limit // 2 : start + limit]
        quiet = np.flatnonzero(window <= max(24, int(window.min())))
        runs = np.split(quiet, np.flatnonzero(np.diff(quiet) > 1) + 1)
        run = max(runs, key=len)
        cut = start + limit // 2 + int(run[len(run) // 2])
        out.append(image[:, start:cut])
        start = cut
    out.append(image[:, start:])
    return out


def tidy(text: str) -> str:
    """Write what was read as people type it: half-width forms, single spaces."""
    return " ".join(text.translate(_FORMS).split())


_FORMS = {0xFF01 + i: 0x21 + i for i in range(94)} | {0x3000: " "}


def wanted(character: str) -> bool:
    """Tell whether the recogniser should be able to answer with this character.

    Latin letters with their accents, signs, common punctuation and emoji. Alphabets whose letters look like Latin
    ones (Greek, Cyrillic, full-width) would only be misreadings of the languages this reader is measured on.
    """
    if len(character) != 1:
        return False
    code = ord(character)
    return (
        0x20 <= code < 0x180
        or 0x2010 <= code < 0x2040
        or code in (0x20AC, 0x20B1, 0x2122, 0x2605, 0x2606, 0x263A, 0x2713, 0x2714)
        or code == 0x2764
        or 0x1F300 <= code < 0x1F700
    )


def _load(path: Path, threads: int) -> tuple[Any, list[str]]:
    try:
        model = path.read_bytes()
    except OSError as error:
        raise OcrError(f"The text recogniser's model cannot be read: {error}.") from None
    try:
        symbols = ["", *onnx_head.characters(model), " "]
        columns = [0] + [i for i, symbol in enumerate(symbols) if i and wanted(symbol)]
        everything = len(columns) == len(symbols)
        narrowed = model if everything else onnx_head.narrow(model, columns, len(symbols))
    except onnx_head.ModelError as error:
        raise OcrError(str(error)) from None
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(narrowed, options, providers=["CPUExecutionProvider"])
    session.disable_fallback()  # to another provider: there is none
    session._model_bytes = None  # kept for that alone, and 12 MB
    return session, [symbols[i] for i in columns]
