import io

import pytest
from PIL import Image, ImageOps

from tocsin.gateway.access import new_key
from tocsin.gateway.road import NO_ROOM, NotRecordedError
from tocsin.media import pdq


@pytest.fixture
def known(api, jpeg, code):
    api.post("/c/banks", json={"name": "BANK_A"})
    api.post("/c/bank/BANK_A/signal", json={"pdq": code(jpeg())})
    return api


def lookup(api, signal, kind="pdq", **more):
    return api.get("/m/lookup", params={"signal": signal, "signal_type": kind} | more).json()


def turned(data, angle=0, mirror=False):
    picture = Image.open(io.BytesIO(data)).rotate(angle, expand=True)
    out = io.BytesIO()
    (ImageOps.mirror(picture) if mirror else picture).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("angle", [0, 90, 180, 270])
@pytest.mark.parametrize("mirror", [False, True])
def test_all_eight_orientations_of_an_upload_are_compared_on_request(known, jpeg, angle, mirror):
    data = turned(jpeg(), angle, mirror)
    found = known.post("/m/lookup?dihedral=true", files={"photo": data}).json()["pdq"]["BANK_A"]
    assert found[0]["distance_value"] <= 16
    if angle or mirror:
        assert found[0]["turn"] in range(1, 8)
        assert known.post("/m/lookup", files={"photo": data}).json()["pdq"] == {}


def test_orientations_of_a_signal_are_compared_as_far_as_its_bits_tell(known, jpeg):
    transposed = pdq.dihedral(jpeg())[6].hex
    assert lookup(known, transposed) == {}
    assert lookup(known, transposed, dihedral="true")["BANK_A"][0]["turn"] == 6


def test_a_batch_is_answered_in_order_and_one_bad_signal_stops_no_other(known, jpeg, code):
    queries = [
        {"signal_type": "pdq", "signal": code(jpeg())},
        {"signal_type": "pdq", "signal": "nonsense"},
        {"signal_type": "nonsense", "signal": "0"},
        {"signal_type": "pdq", "signal": ""},
        "no object",
        {"signal_type": "md5", "signal": "0f" * 16},
        {"signal_type": "pdq", "signal": code(jpeg(5))},
    ]
    results = known.post("/m/lookup/batch", json={"queries": queries}).json()["results"]
    assert [sorted(one) for one in results] == [
        ["matches"], ["error"], ["error"], ["not_comparable"], ["error"], ["matches"], ["matches"],
    ]  # fmt: skip
    assert [bool(one.get("matches")) for one in results] == [True, *[False] * 6]


@pytest.mark.parametrize(
    "body",
    [
        {}, {"queries": 1}, {"queries": [{}] * 1001}, {"queries": [], "banks": "A"}, {"queries": [], "radius": 65},
        {"queries": [], "radius": True}, {"queries": [], "seed": []}, [],
    ],
)  # fmt: skip
def test_a_batch_that_makes_no_sense_is_refused(known, body):
    assert known.post("/m/lookup/batch", json=body).status_code in (400, 422)


def test_an_unknown_bank_fails_the_question(known, jpeg, code):
    answer = known.get("/m/lookup", params={"signal": code(jpeg()), "signal_type": "pdq", "banks": "NONE"})
    assert answer.status_code == 404


@pytest.mark.parametrize("radius", ["-1", "65", "x", "1e3"])
def test_a_radius_out_of_bounds_is_refused(known, radius):
    asked = {"signal": "0" * 64, "signal_type": "pdq", "radius": radius}
    assert known.get("/m/lookup", params=asked).status_code == 400


def test_listed_hashes_and_raw_lookups_need_their_scope(serving, jpeg, code):
    api = serving()
    api.post("/c/banks", json={"name": "BANK_A"})
    number = api.post("/c/bank/BANK_A/signal", json={"pdq": code(jpeg())}).json()["id"]
    plain = new_key(api.gateway.store, api.gateway.clock, "plain", ["lookup", "curate"])
    raw = new_key(api.gateway.store, api.gateway.clock, "raw", ["lookup", "raw", "curate"])
    api.gateway.access._keys.refresh()
    asked = {"signal": code(jpeg()), "signal_type": "pdq", "include_hashes": "true"}
    shown = {"include_signals": "true"}
    for key, status in ((plain, 403), (raw, 200)):
        head = {"X-API-Key": key}
        assert api.get("/m/lookup", params=asked, headers=head).status_code == status
        assert api.get("/m/raw_lookup", params=asked, headers=head).status_code == status
        assert api.get(f"/c/bank/BANK_A/content/{number}", params=shown, headers=head).status_code == status


def test_every_kind_of_hash_that_is_listed_is_found(api):
    api.post("/c/banks", json={"name": "BANK_A"})
    photodna = bytes(range(144)).hex()
    vpdq = '["' + "0f" * 32 + ',90,0.0", "' + "f0" * 32 + ',90,1.0"]'
    held = {"md5": "01" * 16, "sha1": "02" * 20, "sha256": "03" * 32, "photodna": photodna, "vpdq": vpdq}
    for kind, signal in held.items():
        assert api.post("/c/bank/BANK_A/signal", json={kind: signal}).status_code == 200
    distances = {kind: lookup(api, signal, kind)["BANK_A"][0]["distance"] for kind, signal in held.items()}
    assert distances == {"md5": "-", "sha1": "-", "sha256": "-", "photodna": "0", "vpdq": "100%[100%]"}
    assert lookup(api, "01" * 16, "video_md5")["BANK_A"][0]["distance"] == "-"


