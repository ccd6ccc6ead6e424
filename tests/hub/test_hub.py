"""The hub's parts come up together and close once."""

import pytest

from tocsin.evidence.keys import KeyFileError
from tocsin.hub.hub import Hub


def test_closing_twice_is_harmless(hub) -> None:
    assert hub.writer.waiting == 0
    hub.close()
    hub.close()


def test_a_damaged_key_is_a_sentence_and_is_not_replaced(settings, hub) -> None:
    hub.close()
    path = settings.data / "keys" / "hub.key"
    path.write_text("damaged")
    with pytest.raises(KeyFileError, match=r"hub\.key"):
        Hub.open(settings)
    assert path.read_text() == "damaged"
