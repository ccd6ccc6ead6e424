import os

import numpy as np
import pytest
from PIL import Image

from tocsin.media import pdq, regions
from tocsin.media.digests import digest_bytes
from tocsin.media.fingerprint import Options, fingerprint, fingerprint_pixels
from tocsin.model.media import Fingerprints, Print
from tocsin.model.observation import NotScanned

FULL = Options(fast=False)


def large(pixels, width, height):
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))


def test_a_picture_has_digests_and_the_references_hash(scenery, odd):
    data = odd.encoded(scenery(1), "PNG")
    found = fingerprint(data, FULL)
    assert (found.media, found.format, found.reason) == ("picture", "png", "")
    assert (found.md5, found.sha1, found.sha256) == tuple(
        getattr(digest_bytes(data), n) for n in ("md5", "sha1", "sha256")
    )
    made = pdq.hash_array(scenery(1))
    assert found.prints == (Print(made.hex, made.quality),)


def test_bytes_paths_and_open_files_are_the_same(scenery, odd, tmp_path):
    path = tmp_path / "named.txt"
    path.write_bytes(odd.encoded(scenery(2), "JPEG"))
    with path.open("rb") as file:
        assert fingerprint(path) == fingerprint(str(path)) == fingerprint(path.read_bytes()) == fingerprint(file)


def test_large_jpegs_may_take_the_scaled_road_and_small_ones_do_not(scenery, odd):
    data = odd.encoded(large(scenery(3), 1600, 1200), "JPEG")
    quick, full = fingerprint(data), fingerprint(data, FULL)
    assert (quick.prints[0].path, full.prints[0].path) == ("scaled", "full")
    assert (int(quick.prints[0].hex, 16) ^ int(full.prints[0].hex, 16)).bit_count() <= 10
    assert fingerprint(odd.encoded(scenery(3, width=96, height=64), "JPEG")).prints[0].path == "full"


@pytest.mark.parametrize("fast", [True, False])
def test_turns_are_all_there_in_the_references_order(fast, scenery, odd):
    data = odd.encoded(large(scenery(4), 1600, 1200), "JPEG")
    found = fingerprint(data, Options(turns=True, fast=fast))
    assert [one.turn for one in found.prints] == list(range(8))


@pytest.mark.parametrize("size", [(320, 240), (1600, 1200)])
def test_a_turned_telephone_picture_is_also_hashed_upright(size, scenery, odd):
    upright = large(scenery(5), *size)
    stored = np.ascontiguousarray(np.rot90(upright))
    found = fingerprint(odd.encoded(stored, "JPEG", exif=odd.exif(6)))
    assert [one.turn for one in found.prints] == [0, 3]
    distance = int(found.prints[1].hex, 16) ^ int(pdq.hash_array(upright).hex, 16)
    assert distance.bit_count() <= 12


@pytest.mark.parametrize("fast", [True, False])
def test_bars_are_cut_off_for_a_second_look(fast, scenery, odd):
    picture = large(scenery(6), 1200, 900)
    barred = np.zeros((1300, 1200, 3), np.uint8)
    barred[200:1100] = picture
    found = fingerprint(odd.encoded(barred, "JPEG"), Options(fast=fast))
    inside = [one for one in found.prints if one.stripped]
    assert (int(inside[0].hex, 16) ^ int(pdq.hash_array(picture).hex, 16)).bit_count() <= 20
    assert not [one for one in fingerprint(odd.encoded(barred), Options(borders=False)).prints if one.stripped]


def test_hidden_and_shown_colours_are_both_hashed(scenery, odd):
    alpha = np.full((240, 320, 1), 255, np.uint8)
    alpha[60:180] = 0
    found = fingerprint(odd.encoded(np.concatenate([scenery(7), alpha], 2)), FULL)
    assert found.prints[0].hex == pdq.hash_array(scenery(7)).hex
    shown = scenery(7).copy()
    shown[60:180] = 255
    assert [one.hex for one in found.prints if one.white and not one.stripped] == [pdq.hash_array(shown).hex]


def test_further_scenes_of_an_animation_are_frames(scenery, odd):
    frames = [Image.fromarray(scenery(seed)) for seed in (8, 8, 9, 8, 9)]
    found = fingerprint(odd.encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=500))
    assert [frame.at for frame in found.frames] == [1.0]
    assert found.reason == ""


def test_an_animation_of_too_many_scenes_says_so(scenery, odd):
    frames = [Image.fromarray(scenery(seed, width=64, height=64)) for seed in range(40)]
    found = fingerprint(odd.encoded(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=500))
    assert len(found.frames) == 20
    assert (found.reason, found.detail) == ("too-large", "The picture is animated: 21 of its 40 frames were examined.")


