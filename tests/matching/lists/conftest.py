import hashlib

import pytest

from tocsin.matching.lists import Terms, build, read


def digest(text: str, kind: str = "md5") -> str:
    return hashlib.new(kind, text.encode()).hexdigest()


def pdq(text: str) -> str:
    """64 digits with 128 bits set, as a PDQ hash has."""
    import random

    places = random.Random(text).sample(range(256), 128)
    return f"{sum(1 << place for place in places):064x}"


@pytest.fixture
def made(tmp_path):
    """Builds a list from text: ``made(text, **terms)`` → (folder, report)."""

    def make(text, name="made", folder="list", key=None, **terms):
        source = tmp_path / "source"
        source.write_bytes(text if isinstance(text, bytes) else text.encode())
        report = build(tmp_path / folder, Terms(name=name, **terms), [("source", read(source))], key=key)
        return tmp_path / folder, report

    return make


@pytest.fixture
def more(tmp_path):
    """Returns sources for an addition from text."""

    def make(text):
        source = tmp_path / "more"
        source.write_text(text)
        return [("more", read(source))]

    return make


@pytest.fixture
def md5_of():
    return digest


@pytest.fixture
def pdq_of():
    return pdq
