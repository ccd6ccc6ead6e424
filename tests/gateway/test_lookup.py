import io

from PIL import Image

from tocsin.gateway.lookup import Question, by_type, look_up, shown
from tocsin.gateway.signals import TYPES, read_signal


def ask(api, code, **how):
    return look_up(api.gateway.catalogue, [read_signal(TYPES["pdq"], code)], Question(**how))[0]


def test_matches_carry_where_the_hash_came_from(serving, make_list, tmp_path):
    api = serving(lists=(make_list(tmp_path / "list", "0f" * 32, scheme="a scheme"),))
    (told,) = shown(ask(api, "0f" * 31 + "0e").hits)["KNOWN_1"]
    wanted = {
        "distance": "1", "distance_value": 1, "by": "pdq", "list": "known 1", "source": "a source", "entry": "entry-1",
        "category": "B1", "scheme": "a scheme",
    }  # fmt: skip
    assert wanted.items() <= told.items()
    assert "signals" not in told


def test_listed_hashes_are_told_to_those_who_may_see_them(serving, make_list, tmp_path):
    api = serving(lists=(make_list(tmp_path / "list", "0f" * 32),))
    (told,) = shown(ask(api, "0f" * 32).hits, hashes=True)["KNOWN_1"]
    assert told["signals"] == {"pdq": ["0f" * 32]}


def test_a_bank_not_asked_for_is_not_searched_unless_it_silences(serving, make_list, tmp_path):
    lists = [
        make_list(tmp_path / f"lists/{name}", code, name=name, negative=negative)
        for name, code, negative in (("a", "0f" * 32, False), ("b", "0f" * 32, False), ("good", "f0" * 32, True))
    ]
    api = serving(lists=tuple(lists))
    assert {hit.bank.terms.name for hit in ask(api, "0f" * 32, banks=("B",)).hits} == {"B"}
    assert {bank.terms.name for bank in api.gateway.catalogue.chosen(["B"])} == {"B", "GOOD"}
    assert {bank.terms.name for bank in api.gateway.catalogue.chosen(["B"], raw=True)} == {"B"}


def test_a_picture_is_also_compared_as_its_exif_says_it_is_shown(serving, make_list, tmp_path, jpeg, code):
    shown_so = Image.open(io.BytesIO(jpeg(3)))
    turned = Image.Exif()
    turned[0x0112] = 6  # shown turned clockwise, so stored the other way
    stored = io.BytesIO()
    shown_so.rotate(90, expand=True).save(stored, "JPEG", quality=92, exif=turned)
    api = serving(lists=(make_list(tmp_path / "list", code(jpeg(3))),))
    told = api.post("/m/lookup", files={"photo": ("a.jpg", stored.getvalue(), "image/jpeg")}).json()
    [match] = told["pdq"]["KNOWN_1"]
    assert match["entry"] == "entry-1"
    assert match["turn"]
    plain = io.BytesIO()
    shown_so.rotate(90, expand=True).save(plain, "JPEG", quality=92)
    files = {"photo": ("a.jpg", plain.getvalue(), "image/jpeg")}
    assert api.post("/m/lookup", files=files).json()["pdq"] == {}
    assert api.post("/m/lookup?dihedral=true", files=files).json()["pdq"]["KNOWN_1"]


def test_every_type_has_its_key_also_without_a_match(api):
    assert by_type(ask(api, "0f" * 32), {"pdq": TYPES["pdq"], "md5": TYPES["md5"]}) == {"pdq": {}, "md5": {}}


def test_banks_that_do_not_ring_answer_and_ring_nothing(api):
    for name, rings in (("LOUD", True), ("QUIET", False)):
        api.post("/c/banks", json={"name": name, "rings": rings})
        api.post(f"/c/bank/{name}/signal", json={"pdq": "0f" * 32})
    found = ask(api, "0f" * 32)
    assert {hit.bank.terms.name for hit in found.hits} == {"LOUD", "QUIET"}
    assert [match.list for match in found.ringing] == ["LOUD"]
