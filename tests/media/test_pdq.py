"""PDQ is held to the published vectors, to package pdqhash where installed, and to a plain numpy reference."""

import importlib.util
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from tocsin import _native
from tocsin.media import pdq
from tocsin.media.pdq import PdqError, PdqHash

# Published by facebook/ThreatExchange (signal_type/pdq/signal.py, the Java test) or made with pdqhash 0.2.8.
FULL = {
    "bridge-mods/aaa-orig.jpg": "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22",
    "reg-test-input/dih/bridge-1-original.jpg": "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22",
    "bridge-mods/blur-a-little.jpg": "f8f8f0cee0f4a84f06370a2a038f63f0b36e26d596621e1d33e6b39c4e9c9b22",
    "bridge-mods/blur-a-lot.jpg": "f8f8f0cee0f4a84f0637022a038f67f0b36e26d596621e1d33e6b39c4e9c9b22",
    "bridge-mods/high-contrast.jpg": "f8f8f0cee0f4a84f06370a2a068f67f0b36e26d596621e1d33e6339c4e9c9b22",
    "bridge-mods/high-saturation.jpg": "f8f8f0cee0f4a84f06370a22038f67f0b36e2ed596221e1d33e6b39c4e9c9b22",
    "bridge-mods/sharpen-a-little.jpg": "f8f8f0cee0f4a84f0e370a22038f67f0b36e2ed596221e1d33e6b39c4a9c9b22",
    "bridge-mods/sharpen-a-lot.jpg": "d8f8f0cec0f4a84f8e370a22038f67f0b36a2ed597231e1d72e6b39c4a9c9b22",
    "bridge-mods/shrink-a-little.jpg": "f8f8f0cee0f4a84f06370a22038f67f0b36e2ed596621e1d33e6339c4e9c9b22",
    "bridge-mods/shrink-a-lot.jpg": "d0f8f1ccc0f4a84d0a370a3a228f67f0b36e2ed5b6623e1d33e6339c4e9c9b22",
    "bridge-mods/square-128x128.jpg": "d8f8f1eec0f4a84f0e37022a078f63f0b36e2ed596621e1d33e6239c4e9c9b22",
    "bridge-mods/square-256x256.jpg": "d8f8f0cec4f4a84f0637022a078f67f0b36e2ee5b6621e1d33e6239c4e9c9b22",
    "bridge-mods/square-512x512.jpg": "d8f8f0cec0f4a84f0637022a278f67f0b36e2ed596621e1d33e6339c4e9c9b22",
    "misc-images/c.png": "e64cc9d91c623882f8d1f1d9a398e78c9f199b3bd83924f2b7e11e0bf861b064",
    "reg-test-input/dih/bridge-2-rotate-90.jpg": "30a10efd71cc3d429013d48d0ffffc52e34e0e17ada952a9d29685211ea9e5af",
    "reg-test-input/pen-and-coaster.png": "1f811b9d267fbc6693c0c7f30e041f9df49b836303e10f067fcdfc12c02d01f9",
    "reg-test-input/exif-rotn/exif-rotn-1.jpg": "f439d924da56a1d4c63973a56acfc926cd53d9341b18367d318666cf9b142649",
}
THUMB = {  # file: (expected hash, quality, distance of the full family, of the thumb family)
    "misc-images/c.png": ("e64cc9d91e623842f8d1f1d9a398e78c9f199a3bd87924f2b7e11e0bf061b064", 100, 6, 0),
    "misc-images/small.jpg": ("0007001f003f003f007f00ff00ff00ff01ff01ff01ff03ff03ff03ff03ff03ff", 0, 0, 0),
    "misc-images/wee.jpg": ("6227401f601ff4ccafcc9fad4b0d95d371a2eb7265a3285234d228ca94deeb2d", 100, 0, 0),
    "reg-test-input/labelme-subset/q0003.jpg": (
        "54a977c221d14c1c43ba5e6e21d4a13989a3553f1462611cbb85fda7be83b677",
        3,
        10,
        10,
    ),
    "reg-test-input/labelme-subset/q0004.jpg": (
        "992d44af36d69e6ca6b812585928bac11def254ef5398c6d07466c9abcc65b92",
        4,
        0,
        0,
    ),
    "reg-test-input/labelme-subset/q0122.jpg": (
        "cfb2009ddd21c6dab0046a7745b5984757a8a4535b3377aea2591d32b33ff940",
        100,
        0,
        0,
    ),
    "reg-test-input/labelme-subset/q0291.jpg": (
        "a0fe94f1e5cc1cc8dd855948498dc9243f7ca27336f036d7f212b74bc103c9a7",
        100,
        0,
        0,
    ),
    "reg-test-input/labelme-subset/q0746.jpg": (
        "1049d96239e24d4dca2c55512b8bdb77425f4dbcf575a0a95555aaab5554aaaa",
        100,
        0,
        0,
    ),
    "reg-test-input/labelme-subset/q1050.jpg": (
        "489db672e9190276d452aeab41eba20f02375fe4092d88defdf491a5c55c5f70",
        100,
        0,
        0,
    ),
    "reg-test-input/labelme-subset/q2821.jpg": (
        "b150231ffae4710ffcf4f18bb574b109a576f14bb8543189f8743289f174b109",
        100,
        0,
        0,
    ),
    "reg-test-input/dih/bridge-1-original.jpg": (
        "d8f8f0cce0f4a84f0e370a22028f67f0b36e2ed596623e1d33e6b39c4e9c9b22",
        100,
        6,
        0,
    ),
    "reg-test-input/dih/bridge-2-rotate-90.jpg": (
        "38a50efd71c83f429013d68d0ffffc52e34e0e15ada952a9d29684214aa9e5af",
        100,
        10,
        0,
    ),
    "reg-test-input/dih/bridge-3-rotate-180.jpg": (
        "2dadda64b5a142e5d362209057da895ae63b8c7fc277b4b766b319361f893188",
        100,
        12,
        0,
    ),
    "reg-test-input/dih/bridge-4-rotate-270.jpg": (
        "a5f0a457248995e8c9065c275aaa54d8b61ba4bdf8fcfc0387c32f8b0bfc4f05",
        100,
        4,
        0,
    ),
    "reg-test-input/dih/bridge-5-flipx.jpg": (
        "d8f80f31e0f417b00e37f5dd028f980fb36ed12a9662c1e233e64c634e9c64dd",
        100,
        4,
        0,
    ),
    "reg-test-input/dih/bridge-6-flipy.jpg": (
        "0dad259bb1a1bd18d362576556da32a1e63b7380c2374b4866b3c6c91b89ce77",
        100,
        10,
        0,
    ),
    "reg-test-input/dih/bridge-7-flip-plus-1.jpg": (
        "f0a5e10271dcc0bd9c5309720fff018de34ef1e8ada9a956d2967ade1ea91a50",
        100,
        6,
        0,
    ),
    "reg-test-input/dih/bridge-8-flip-minus-1.jpg": (
        "69f05aa8a4996a17c146a2da5aaaab07b61b5b60f8fc07fc83c3d0740bfcb0fa",
        100,
        12,
        0,
    ),
}


