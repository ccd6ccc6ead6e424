"""Changes of scene are found without decoding everything."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.media import scenes
from tocsin.media.video import KEYFRAMES, KEYFRAMES_AND_SCENES, frames

pytest.importorskip("av", reason="PyAV (tocsin[video]) is not installed")


def test_a_packet_far_heavier_than_its_neighbours_stands_out() -> None:
    sizes = [9000] + [300] * 20 + [7000] + [310] * 20
    assert scenes.candidates(sizes) == [21]
    assert scenes.candidates([9000] + [300] * 40) == []
    assert scenes.candidates([9000]) == []
    assert len(scenes.candidates([9000] + [300, 300, 300, 5000] * 20, most=3)) <= 3


@given(st.lists(st.integers(0, 1 << 30), max_size=60))
def test_places_are_in_order_and_within(sizes: list[int]) -> None:
    found = scenes.candidates(sizes)
    assert found == sorted(set(found))
    assert all(0 < place < len(sizes) for place in found)


def test_a_scene_between_keyframes_is_found(make_video, scenery) -> None:
    options = {"preset": "veryfast", "x264-params": "scenecut=0"}
    pictures = [scenery(1 if n < 37 else 2 if n < 90 else 3, n) for n in range(120)]
    data = make_video(pictures, gop=60, options=options)
    assert [s.number for s in frames(data, KEYFRAMES)] == [0, 60]
    found = [s.number for s in frames(data, KEYFRAMES_AND_SCENES)]
    assert found == pytest.approx([0, 37, 60, 90], abs=3), "a frame built on later ones may hide the first of a scene"


def test_a_still_scene_gives_its_keyframes_only(make_video, scenery) -> None:
    data = make_video([scenery(1)] * 90)
    assert [s.number for s in frames(data, KEYFRAMES_AND_SCENES)] == [0, 30, 60]


def test_frames_that_come_without_order_are_still_looked_at(make_video, scenery) -> None:
    pictures = [scenery(1 if n < 47 else 2, n, 160, 120) for n in range(90)]
    data = make_video(pictures, gop=1000, codec="mpeg4", kind="avi", options={"bf": "2"})
    found = [s.number for s in frames(data, KEYFRAMES_AND_SCENES)]
    assert found[0] == 0
    assert any(47 <= number < 65 for number in found)
    assert np.all(np.diff(found) > 0)
