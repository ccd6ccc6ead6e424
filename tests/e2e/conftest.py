"""Makes the helpers beside the end-to-end tests importable, and the model made for the tests of streams.

No clock decides a test here: every deadline is for what never happens, and lies far beyond what a busy machine needs.
"""

import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
sys.path.insert(1, str(HERE.parent / "gateway" / "streams"))

expect.set_options(timeout=60_000)  # two tests and their servers, screens and browsers share the machine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a test here, with the servers and browsers that it is the first to start, longer than a unit's time."""
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.timeout(900))