@pytest.fixture(scope="session")
def vectors(sample_data: Path) -> Path:
    return sample_data / "pdq"


@pytest.fixture(scope="session")
def oracle() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pdq_reference", Path(__file__).with_name("pdq_reference.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WIDTHS = ("avx512", "avx2", "portable")
THERE = WIDTHS[WIDTHS.index(_native.cpu()) :]  # on this processor


def take(width: str) -> None:
    """Hash by the kernels of one width from here on, or skip."""
    _native.use_at_most(width)
    if _native.cpu() != width:
        _native.use_portable(False)
        pytest.skip(f"this processor has no {width}")


@pytest.fixture(params=WIDTHS)
def _each_width(request: pytest.FixtureRequest) -> Iterator[None]:
    take(request.param)
    yield
    _native.use_portable(False)


def turned(pixels: np.ndarray) -> list[np.ndarray]:
    """The 8 orientations as views, in the reference's order."""
    views = [pixels, *(np.rot90(pixels, k) for k in (1, 2, 3)), pixels[::-1], pixels[:, ::-1]]
    other = [pixels.swapaxes(0, 1), pixels[::-1, ::-1].swapaxes(0, 1)]
    return views + other


def made(kind: str, height: int, width: int, seed: int = 0) -> np.ndarray:
    """A synthetic picture of the kinds that stress ties, roundings and running sums."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    colour = chance.integers(0, 256, 3)
    plane: Any = {
        "flat": lambda: np.ones((height, width)),
        "ramp": lambda: x / max(1, width - 1),
        "slope": lambda: (x + 2 * y) / (width + 2 * height),
        "checks": lambda: (x // chance.integers(1, 20) + y // chance.integers(1, 20)) % 2,
        "waves": lambda: 0.5 + 0.5 * np.sin(x / chance.uniform(1, 40)) * np.cos(y / chance.uniform(1, 40)),
        "symmetric": lambda: np.hypot(x - (width - 1) / 2, y - (height - 1) / 2) / (height + width),
    }.get(kind, lambda: 0)()
    if kind == "noise":
        return chance.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.ascontiguousarray((np.asarray(plane)[..., None] * colour).astype(np.uint8))


@pytest.mark.parametrize("name", FULL)
@pytest.mark.usefixtures("_each_width")
def test_the_published_hashes_at_full_resolution(name: str, vectors: Path) -> None:
    found = pdq.hash_bytes((vectors / name).read_bytes())
    assert found.hex == FULL[name]
    assert found.quality == 100


@pytest.mark.parametrize("name", THUMB)
def test_the_published_hashes_of_the_thumb_family(name: str, vectors: Path) -> None:
    expected, quality, full, thumb = THUMB[name]
    wanted = PdqHash(bytes.fromhex(expected), quality)
    data = (vectors / name).read_bytes()
    assert pdq.thumb(data).distance(wanted) == thumb
    assert pdq.thumb(data).quality == quality
    assert pdq.hash_bytes(data).distance(wanted) == full


def test_the_stretch_family_loses_the_aspect_of_large_pictures_only(vectors: Path) -> None:
    small = (vectors / "bridge-mods/square-512x512.jpg").read_bytes()
    assert pdq.stretch(small) == pdq.hash_bytes(small)
    large = (vectors / "bridge-mods/aaa-orig.jpg").read_bytes()
    assert 0 < pdq.stretch(large).distance(pdq.hash_bytes(large)) <= 14


def test_all_colour_modes_of_one_picture_hash_alike(vectors: Path) -> None:
    modes = vectors / "misc-images/modes"
    original = pdq.hash_bytes((modes / "original.jpg").read_bytes())
    others = [p for p in sorted(modes.iterdir()) if p.suffix in (".png", ".jpg", ".webp")]
    assert len(others) >= 14
    for path in others:
        assert pdq.hash_bytes(path.read_bytes()).distance(original) <= 2, path.name


@pytest.mark.usefixtures("_each_width")
def test_every_photograph_hashes_as_pdqhash_does(sample_data: Path) -> None:
    pdqhash = pytest.importorskip("pdqhash", reason="package pdqhash is not installed")
    for path in sorted((sample_data / "photos").iterdir()):
        pixels = np.ascontiguousarray(np.asarray(Image.open(path).convert("RGB")))
        bits, quality = pdqhash.compute(pixels)
        expected = PdqHash(np.packbits(bits).tobytes(), quality)
        assert pdq.hash_array(pixels) == expected, path.name
        assert pdq.hash_bytes(path.read_bytes()) == expected, path.name


KINDS = st.sampled_from(["flat", "ramp", "slope", "checks", "waves", "symmetric", "noise"])
SIDES = st.one_of(st.sampled_from([1, 4, 5, 63, 64, 65, 127, 128, 129, 256, 257, 384]), st.integers(1, 420))


@given(kind=KINDS, height=SIDES, width=SIDES, seed=st.integers(0, 99), kernels=st.sampled_from(THERE))
@settings(max_examples=60, deadline=None)
def test_any_picture_hashes_as_the_reference_does(
    kind: str, height: int, width: int, seed: int, kernels: str, oracle: ModuleType
) -> None:
    pixels = made(kind, height, width, seed)
    take(kernels)
    try:
        found, grey = pdq.hash_array(pixels), pdq.hash_array(pixels[..., 1])
    finally:
        _native.use_portable(False)
    assert (found.bits, found.quality) == oracle.reference_hash(pixels)
    assert (grey.bits, grey.quality) == oracle.reference_hash(pixels[..., 1])


@pytest.mark.parametrize(("height", "width"), [(5, 9000), (4200, 7), (2100, 300), (64, 1300)])
@pytest.mark.parametrize("kind", ["noise", "waves"])
@pytest.mark.usefixtures("_each_width")
def test_extreme_shapes_hash_as_the_reference_does(kind: str, height: int, width: int, oracle: ModuleType) -> None:
    pixels = made(kind, height, width)
    found = pdq.hash_array(pixels)
    assert (found.bits, found.quality) == oracle.reference_hash(pixels)


@given(kind=KINDS, height=SIDES, width=SIDES, seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_each_turn_is_the_hash_of_the_turned_pixels(kind: str, height: int, width: int, seed: int) -> None:
    pixels = made(kind, height, width, seed)
    assert pdq.turns(pixels) == [pdq.hash_array(np.ascontiguousarray(view)) for view in turned(pixels)]


def test_turns_of_a_photograph_are_those_of_the_reference(vectors: Path, oracle: ModuleType) -> None:
    data = (vectors / "bridge-mods/aaa-orig.jpg").read_bytes()
    pixels = np.asarray(Image.open(BytesIO(data)).convert("RGB"))
    expected = [oracle.reference_hash(np.ascontiguousarray(view)) for view in turned(pixels)]
    assert [(found.bits, found.quality) for found in pdq.dihedral(data)] == expected
    assert len(pdq.TURNS) == 8


@pytest.mark.usefixtures("_each_width")
def test_strides_do_not_matter() -> None:
    pixels = made("waves", 120, 200)
    wide = np.zeros((240, 400, 4), np.uint8)
    wide[::2, ::2, :3] = pixels
    expected = pdq.hash_array(pixels)
    assert pdq.hash_array(wide[::2, ::2, :3]) == expected
    assert pdq.hash_array(np.asfortranarray(pixels)) == expected
    assert pdq.hash_array(wide[::2, ::2]) == expected, "a fourth channel is alpha, and dropped"
    framed = np.pad(pixels, ((3, 3), (5, 5), (0, 0)))
    assert pdq.hash_array(framed[3:-3, 5:-5]) == expected
    assert pdq.hash_array(pixels[::-1, ::-1]) == pdq.turns(pixels)[2]
    pixels.flags.writeable = False
    assert pdq.hash_array(pixels) == expected


@pytest.mark.parametrize("shape", [(0, 0), (0, 7, 3), (4, 500, 3), (500, 4), (1, 1, 3)])
def test_pictures_under_five_pixels_have_no_hash(shape: tuple[int, ...]) -> None:
    assert pdq.hash_array(np.ones(shape, np.uint8)) == PdqHash(bytes(32), 0)
    assert pdq.turns(np.ones(shape, np.uint8)) == [PdqHash(bytes(32), 0)] * 8


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((64, 64, 3)),
        np.zeros(64, np.uint8),
        np.zeros((64, 64, 2), np.uint8),
        np.zeros((2, 64, 64, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused_in_a_sentence(wrong: np.ndarray) -> None:
    with pytest.raises(PdqError, match=r"PDQ hashes .*\."):
        pdq.hash_array(wrong)


def jpeg(pixels: np.ndarray, quality: int = 90, **how: Any) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality, **how)
    return out.getvalue()


def test_a_large_jpeg_takes_the_scaled_road_and_stays_close(sample_data: Path) -> None:
    photos = [np.asarray(Image.open(p).convert("RGB")) for p in sorted((sample_data / "photos").iterdir())[:40]]
    tiles = [photo[:220, :220] for photo in photos if min(photo.shape[:2]) >= 220][:24]
    strips = [np.concatenate(tiles[i : i + 6], 1) for i in range(0, 24, 6)]
    data = jpeg(np.ascontiguousarray(np.concatenate(strips)))
    full, road = pdq.hash_jpeg(data, fast=False)
    assert road == "full"
    assert full == pdq.hash_bytes(data)
    quick, road = pdq.hash_jpeg(data)
    assert road == "scaled"
    assert quick.distance(full) <= 10
    turns, road = pdq.turns_jpeg(data)
    assert road == "scaled"
    assert turns[0] == quick
    assert all(a.distance(b) <= 10 for a, b in zip(turns, pdq.dihedral(data), strict=True))
    try:
        for kernels in THERE:
            take(kernels)
            assert pdq.hash_jpeg(data)[0] == quick, f"{kernels} gives the same bits"
    finally:
        _native.use_portable(False)


def test_what_the_rule_does_not_cover_takes_the_full_road(vectors: Path) -> None:
    small = jpeg(made("noise", 100, 120))
    assert pdq.hash_jpeg(small) == (pdq.hash_bytes(small), "full")
    dull = jpeg(made("slope", 700, 900))
    assert pdq.hash_jpeg(dull) == (pdq.hash_bytes(dull), "full")
    printed = (vectors / "misc-images/modes/CMYK.jpg").read_bytes()
    assert pdq.hash_jpeg(printed) == (pdq.hash_bytes(printed), "full")


def test_orientation_is_not_applied_and_upright_gives_the_further_print() -> None:
    pixels = made("noise", 90, 140)
    exif = Image.Exif()
    for orientation in range(1, 9):
        exif[0x0112] = orientation
        out = BytesIO()
        Image.fromarray(pixels).save(out, "PNG", exif=exif)
        assert pdq.hash_bytes(out.getvalue()) == pdq.hash_array(pixels)
        picture = Image.open(out)
        from PIL import ImageOps

        shown = np.asarray(ImageOps.exif_transpose(picture))
        assert pdq.upright(pixels, orientation) == pdq.hash_array(shown)


@pytest.mark.parametrize("fast", [True, False])
def test_broken_jpegs_are_refused_in_a_sentence(fast: bool) -> None:
    whole = jpeg(made("noise", 600, 700))
    cut = [whole[:n] for n in (0, 1, 2, 3, 20, 300, len(whole) // 2, len(whole) * 9 // 10)]
    for broken in [*cut, b"\xff\xd8" + b"\0" * 500, b"no picture", made("noise", 9, 9).tobytes()]:
        with pytest.raises(PdqError, match=r"\.$"):
            pdq.hash_jpeg(broken, fast)


def test_a_header_that_promises_too_much_is_refused() -> None:
    data = bytearray(jpeg(made("noise", 64, 64)))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = b"\xea\x60\xea\x60"
    with pytest.raises(PdqError):
        pdq.hash_bytes(bytes(data))
    with pytest.raises(PdqError):
        pdq.hash_jpeg(bytes(data))


def hostile(kind: str, height: int, width: int, seed: int) -> np.ndarray:
    """A picture drawn to add up the reference's roundings: what repeats rounds alike, again and again."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    step, other = (int(n) for n in chance.integers(1, 64, 2))
    two = chance.integers(0, 256, (2, 3))
    if kind == "bright":  # sums just past a power of two round twice as coarsely
        two = np.array([[255, 255, 255], chance.integers(200, 256, 3)])
    which: Any = {
        "stripes": lambda: x // step % 2,
        "bars": lambda: y // step % 2,
        "checks": lambda: (x // step + y // other) % 2,
        "bright": lambda: (x // step + y // other) % 2,
        "patches": lambda: (x // step % 2) ^ chance.integers(0, 2, (height // 8 + 1, width // 8 + 1))[y // 8, x // 8],
        "grain": lambda: chance.integers(0, 2, (height, width)),
        "ramp": lambda: np.zeros((height, width), np.int64),
        "periods": lambda: np.zeros((height, width), np.int64),
    }[kind]()
    pixels = two[which]
    if kind == "grain":
        pixels = np.clip(two[0] + which[..., None], 0, 255)
    elif kind == "ramp":
        pixels = (x * chance.random() / width + y * chance.random() / height)[..., None] * two[0] / 2
    elif kind == "periods":  # rows that repeat after a window or two, other ones in every few of the 64 bands
        period = (width + 127) // 128 * int(chance.integers(1, 3))
        rows = chance.integers(0, 256, (2, period, 3))
        pixels = rows[y * 64 // height // step % 2, x % period]
    return np.ascontiguousarray(pixels.astype(np.uint8))


HOSTILE = ["stripes", "bars", "checks", "bright", "patches", "grain", "ramp", "periods"]


@given(
    kind=st.sampled_from(HOSTILE),
    long=st.one_of(st.sampled_from([64, 4096, 8192]), st.integers(64, 8192)),
    short=st.integers(64, 220),
    upright=st.booleans(),
    seed=st.integers(0, 9999),
)
@example(kind="stripes", long=4096, short=200, upright=True, seed=0)
@settings(max_examples=50, deadline=None)
def test_pictures_drawn_to_differ_hash_as_pdqhash_does(
    kind: str, long: int, short: int, upright: bool, seed: int
) -> None:
    pdqhash = pytest.importorskip("pdqhash", reason="package pdqhash is not installed")
    pixels = hostile(kind, *((long, short) if upright else (short, long)), seed)
    bits, quality = pdqhash.compute(pixels)
    assert pdq.hash_array(pixels) == PdqHash(np.packbits(bits).tobytes(), quality)


@pytest.mark.parametrize("kind", [*HOSTILE, "noise", "waves"])
@pytest.mark.parametrize(("height", "width"), [(64, 64), (700, 900), (4096, 200), (75, 2005), (130, 8192)])
def test_both_orders_stay_within_what_is_doubted(kind: str, height: int, width: int) -> None:
    """What the fall-back rests on: the coefficients of the two ways differ by less than half of what is allowed for."""
    pixels = made(kind, height, width) if kind in ("noise", "waves") else hostile(kind, height, width, 1)
    quick, exact = (np.array(_native.pdq_stages(pixels, order)[1]) for order in (False, True))
    assert (np.abs(quick - exact) < np.array(_native.pdq_stages(pixels, False)[2]) / 2).all()


@pytest.mark.parametrize("kernels", WIDTHS)
@pytest.mark.parametrize("kind", ["bars", "bright", "noise", "waves"])
@pytest.mark.parametrize(("height", "width"), [(64, 64), (71, 131), (375, 500), (500, 334), (40, 1900), (2100, 90)])
def test_every_width_rounds_alike(kernels: str, kind: str, height: int, width: int) -> None:
    pixels = made(kind, height, width) if kind in ("noise", "waves") else hostile(kind, height, width, 1)
    views = [pixels, pixels[..., 0].copy(), np.pad(pixels, ((0, 0), (0, 0), (0, 1)))]

    def everything() -> list[Any]:
        orders = [_native.pdq_stages(view, order) for view in views for order in (False, True)]
        return [*orders, *(_native.pdq_hash(view) for view in views), _native.pdq_turns(pixels)]

    _native.use_portable(True)
    try:
        expected = everything()
        take(kernels)
        assert everything() == expected
    finally:
        _native.use_portable(False)


def test_what_is_doubted_grows_with_the_side_as_roundings_can_add_up() -> None:
    narrow, wide = (np.array(_native.pdq_stages(hostile("bars", 130, side, 1), False)[2]) for side in (1024, 8192))
    assert (wide > narrow).all()
    assert wide[0] > 5 * narrow[0], "8 times as wide; by the square root of that it would be 2.8"


def test_the_binding_refuses_sizes_that_do_not_belong_together() -> None:
    small = made("noise", 100, 120)
    with pytest.raises(ValueError, match="factor"):
        _native.pdq_hash_scaled(small, 300, 360, 3)
    with pytest.raises(ValueError, match="full size"):
        _native.pdq_hash_scaled(small, 201, 240, 2)
    with pytest.raises(ValueError, match="one after the other"):
        _native.pdq_hash(small[:, ::2])
