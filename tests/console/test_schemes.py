"""What a category means comes from its scheme; an unknown one says nothing rather than something made up."""

from tocsin.console import schemes


def test_a_known_category_has_its_schemes_words() -> None:
    assert "child" in schemes.meaning({"scheme": "industry", "category": "A1"})
    assert schemes.meaning({"scheme": "stopncii", "category": ""}) == schemes.UNREVIEWED


def test_an_unknown_category_says_nothing() -> None:
    assert schemes.meaning({"scheme": "nobody's", "category": "Z9"}) == ""
    assert schemes.meaning({"scheme": "own", "category": "harmless"}) == ""
    assert schemes.meaning({}) == ""
