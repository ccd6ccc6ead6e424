"""Makes the helpers beside the end-to-end tests importable, and the model made for the tests of streams."""

import sys
from pathlib import Path

from playwright.sync_api import expect

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[1] / "gateway" / "streams"))

expect.set_options(timeout=20_000)  # two tests and their servers, screens and browsers share the machine
