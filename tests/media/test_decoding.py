import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tocsin.media import pdq
from tocsin.media.decoding import Decoded, MediaError, decode, further, jpeg_orientation, turn_of


def near(picture, pixels, bits=31):
    return pdq.hash_array(picture).distance(pdq.hash_array(pixels)) <= bits


def refusal(data, **more):
    with pytest.raises(MediaError) as caught:
        decode(data, **more)
    assert str(caught.value).endswith(".")
    return caught.value.code


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF", "JPEG2000"])
def test_every_kind_gives_the_same_picture(kind, scenery, odd):
    found = decode(odd.encoded(scenery(1), kind))
    assert found.rgb.shape == (240, 320, 3)
    assert found.rgb.flags.c_contiguous
    assert near(found.rgb, scenery(1))
    assert (found.turn, found.white, found.whole, found.stills) == (0, None, 1.0, 1)


def test_heic_is_decoded(scenery, odd):
    pytest.importorskip("av", reason="a HEIC is made with PyAV")
    found = decode(odd.heic(scenery(1, width=256)))
    assert found.kind == "heic"
    assert near(found.rgb, scenery(1, width=256))


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "PA", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16"])
def test_every_mode_becomes_rgb(mode, scenery, odd):
    grey = mode in ("1", "L", "LA", "I", "F", "I;16")
    picture = Image.fromarray(scenery(2)).convert("L" if grey else "RGB")
    expected = np.asarray(picture.convert("RGB"))
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture).astype(np.uint16) * 257)
    elif mode == "PA":
        picture = picture.convert("P").convert("PA")
    elif mode == "LA":
        picture = picture.convert("LA")
    else:
        picture = picture.convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG" if mode in ("1", "L", "P", "LA", "RGBA", "I;16") else "TIFF"
    if mode in ("PA", "HSV"):
        pytest.skip(f"no format holds {mode}")
    assert near(decode(odd.encoded(picture, kind)).rgb, expected)


def test_sixteen_bits_of_colour_and_float_grey(scenery, odd):
    grey = scenery(3)[..., 0]
    deep = odd.encoded(Image.fromarray(grey.astype(np.float32) / 255), "TIFF")
    assert near(decode(deep).rgb, np.repeat(grey[..., None], 3, 2))


def test_the_reference_pictures_in_all_modes_agree(sample_data):
    folder = sample_data / "pdq" / "misc-images" / "modes"
    hashes = [pdq.hash_array(decode(path.read_bytes()).rgb) for path in folder.iterdir() if path.suffix != ".md"]
    assert len(hashes) == 14
    assert max(one.distance(other) for one in hashes for other in hashes) <= 2


@pytest.mark.parametrize(
    ("orientation", "turn"), [(1, 0), (2, 5), (3, 2), (4, 4), (5, 6), (6, 3), (7, 7), (8, 1), (9, 0)]
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_orientation_is_recorded_and_not_applied(orientation, turn, kind, scenery, odd):
    found = decode(odd.encoded(scenery(4), kind, exif=odd.exif(orientation)))
    assert found.turn == turn == turn_of(orientation)
    assert found.rgb.shape == (240, 320, 3)


def test_a_tiff_is_upright_already_as_the_references_reader_makes_it(scenery, odd):
    found = decode(odd.encoded(scenery(4), "TIFF", exif=odd.exif(6)))
    assert found.turn == 0
    assert np.array_equal(found.rgb, np.rot90(scenery(4), 3))


def test_senseless_exif_costs_nothing(scenery, odd):
    jpeg = odd.encoded(scenery(4), "JPEG")
    for tiff in (b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"nonsense"):
        body = b"Exif\0\0" + tiff
        data = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]
        assert jpeg_orientation(data) == 1
        assert decode(data).turn == 0


def test_hidden_colours_are_kept_and_shown_on_white(scenery, odd):
    alpha = np.zeros((240, 320, 1), np.uint8)
    found = decode(odd.encoded(np.concatenate([scenery(5), alpha], 2), "PNG"))
    assert np.array_equal(found.rgb, scenery(5))
    assert (found.white == 255).all()
    opaque = decode(odd.encoded(np.concatenate([scenery(5), alpha + 255], 2), "PNG"))
    assert opaque.white is None


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_further_frames_follow_with_their_times(kind, scenery, odd):
    frames = [Image.fromarray(scenery(seed)) for seed in (6, 7, 8)]
    times = {} if kind == "TIFF" else {"duration": 400}
    data = odd.encoded(frames[0], kind, save_all=True, append_images=frames[1:], **times)
    assert decode(data).stills == 3
    rest = list(further(data))
    assert [at for at, _ in rest] == pytest.approx([1, 2] if kind == "TIFF" else [0.4, 0.8])
    assert all(near(rgb, np.asarray(frame)) for (_, rgb), frame in zip(rest, frames[1:], strict=True))


def test_what_is_cut_off_says_how_much_is_there(scenery, odd):
    for kind in ("JPEG", "PNG"):
        data = odd.encoded(scenery(9), kind)
        most, some = decode(data[: len(data) * 9 // 10]), decode(data[: len(data) * 4 // 10])
        assert 0.6 < most.whole < 1
        assert 0.1 < some.whole < most.whole
    progressive = odd.encoded(scenery(9), "JPEG", progressive=True)
    assert near(decode(progressive[: len(progressive) * 8 // 10]).rgb, scenery(9))


@pytest.mark.parametrize("size", [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (1, 2**31 - 1)])
def test_headers_that_claim_too_much_are_refused_before_memory_is_taken(size, odd):
    assert refusal(odd.png_saying(*size)) == "too-large"


def test_every_kind_is_refused_by_its_header(scenery, odd):
    huge = 60_000, 60_000
    assert refusal(odd.jpeg_saying(*huge, odd.encoded(scenery(1), "JPEG"))) == "too-large"
    assert refusal(odd.gif_saying(*huge)) == "too-large"
    assert refusal(odd.bmp_saying(*huge)) == "too-large"
    for kind in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "JPEG2000", "ICO"):
        assert refusal(odd.encoded(scenery(1), kind), limit_pixels=1000) == "too-large"


def test_what_is_no_picture_is_named_as_such():
    assert refusal(b"") == "unreadable"
    assert refusal(b"words, no picture at all") == "unsupported"
    assert refusal(b"<svg xmlns='http://www.w3.org/2000/svg'/>") == "unsupported"
    assert refusal(b"\xff\x0a" + bytes(100)) == "unsupported"
    assert refusal(b"\xff\xd8\xff\xe0") == "unreadable"
    assert refusal(b"\x89PNG\r\n\x1a\n" + bytes(200)) == "unreadable"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "ICO"]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=12),
    st.floats(0.2, 1),
)
def test_damage_gives_a_picture_or_one_sentence(odd, kind, changes, share):
    small = np.arange(48 * 40 * 3, dtype=np.uint8).reshape(48, 40, 3)
    data = bytearray(odd.encoded(small, kind))
    for place, value in changes:
        data[int(place * len(data))] = value
    try:
        found = decode(bytes(data[: int(share * len(data))]), limit_pixels=1_000_000)
    except MediaError as error:
        found = error
    if isinstance(found, Decoded):
        assert found.rgb.dtype == np.uint8
    else:
        assert found.code in ("unreadable", "unsupported", "too-large")
