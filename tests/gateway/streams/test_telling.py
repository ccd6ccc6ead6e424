"""A finding as JSON says on which rung the stream stands and why."""

import json

from tocsin.detectors import LiveStream
from tocsin.gateway.streams.telling import event_json
from tocsin.gateway.streams.weighing import Event


def test_a_finding_is_told_whole() -> None:
    example = LiveStream.examples()[0]
    (finding,) = LiveStream().examine(example.seen[0])
    told = event_json(Event(stream="s", finding=finding, rung=1, at=2.0, latency=0.12345, missing="not held"))
    assert json.loads(json.dumps(told)) == told
    assert told["rung"] == "note"
    assert told["latency_s"] == 0.123
    assert told["matches"][0]["entry"] == "7"
    assert told["why"].endswith(".")
    assert told["not_sealed"] == "not held"
    assert "why" not in event_json(Event(stream="s", finding=finding, rung=1), words=False)
