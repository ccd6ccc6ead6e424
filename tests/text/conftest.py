"""What the tests of the text room share."""

from collections.abc import Callable
from typing import Any

import pytest

from tocsin.text.packs import Entry
from tocsin.text.phrases import Phrases


@pytest.fixture
def entry() -> Callable[..., Entry]:
    def make(*phrases: str, **rest: Any) -> Entry:
        plain = {
            "id": "en-x",
            "pack": "x",
            "language": "en",
            "signal": "secrecy",
            "weight": 1.0,
            "must": (),
            "must_not": (),
        }
        return Entry(phrases=phrases, **{**plain, **rest})

    return make


@pytest.fixture
def compiled(entry: Callable[..., Entry]) -> Callable[..., Phrases]:
    def make(*phrases: str) -> Phrases:
        return Phrases([entry(*phrases)], {"your": ["your", "ur"]})

    return make
