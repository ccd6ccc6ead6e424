from pathlib import Path
from types import SimpleNamespace

from tocsin.agent.media import DETECTOR, Media
from tocsin.detectors import ALL


def test_sensors_ask_through_it():
    asked = []
    asking = SimpleNamespace(ask=lambda prints, seen: asked.append((prints, seen)))
    media = Media(asking, lambda *_: False, lambda _: None, (), Path("x"))
    media.ask("prints", "seen")
    assert asked == [("prints", "seen")]


def test_the_detector_it_waits_for_is_there():
    assert DETECTOR in {detector.name for detector in ALL}
