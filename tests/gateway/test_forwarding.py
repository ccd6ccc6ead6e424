from tocsin.gateway.forwarding import INTERNAL, packed, unpacked
from tocsin.gateway.observing import Sighting
from tocsin.model.media import Fingerprints, Match, Print


def test_a_sighting_crosses_between_processes_whole():
    prints = Fingerprints(media="picture", sha256="ab" * 32, prints=(Print("0f" * 32, 90, "scaled", turn=3),))
    match = Match(list="l", entry="é", by="video", distance=0, shares=(0.5, 0.25), key="f" * 16)
    one = Sighting(
        prints=prints, matches=(match,), caller="coop", name="a.jpg", item="i", account="a", data=bytes(range(256))
    )
    again = unpacked(packed(one))
    assert again == one
    assert again.matches[0].key == "f" * 16


def test_the_way_between_processes_is_closed_from_outside(api):
    assert api.post(f"{INTERNAL}sighting", content=b"x").status_code == 404
