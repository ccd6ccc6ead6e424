"""All streams of a gateway: taken up again after a restart, each end told."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tiny_onnx import MANIFEST, model

from tocsin.detectors.ladder import LadderError
from tocsin.gateway.gateway import Gateway
from tocsin.gateway.settings import Settings


def test_streams_are_taken_up_again_after_a_restart(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)

    async def first() -> tuple[str, str]:
        gateway = Gateway.open(settings)
        kept = await gateway.watches.begin("udp://0.0.0.0:42998", "kept")
        ended = await gateway.watches.begin("udp://0.0.0.0:42997", "ended")
        await gateway.watches.end(ended.id)
        await asyncio.gather(*gateway.watches._sending)
        await gateway.watches.close()
        gateway.close()
        return kept.id, ended.id

    async def second() -> list[tuple[str, str]]:
        gateway = Gateway.open(settings)
        await gateway.watches.resume()
        found = [(held.id, held.name) for held in gateway.watches.every()]
        await gateway.watches.close()
        gateway.close()
        return found

    kept, _ = asyncio.run(first())
    assert asyncio.run(second()) == [(kept, "kept")]


def rungs(settings: Settings, url: str) -> list[tuple[str, str]]:
    """Watch a stream to its end; return the rungs it was found on, and why."""

    async def go() -> list[tuple[str, str]]:
        gateway = Gateway.open(settings)
        held = await gateway.watches.begin(url)
        assert held.task is not None
        await held.task
        await gateway.watches.close()
        gateway.close()
        return [(one["rung"], one["why"]) for one in held.told(events=True)["events"]]

    return asyncio.run(go())


def test_the_operators_classifier_and_ladder_are_the_gateways(
    tmp_path: Path, film: Callable, serve: Callable[..., str]
) -> None:
    (tmp_path / "tiny.onnx").write_bytes(model())
    labels = [{**label, "threshold": 0.2} for label in MANIFEST["labels"]]
    manifest = tmp_path / "tiny.yaml"
    manifest.write_text(yaml.safe_dump({**MANIFEST, "labels": labels}))
    settings = Settings(data=tmp_path / "gateway", allow_private=True, classifier=manifest)
    url = serve({"/s": film()}) + "/s"
    found = rungs(settings, url)
    assert [rung for rung, _ in found] == ["note", "ring"]
    assert "colours 1 said" in found[1][1]
    rule = {"of": "classifier", "frames": 3, "within": 3, "because": "our own rule"}
    ladder = tmp_path / "ladder.yaml"
    ladder.write_text(yaml.safe_dump({"schema": "tocsin/ladder@1", "rungs": [{"name": "note", "rules": [rule]}]}))
    found = rungs(replace(settings, ladder=ladder), url)
    assert [rung for rung, _ in found] == ["note"]
    assert "our own rule" in found[0][1]


def test_a_ladder_that_cannot_be_used_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "ladder.yaml").write_text("rungs: []")
    with pytest.raises(LadderError, match=r"\.$"):
        Gateway.open(Settings(data=tmp_path / "gateway", ladder=tmp_path / "ladder.yaml"))
