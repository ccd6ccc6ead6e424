"""The made CyberTipline and the world around it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clocks import HandClock

sys.path.insert(0, str(Path(__file__).parent))

import sandbox as sandboxes
import world as worlds

from tocsin.exchange.cybertip.schema import Schema

XSD = Path(__file__).resolve().parents[3] / "shared" / "reference" / "cybertipline.xsd"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Any]:
    """A unit with its hub, its worker and the made service; validated by NCMEC's schema where that is at hand."""
    clock = HandClock()
    schema = Schema(XSD.read_bytes()) if XSD.is_file() else worlds.Fits()
    service = sandboxes.Sandbox(clock.now, check=schema.check)
    made = worlds.World(tmp_path, service, clock, schema)
    yield made
    made.close()
