"""The loop: one report's trouble stops no other, and the schema of record is kept for when it cannot be fetched."""

import httpx
import pytest
from sandbox import Crash

from tocsin.exchange.cybertip.client import Credentials, CyberTip
from tocsin.exchange.cybertip.schema import SchemaError
from tocsin.reporting.worker import schema_of

SMALL = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:element name="report" type="xs:string"/></xs:schema>"""


def service(*answers: httpx.Response | Exception) -> CyberTip:
    left = list(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return CyberTip(Credentials("u", "p"), transport=httpx.MockTransport(handle))


def test_one_report_in_trouble_does_not_stop_the_others(world) -> None:
    first, second = world.approved(), world.approved()
    world.hub.blobs.delete(world.read(first).files[0]["evidence"])
    world.round()
    assert (world.read(first).state, world.read(second).state) == ("filing", "filed")


def test_the_loop_ends_when_told_and_waits_in_between(world) -> None:
    world.approved()
    waits: list[float] = []

    def stop(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) == 2

    world.worker.run(stop)
    assert waits == [1.0, 20.0]


def test_a_crash_is_not_swallowed(world) -> None:
    world.approved()
    world.sandbox.plan = lambda step: "crash-before"
    with pytest.raises(Crash):
        world.round()


def test_the_schema_is_fetched_and_kept(tmp_path) -> None:
    kept = tmp_path / "x.xsd"
    schema_of(service(httpx.Response(200, content=SMALL)), kept).check(b"<report>x</report>")
    schema_of(service(httpx.ConnectError("no")), kept).check(b"<report>x</report>")
    kept.unlink()
    with pytest.raises(SchemaError, match="nothing is sent"):
        schema_of(service(httpx.ConnectError("no")), kept)
