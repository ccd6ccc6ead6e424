import subprocess
import sys

from tocsin.agent.sensors.processes import ProcessSensor, describe
from tocsin.model import Kind, SystemClock


def test_a_program_that_begins_and_ends_is_told_with_its_arguments():
    sensor = ProcessSensor(SystemClock())
    list(sensor.look())
    child = subprocess.Popen([sys.executable, "-c", "input()", "marker-argument"], stdin=subprocess.PIPE)
    try:
        begun = [seen for seen in sensor.look() if "marker-argument" in seen.body.arguments]
        assert len(begun) == 1
        assert begun[0].kind is Kind.PROCESS
        assert not begun[0].body.ended
        assert begun[0].app == begun[0].body.name
    finally:
        child.communicate(b"\n")
    ended = [seen.body for seen in sensor.look() if "marker-argument" in seen.body.arguments]
    assert [body.ended for body in ended] == [True]


def test_a_process_that_is_gone_is_no_program():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert describe(child.pid) is None