def test_types_are_compared_each_in_its_way(api):
    told = {"md5": ["0f" * 16, "0f" * 16], "sha1": ["0f" * 20, "0e" * 20]}
    assert api.post("/m/compare", json=told).json() == {
        "md5": [True, {"distance": 0}],
        "sha1": [False, {"distance": 1}],
    }
    frames = '["' + "0f" * 32 + ',90,0.0"]'
    assert api.post("/m/compare", json={"vpdq": [frames, frames]}).json()["vpdq"][0] is True


@pytest.mark.parametrize(
    "data",
    [b"words", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n" + bytes(40), b"GIF89a" + bytes(20), b"PK\x03\x04" + bytes(40)],
)
def test_media_that_cannot_be_decoded_is_answered_and_said_not_to_be_compared(known, data):
    answer = known.post("/m/lookup", files={"photo": data})
    assert answer.status_code == 200
    why = answer.json()["not_comparable"]["pdq"]
    assert why["reason"] in ("unreadable", "unsupported", "too-large", "failed")
    assert why["sentence"]
    assert known.post("/h/hash", files={"photo": data}).status_code == 400


def test_the_very_bytes_of_what_cannot_be_decoded_are_still_found(api):
    import hashlib

    data = b"\xff\xd8\xff\xe0 broken"
    api.post("/c/banks", json={"name": "BANK_A"})
    api.post("/c/bank/BANK_A/signal", json={"sha256": hashlib.sha256(data).hexdigest()})
    found = api.post("/m/lookup", files={"photo": data}).json()
    assert set(found["sha256"]) == {"BANK_A"}
    assert "pdq" in found["not_comparable"]


def clip(*pictures, seconds=2):
    """Return a video that shows each picture for a while, two keyframes a second."""
    av = pytest.importorskip("av")
    out = io.BytesIO()
    with av.open(out, "w", "matroska") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 320, 240, "yuv420p", 4_000_000
        stream.codec_context.gop_size = 5
        for picture in pictures:
            frame = av.VideoFrame.from_image(Image.open(io.BytesIO(picture)).convert("RGB"))
            for _ in range(10 * seconds):
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return out.getvalue()


def animated(*pictures):
    out = io.BytesIO()
    stills = [Image.open(io.BytesIO(one)).convert("RGB").resize((320, 240)) for one in pictures]
    stills[0].save(out, "WEBP", save_all=True, append_images=stills[1:], duration=100, lossless=True)
    return out.getvalue()


def test_the_frames_of_an_uploaded_video_are_compared_with_listed_pictures(known, jpeg):
    video = clip(jpeg(5), jpeg(), jpeg(6))
    for label in ("video", "photo"):
        found = known.post("/m/lookup", files={label: video}).json()
        assert found["pdq"]["BANK_A"][0]["by"] == "pdq"
        assert "not_comparable" not in found
    assert known.post("/m/lookup?types=pdq", files={"video": video}).json()["pdq"]["BANK_A"]
    assert known.post("/m/lookup?types=video_md5", files={"video": video}).json() == {"video_md5": {}}
    assert known.post("/m/lookup", files={"video": clip(jpeg(5), jpeg(6))}).json()["pdq"] == {}


def test_a_video_that_cannot_be_read_never_looks_clean(known, jpeg):
    for data in (clip(jpeg(5))[:300], b"\x1aE\xdf\xa3" + bytes(500), b"no video at all"):
        answer = known.post("/m/lookup", files={"video": data})
        told = answer.json()
        assert "pdq" not in told
        assert told["not_comparable"]["pdq"]["sentence"].endswith(".")
        assert answer.headers["X-Tocsin-Not-Comparable"].startswith("pdq; reason=")


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_picture_that_ends_early_is_compared_as_far_as_it_goes_and_says_so(known, jpeg, share):
    data = jpeg()[: int(len(jpeg()) * share)]
    answer = known.post("/m/lookup", files={"photo": data})
    why = answer.json()["not_comparable"]["pdq"]
    assert (why["reason"], why["sentence"].startswith("The picture ends early")) == ("unreadable", True)
    if why.get("partly"):
        assert "pdq" in answer.json()
        assert answer.headers["X-Tocsin-Not-Comparable"] == "pdq; reason=unreadable; partly"


def test_a_first_frame_without_detail_hides_no_other(known, jpeg, flat):
    found = known.post("/m/lookup", files={"photo": animated(flat, jpeg())}).json()
    assert found["pdq"]["BANK_A"]
    assert "not_comparable" not in found


def test_what_was_not_asked_for_is_not_recorded_either(known, jpeg, monkeypatch):
    seen = []

    async def see(self, sighting):
        seen.append(sighting.matches)
        return []

    monkeypatch.setattr("tocsin.gateway.observing.OnRoad.see", see)
    known.post("/m/lookup?types=md5", files={"photo": jpeg()})
    assert seen == []
    known.post("/m/lookup?types=pdq", files={"photo": jpeg()})
    assert len(seen) == 1


def test_a_match_that_found_no_room_on_the_disk_is_told_all_the_same_and_so_is_that(known, jpeg, code, monkeypatch):
    async def see(self, sighting):
        raise NotRecordedError(NO_ROOM)

    monkeypatch.setattr("tocsin.gateway.observing.OnRoad.see", see)
    answer = known.post("/m/lookup", files={"photo": jpeg()})
    assert answer.status_code == 200
    assert answer.json()["pdq"]["BANK_A"]
    assert answer.headers["X-Tocsin-Not-Recorded"] == "disk-full; look it up again"
    queries = [{"signal_type": "pdq", "signal": code(jpeg())}]
    (one,) = known.post("/m/lookup/batch", json={"queries": queries}).json()["results"]
    assert one["matches"]["BANK_A"]
    assert one["not_recorded"] == "disk-full; look it up again"
