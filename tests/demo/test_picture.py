"""The demonstration's picture is the same each time, rich enough to be hashed, and small."""

import io

from PIL import Image

from tocsin.demo import picture
from tocsin.media import pdq


def test_it_is_one_picture_that_hashes_well_and_is_kept_nowhere() -> None:
    data = picture.jpeg()
    assert data == picture.jpeg()
    with Image.open(io.BytesIO(data)) as opened:
        assert (opened.format, opened.size) == ("JPEG", (picture.WIDTH, picture.HEIGHT))
        shown = io.BytesIO()
        opened.resize((420, 280)).save(shown, "PNG")
    listed, seen = pdq.hash_bytes(data), pdq.hash_bytes(shown.getvalue())
    assert listed.quality >= 80
    assert (int(listed.hex, 16) ^ int(seen.hex, 16)).bit_count() <= 20
    assert len(data) < 400_000
