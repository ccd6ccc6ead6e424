"""What a category means comes from its scheme; an unknown one says nothing rather than something made up."""

from tocsin.console import schemes


def test_an_unknown_category_says_nothing() -> None:
    assert schemes.meaning({"scheme": "nobody's", "category": "Z9"}) == ""
    assert schemes.meaning({}) == ""
