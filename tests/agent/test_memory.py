"""Memory is given back after it has grown, and not again for nothing."""

import sys

import pytest

from tocsin.agent.memory import GROWTH, Memory


def test_trims_only_after_growth():
    resident, trims = [100 << 20], []

    def trim() -> None:
        trims.append(resident[0])
        resident[0] = 100 << 20

    memory = Memory(trim, lambda: resident[0])
    assert memory.relieve()
    assert not memory.relieve()
    resident[0] += GROWTH
    assert memory.relieve()
    assert not memory.relieve()
    assert trims == [100 << 20, (100 << 20) + GROWTH]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc is asked to trim")
def test_the_system_s_own_trim_can_be_called():
    assert Memory().relieve() in (True, False)