def test_what_cannot_be_decoded_has_digests_and_a_reason(scenery, odd):
    jpeg = odd.encoded(scenery(1), "JPEG")
    for data, reason in (
        (odd.png_saying(60_000, 60_000), "too-large"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "unreadable"),
        (jpeg[:300], "unreadable"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported"),
    ):
        found = fingerprint(data)
        assert (found.media, found.reason, found.prints) == ("picture", reason, ())
        assert found.detail.endswith(".")
        assert found.sha256 == digest_bytes(data).sha256


def test_a_picture_that_ends_early_is_hashed_as_far_as_it_goes_and_never_looks_whole(scenery, odd):
    data = odd.encoded(scenery(2), "JPEG")
    found = fingerprint(data[: len(data) * 97 // 100], Options(borders=False))
    assert len(found.prints) == 1
    assert found.reason == "unreadable"
    assert "ends early" in found.detail
    assert fingerprint(data[:-2]).reason == ""


def test_other_files_are_digested_whatever_they_are_called(tmp_path):
    path = tmp_path / "words.jpg"
    path.write_bytes(b"words")
    assert fingerprint(path) == Fingerprints(
        media="other", **{name: getattr(digest_bytes(b"words"), name) for name in ("md5", "sha1", "sha256")}
    )
    path.write_bytes(b"")
    assert (fingerprint(path).reason, fingerprint(path).md5) == ("unreadable", digest_bytes(b"").md5)
    path.write_bytes(b"\r\n\xff\xd8\xff\xe0" + bytes(90))
    assert fingerprint(path).reason == "unreadable"
    assert fingerprint(path.read_bytes()).reason == fingerprint(path.rename(tmp_path / "words.part")).reason == ""


def test_what_cannot_be_opened_is_not_scanned(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "gone", tmp_path, tmp_path / "pipe"):
        assert isinstance(fingerprint(path), NotScanned)


def test_a_video_is_hashed_when_frames_are_asked_for(clip):
    plain, hashed = fingerprint(clip), fingerprint(clip, Options(frames=True))
    assert (plain.media, plain.format, plain.frames) == ("video", "video/mp4", ())
    assert [frame.at for frame in hashed.frames if not frame.stripped] == [0, 1, 2, 3]
    assert hashed.sha256 == plain.sha256
    cut = fingerprint(clip[: len(clip) // 2], Options(frames=True))
    assert cut.reason == "unreadable"
    assert cut.sha256


def test_windows_and_pixels_from_the_screen(scenery, odd):
    assert fingerprint(odd.encoded(scenery(3)), Options(windows=True)).windows
    found = fingerprint_pixels(scenery(3), Options())
    assert found.prints[0].path == "screen"
    assert found.md5 == ""


def paged(photo, width=1000):
    page = np.full((760, width, 3), (246, 246, 248), np.uint8)
    page[100:460, 200:680] = photo(480, 360)
    return page


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_photographs_on_a_page_are_hashed_too_where_asked_for(kind, photo, odd):
    data = odd.encoded(paged(photo), kind)
    parts = [one for one in fingerprint(data, Options(regions=True)).prints if one.region is not None]
    own = int(pdq.hash_array(photo(480, 360)).hex, 16)
    assert min((int(one.hex, 16) ^ own).bit_count() for one in parts) <= 31
    usual = fingerprint(data, FULL)
    assert all(one.region is None for one in usual.prints)
    assert fingerprint(data, Options(regions=True)).prints[0].hex == usual.prints[0].hex


@pytest.mark.parametrize("size", [(500, 375), (1600, 1200)])
def test_an_ordinary_photograph_is_looked_at_no_further(size, photo, odd, monkeypatch):
    monkeypatch.setattr(regions, "regions", None)
    data = odd.encoded(photo(*size), "JPEG")
    assert fingerprint(data, Options(regions=True)) == fingerprint(data)


def test_pictures_of_a_page_that_were_left_out_are_told(photo, odd, monkeypatch):
    monkeypatch.setattr(regions, "MOST_REGIONS", 1)
    page = paged(photo, 1300)
    page[100:500, 800:1200] = photo(400, 400, 5)
    found = fingerprint(odd.encoded(page, "PNG"), Options(regions=True))
    assert found.reason == "too-large"
    assert "2 pictures" in found.detail


def test_a_page_for_which_memory_is_short_still_has_its_own_prints(photo, odd, monkeypatch):
    def none_left(*_, **__):
        raise MemoryError

    monkeypatch.setattr(regions, "regions", none_left)
    found = fingerprint(odd.encoded(paged(photo), "PNG"), Options(regions=True))
    assert (len(found.prints) > 0, found.reason) == (True, "too-large")
