from tocsin.evidence.sealing import new_identity
from tocsin.hub.store.schema import Person


def test_the_public_half_is_listed_beside_the_name(site):
    _, recipient = new_identity()
    assert site.post("marek", "/key", {"recipient": recipient}).status_code == 303
    with site.hub.store.reading() as session:
        assert session.get(Person, site.seeded.people["marek"].id).age_recipient == recipient


def test_a_secret_half_is_never_taken(site):
    identity, _ = new_identity()
    answer = site.post("marek", "/key", {"recipient": identity})
    assert answer.status_code == 422
    assert identity not in answer.text


def test_the_page_says_what_the_key_does_not_protect_from(site, words_of):
    said = words_of(site.get("ines", "/key"))
    assert "A stolen disk of the hub, or a copy of its database, opens nothing." in said
    assert "could serve you an altered page" in said
