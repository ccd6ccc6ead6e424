import io
from pathlib import Path

import pytest
from PIL import Image

VIDEO = Path(__file__).resolve().parents[4] / "shared" / "data" / "video"


def test_an_animated_picture_and_a_large_one_are_hashed(api):
    out = io.BytesIO()
    frames = [Image.effect_noise((120, 90), 60 + 20 * n) for n in range(4)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    assert len(api.post("/h/hash", files={"photo": out.getvalue()}).json()["pdq"]) == 64


def test_an_upload_of_twenty_megabytes_is_taken(api, jpeg, code):
    data = jpeg() + bytes(20 << 20)
    assert api.post("/h/hash", files={"photo": data}).json() == {"pdq": code(jpeg())}


@pytest.mark.parametrize("name", ["", "photos", "image", "audio"])
def test_the_field_must_be_a_content_type(api, jpeg, name):
    assert api.post("/h/hash", files={name or "x": jpeg()}).status_code == 400


def test_a_video_has_the_digest_that_lists_are_keyed_by(api):
    clips = sorted(VIDEO.glob("*.mp4")) if VIDEO.is_dir() else []
    if not clips:
        pytest.skip("the shared clips are not there")
    made = api.post("/h/hash", files={"video": clips[0].read_bytes()}).json()
    assert set(made) == {"video_md5"}
    assert len(made["video_md5"]) == 32


def test_a_hash_of_half_a_picture_says_so(api, jpeg):
    answer = api.post("/h/hash", files={"photo": jpeg()[: len(jpeg()) * 3 // 4]})
    assert len(answer.json()["pdq"]) == 64
    assert answer.headers["X-Tocsin-Not-Comparable"] == "pdq; reason=unreadable; partly"


def test_an_empty_upload_is_refused(api):
    answer = api.post("/h/hash", files={"photo": b""})
    assert (answer.status_code, answer.json()["message"]) == (400, "The file is empty.")
