import subprocess
import sys

import pytest

from tocsin.agent.limits import Caps, Limits, Usage


@pytest.fixture
def ladder(clock):
    applied, told = [], []
    return Limits(clock, applied.append, told.append, Caps(cpu=50, memory=1000, over_s=12, calm_s=30)), applied, told


def run(limits, clock, seconds, cpu, memory=0):
    for _ in range(0, seconds, 3):
        clock.move(3)
        limits.step(cpu, memory)


def test_it_goes_down_step_by_step_and_up_again_and_says_each(ladder, clock):
    limits, applied, told = ladder
    run(limits, clock, 60, 90)
    assert applied == [1, 2, 3]
    assert [t["step"] for t in told] == ["pictures-off", "ocr-slow", "ocr-off"]
    assert limits.degradations == ("pictures-off", "ocr-slow", "ocr-off")
    run(limits, clock, 120, 5)
    assert applied == [1, 2, 3, 2, 1, 0]
    assert told[-1]["step"] == "normal"
    assert {t["reason"] for t in told} == {"cpu"}


def test_a_burst_costs_nothing(ladder, clock):
    limits, applied, _ = ladder
    for _ in range(5):
        run(limits, clock, 9, 100)
        run(limits, clock, 3, 10)
    assert applied == []


def test_memory_counts_too(ladder, clock):
    limits, _, told = ladder
    run(limits, clock, 18, 0, 2000)
    assert told[0]["reason"] == "memory"


def test_usage_counts_children():
    usage = Usage()
    usage(1.0)
    child = subprocess.Popen([sys.executable, "-c", "b = bytearray(40 << 20); input()"], stdin=subprocess.PIPE)
    try:
        alone = usage(1.0)[1]
        while usage(1.0)[1] < alone + (20 << 20):
            assert child.poll() is None
    finally:
        child.communicate(b"\n", timeout=60)
