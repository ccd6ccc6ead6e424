from dataclasses import asdict

from tocsin.media.options import Options


def test_options_travel_as_plain_values():
    wanted = Options(turns=True, fast=False)
    assert Options(**asdict(wanted)) == wanted


def test_costly_things_are_made_only_when_asked_for():
    usual = Options()
    assert usual.digests
    assert usual.borders
    assert (usual.turns, usual.windows, usual.frames, usual.regions) == (False, False, False, False)
