"""All streams of a gateway: taken up again after a restart, each end told."""

import asyncio
from pathlib import Path

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
