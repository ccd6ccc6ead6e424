"""The demonstration's list holds one harmless picture and says so."""

from pathlib import Path

from tocsin.demo import listing, picture
from tocsin.matching.lists import HashList


def test_the_list_names_itself_harmless_and_is_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "lists" / "demo"
    listing.make(folder, picture.jpeg())
    listing.make(folder, b"never read again")
    facts = HashList.open(folder).info()
    assert "harmless" in facts["name"]
    assert facts["origin"] == "own"
    assert facts["categories"] == {listing.CATEGORY: 1}
    assert facts["kinds"] == {"md5": 1, "sha1": 1, "sha256": 1, "pdq": 1}
