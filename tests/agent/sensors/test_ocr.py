import numpy as np
import pytest

from tocsin.agent.sensors.crops import cut
from tocsin.agent.sensors.lines import find_lines
from tocsin.agent.sensors.ocr import LineReader, OcrError, pieces, tidy, wanted


@pytest.mark.parametrize("size", [14, 18, 24])
@pytest.mark.parametrize(("ink", "ground"), [("#222", "white"), ("#eee", "#1e1f22"), ("white", "#0b5cff")])
@pytest.mark.parametrize(
    "words",
    [
        "are your parents home? don't tell",
        "mañana voy al colegio, ¿y tú?",
        "huwag mong sabihin kay nanay",
        "$25 at 5:30 pm",
    ],
)
def test_everyday_lines_are_read_as_written(line_reader, draw, words, ink, ground, size):
    pixels = draw((20, 40, words, ink, size), ground=ground)
    picture = cut(pixels, find_lines(pixels).lines[0], (0, 0))[1]
    ((text, confidence),) = line_reader.read([picture])
    assert text == words
    assert confidence > 0.8


def test_empty_and_tiny_pictures_read_as_nothing(line_reader):
    blank = np.full((30, 200, 3), 255, np.uint8)
    assert line_reader.read([blank, np.zeros((1, 1, 3), np.uint8), np.zeros((9, 9), np.uint8)]) == [("", 0.0)] * 3


def test_a_very_long_line_is_cut_between_words(line_reader, draw):
    words = " ".join(f"word{i} again" for i in range(20))
    pixels = draw((10, 10, words, "black", 20), size=(2600, 60))
    picture = cut(pixels, find_lines(pixels).lines[0], (0, 0))[1]
    assert len(pieces(picture)) > 1
    assert line_reader.read([picture])[0][0] == words


def test_a_missing_model_is_a_clear_sentence(tmp_path):
    with pytest.raises(OcrError, match="cannot be read"):
        LineReader(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"\x08\xff\xff\xff")
    with pytest.raises(OcrError, match="reinstall"):
        LineReader(tmp_path / "bad.onnx")


def test_full_width_forms_become_plain():
    assert tidy("Ｈｅｌｌｏ，  ｗｏｒｌｄ") == "Hello, world"


def test_alphabet_has_no_lookalikes():
    assert all(wanted(c) for c in "aZñÑ¿é€?☺😀")
    assert not any(wanted(c) for c in ("\u0430", "\u0391", "\u4e2d", "ab"))
