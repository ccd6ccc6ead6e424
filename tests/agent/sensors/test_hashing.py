import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from tocsin.agent.sensors.hashing import Workers
from tocsin.media import pdq
from tocsin.model import Fingerprints, NotScanned, Rect


@pytest.fixture(scope="module")
def workers():
    made = Workers()
    yield made
    made.close()


def png() -> bytes:
    out = io.BytesIO()
    Image.effect_mandelbrot((96, 64), (-2, -1.5, 1, 1.5), 60).convert("RGB").save(out, "PNG")
    return out.getvalue()


def test_a_picture_is_hashed_in_another_process(workers):
    found = workers.fingerprint(png())
    assert isinstance(found, Fingerprints)
    assert len(found.prints[0].hex) == 64
    assert found.sha256
    assert workers.processes


def test_a_file_by_its_path_and_what_is_in_an_archive(workers, tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("in/a.png", png())
        archive.writestr("words.txt", "words")
    found = {name: made for name, _, made in workers.members(path)}
    assert found["in/a.png"].prints
    assert isinstance(workers.fingerprint(tmp_path / "gone"), NotScanned)


def test_the_photographs_on_a_saved_page_are_hashed_one_by_one(workers, photo):
    page, picture = np.full((600, 900, 3), 250, np.uint8), photo(400, 300)
    page[90:390, 260:660] = picture
    out = io.BytesIO()
    Image.fromarray(page).save(out, "PNG")
    found = workers.fingerprint(out.getvalue())
    own = pdq.hash_array(picture)
    near = [one for one in found.prints if (int(one.hex, 16) ^ int(own.hex, 16)).bit_count() <= 8]
    assert Rect(260, 90, 400, 300) in {one.region for one in near}


def test_what_is_damaged_still_has_digests_and_a_reason(workers):
    found = workers.fingerprint(png()[:200])
    assert isinstance(found, NotScanned) or found.reason


def test_a_worker_can_be_there_before_the_first_file():
    made = Workers()
    made.warm()
    assert len(made.processes) == 1
    made.close()
    made.warm()
    made.close()
