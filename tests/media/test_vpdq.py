"""Videos are hashed as the reference hashes them, and compared as its sample hashes compare."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.media import vpdq, vpdq_forms
from tocsin.media.video import KEYFRAMES, KEYFRAMES_AND_SCENES, Every, Limits, frames
from tocsin.media.vpdq import Range, Vpdq, compare, hash_video
from tocsin.model.media import Frame
from tocsin.model.observation import NotScanned

SAMPLES = (
    *("chair-19-sd-bar", "chair-22-sd-grey-bar", "chair-22-sd-sepia-bar", "chair-22-with-large-logo-bar"),
    *("chair-22-with-small-logo-bar", "chair-orig-22-sd-bar", "doorknob-hd-no-bar", "pattern-hd-no-bar"),
    *("pattern-longer-no-bar", "pattern-sd-grey-bar", "pattern-sd-with-large-logo-bar"),
    *("pattern-sd-with-small-logo-bar", "test-padded-dimensions"),
)
SHARES = {
    ("chair-19-sd-bar", "chair-orig-22-sd-bar"): (100, 85.35),
    ("chair-20-sd-bar", "chair-orig-22-sd-bar"): (100, 98.64),
    ("chair-22-sd-grey-bar", "chair-orig-22-sd-bar"): (100, 100),
    ("chair-22-sd-sepia-bar", "chair-orig-22-sd-bar"): (100, 100),
    ("chair-22-with-small-logo-bar", "chair-orig-22-sd-bar"): (95.08, 95.02),
    ("chair-22-with-large-logo-bar", "chair-orig-22-sd-bar"): (11.04, 10.27),
    ("chair-orig-22-hd-no-bar", "chair-orig-22-sd-bar"): (0, 0),
    ("pattern-longer-no-bar", "pattern-hd-no-bar"): (87.93, 100),
    ("doorknob-hd-no-bar", "pattern-hd-no-bar"): (0, 0),
    ("doorknob-hd-no-bar", "chair-orig-22-sd-bar"): (0, 0),
}


def sample(data: Path, name: str) -> Vpdq:
    return vpdq_forms.read_text((data / "vpdq-sample-hashes" / f"{name}.txt").read_text())


def apart(one: Frame, other: Frame) -> int:
    return (int(one.hex, 16) ^ int(other.hex, 16)).bit_count()


@pytest.mark.parametrize("pair", SHARES, ids=" in ".join)
def test_the_reference_hashes_give_the_expected_shares(pair: tuple[str, str], sample_data: Path) -> None:
    shares = compare(*(sample(sample_data, name) for name in pair))
    assert (round(100 * shares.query, 2), round(100 * shares.known, 2)) == SHARES[pair]


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_videos_hash_as_the_reference_hashed_them(name: str, sample_data: Path) -> None:
    pytest.importorskip("av")
    found = hash_video(sample_data / "video" / f"{name}.mp4")
    assert isinstance(found, Vpdq)
    wanted = sample(sample_data, name).frames[::30]
    assert found.complete
    assert [f.number for f in found.frames] == [f.number for f in wanted]
    for frame, reference in zip(found.frames, wanted, strict=True):
        assert found.nominal(frame) == pytest.approx(reference.at, abs=0.0006)
        assert frame.at == pytest.approx(reference.at, abs=0.0006)
        assert abs(frame.quality - reference.quality) <= 1
        assert apart(frame, reference) <= 6 or (name.startswith("doorknob") and reference.quality < 50)


@pytest.mark.parametrize("name", ["pattern-sd-grey-bar", "doorknob-hd-no-bar", "test-padded-dimensions"])
def test_every_frame_is_counted_as_in_the_reference(name: str, sample_data: Path) -> None:
    found = sum(1 for _ in frames(sample_data / "video" / f"{name}.mp4", Every(0)))
    assert found == len(sample(sample_data, name).frames)


def test_the_same_video_with_and_without_letterbox_matches_once_stripped(sample_data: Path) -> None:
    bars = hash_video(sample_data / "video" / "chair-orig-22-sd-bar.mp4", borders=True)
    assert isinstance(bars, Vpdq)
    plain = sample(sample_data, "chair-orig-22-hd-no-bar").frames[::30]
    assert compare(bars.frames, plain).query == 0
    assert len(bars.stripped) == len(bars.frames)
    assert all(frame.stripped for frame in bars.stripped)
    for query in (bars, bars.bare(), (*bars.frames, *bars.stripped)):
        found = compare(query, plain)
        assert found.query >= 0.8
        assert found.known >= 0.8
    assert compare(bars, bars).query == compare(bars, bars.frames).query == 1


@pytest.mark.parametrize("how", [KEYFRAMES, KEYFRAMES_AND_SCENES])
def test_few_frames_of_a_copy_are_enough_to_find_it(how, make_video, scenery) -> None:
    known = hash_video(make_video([scenery(n // 45, n) for n in range(180)]), 0)
    pictures = [scenery(n // 45, n)[::2, ::2] for n in range(180)]
    copy = hash_video(make_video(pictures, fps=24, gop=48, options={"crf": "30"}), how=how)
    other = hash_video(make_video([scenery(100 + n // 45, n) for n in range(180)]))
    assert compare(copy, known).query >= 0.8
    assert compare(other, known) == vpdq.Shares(0.0, 0.0, (), 6, len({f.hex for f in known.frames}), None)


def test_a_known_clip_inside_a_long_upload_shows_where(make_video, scenery) -> None:
    known = hash_video(make_video([scenery(7, n * 3) for n in range(50)], fps=10, gop=10))
    pictures = [scenery(20 + n // 50, n * 3) for n in range(400)]
    pictures[200:250] = [scenery(7, n * 3) for n in range(50)]
    found = compare(hash_video(make_video(pictures, fps=10, gop=10)), known)
    assert found.known == 1
    assert found.query < 0.5
    assert found.ranges[-1] == Range(20.0, 24.0, 0.0, 4.0, 5)


def test_what_cannot_be_hashed_is_not_scanned(clip: bytes, tmp_path: Path) -> None:
    assert hash_video(b"") == NotScanned("unreadable", "The video is empty.")
    assert isinstance(hash_video(tmp_path / "missing"), NotScanned)
    assert isinstance(hash_video(clip[:3000]), NotScanned)
    assert hash_video(clip, limits=Limits(frames=0)) == NotScanned(
        "unreadable", "The video has more frames to examine than are taken."
    )
    cut = hash_video(clip, limits=Limits(frames=2))
    assert isinstance(cut, Vpdq)
    assert (len(cut.frames), cut.complete) == (2, False)


def frames_of(codes: list[bytes], quality: int = 100) -> list[Frame]:
    return [Frame(float(n), code.hex(), quality, n) for n, code in enumerate(codes)]


def test_low_quality_and_repeated_frames_do_not_count() -> None:
    one, other = bytes(32), b"\xff" * 32
    query = [*frames_of([one, one, other]), *frames_of([b"\x0f" * 32], 49)]
    found = compare(query, frames_of([one]))
    assert (found.query, found.known, found.of_query) == (0.5, 1.0, 2)
    assert found.ranges == (Range(0.0, 1.0, 0.0, 0.0, 2),)
    assert compare([], query).of_query == 0
    assert compare(frames_of([one], 49), query).known == 0


@given(st.integers(0, 40), st.integers(1, 60), st.integers(1, 60), st.integers(0, 64))
@settings(max_examples=40, deadline=None)
def test_comparing_finds_what_counting_bits_one_by_one_finds(seed: int, m: int, n: int, radius: int) -> None:
    chance = np.random.default_rng(seed)
    base = chance.integers(0, 256, (5, 32), np.uint8)

    def codes(count: int) -> list[bytes]:
        made = []
        for _ in range(count):
            bits = np.unpackbits(base[chance.integers(5)])
            bits[chance.choice(256, chance.integers(0, 60), replace=False)] ^= 1
            made.append(np.packbits(bits).tobytes())
        return sorted(set(made), key=made.index)

    ours, theirs = codes(m), codes(n)
    table = [[(int.from_bytes(a) ^ int.from_bytes(b)).bit_count() for b in theirs] for a in ours]
    found = compare(frames_of(ours), frames_of(theirs), radius)
    assert found.query == pytest.approx(np.mean([min(row) <= radius for row in table]))
    assert found.known == pytest.approx(np.mean([min(column) <= radius for column in zip(*table, strict=True)]))
    least = min(map(min, table))
    assert found.nearest == (least if least <= radius else None)


def test_opposite_hashes_are_far_apart() -> None:
    assert compare(frames_of([bytes(32)]), frames_of([b"\xff" * 32])).query == 0
