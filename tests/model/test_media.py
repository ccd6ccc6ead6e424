"""Fingerprints go over the wire without what is absent."""

from tocsin.model import Fingerprints, Print


def test_only_what_is_there_is_sent() -> None:
    sent = Fingerprints(media="picture", md5="0" * 32, prints=(Print("f" * 64, 90),)).as_dict()
    assert set(sent) == {"media", "md5", "prints"}
    assert sent["prints"][0]["path"] == "full"
