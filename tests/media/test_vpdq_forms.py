"""The written forms are read and written as the reference's, and nothing hostile gets past."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.media import vpdq_forms
from tocsin.media.vpdq import Vpdq
from tocsin.media.vpdq_forms import FormError, read_json, read_text, write_json, write_text
from tocsin.model.media import Frame

HASH = "0123456789abcdef" * 4
videos = st.lists(
    st.builds(
        Frame,
        at=st.integers(0, 10**8).map(lambda n: n / 1000),
        hex=st.binary(min_size=32, max_size=32).map(bytes.hex),
        quality=st.integers(0, 100),
        number=st.integers(0, 10**9),
    ),
    max_size=20,
).map(lambda frames: Vpdq(tuple(frames)))


@given(videos)
def test_text_is_read_as_it_was_written(video: Vpdq) -> None:
    assert read_text(write_text(video)) == video


@given(videos)
def test_json_is_read_as_it_was_written(video: Vpdq) -> None:
    read = read_json(write_json(video))
    assert [(f.at, f.hex, f.quality) for f in read.frames] == [(f.at, f.hex, f.quality) for f in video.frames]
    assert write_json(read) == write_json(video)


def test_the_references_files_come_out_as_they_went_in(sample_data: Path) -> None:
    for path in (sample_data / "vpdq-sample-hashes").glob("*.txt"):
        assert write_text(read_text(path.read_text())) == path.read_text()


def test_the_timestamp_written_is_the_frame_number_by_the_average_rate() -> None:
    video = Vpdq((Frame(9.9, HASH, 77, 45),), fps=30.0)
    assert write_text(video) == f"45,77,{HASH},1.500\n"
    assert json.loads(write_json(video)) == [f"{HASH},77,1.500"]


def test_only_hashes_made_the_references_way_are_written() -> None:
    for frame in (Frame(0, HASH, 1, path="screen"), Frame(0, HASH, 1, stripped=True)):
        with pytest.raises(FormError, match="may be shared"):
            write_text(Vpdq((frame,)))


def test_common_variations_are_read() -> None:
    text = f"\ufeff0,100,{HASH.upper()}\r\n\r\n 1, 99, {HASH}, 0.033\n"
    assert [(f.number, f.quality, f.hex, f.at) for f in read_text(text).frames] == [
        (0, 100, HASH, 0.0),
        (1, 99, HASH, 0.033),
    ]
    assert read_json("") == read_json("[]") == read_text("") == Vpdq(())


@pytest.mark.parametrize(
    "row",
    [
        *("1,2", "1,2,3,4,5", "x,2,{h},0", "-1,2,{h},0", "1,101,{h},0", "1,1.5,{h},0", "1,2,{h}0,0", "1,2,zz,0"),
        *("1,2,{h},-1", "1,2,{h},nan", "1,2,{h},inf", "1,2,{h},1e400", "1,٢,{h},0", "1,2,{h},١", "0x1,2,{h},0"),
    ],
)
def test_a_bad_line_is_named(row: str) -> None:
    with pytest.raises(FormError, match=r"^Line 2.*\.$"):
        read_text(f"0,1,{HASH},0\n{row.format(h=HASH)}\n")


@pytest.mark.parametrize(
    "text", ["{", "{}", "3", '["a"]', "[1]", "[[]]", f'["{HASH},1"]', f'["{HASH},1,NaN"]', "[" * 9999]
)
def test_bad_json_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(FormError, match=r"\.$"):
        read_json(text)


def test_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vpdq_forms, "MOST", 2)
    with pytest.raises(FormError, match="more than 2"):
        read_text(f"0,1,{HASH},0\n" * 3)
    with pytest.raises(FormError, match="more than 2"):
        read_json(json.dumps([f"{HASH},1,0"] * 3))
    monkeypatch.setattr(vpdq_forms, "LONGEST", 10)
    for read in (read_text, read_json):
        with pytest.raises(FormError, match="too long"):
            read("0" * 11)


@given(st.text(max_size=200))
def test_anything_else_is_refused_or_read(text: str) -> None:
    for read in (read_text, read_json):
        try:
            read(text)
        except FormError as error:
            sentence = str(error)
            assert sentence.endswith(".")
