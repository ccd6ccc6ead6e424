"""Frames of all streams are looked up together, in order, and a failure is each asker's to hear."""

import asyncio

import pytest

from tocsin.gateway.streams.lookups import Lookups
from tocsin.model import Fingerprints, Match

HIT = Match(list="x", entry="1", by="pdq", distance=0)


def test_what_comes_while_one_is_asked_is_asked_together() -> None:
    batches: list[int] = []

    def ask(batch: list[Fingerprints]) -> list[tuple[Match, ...]]:
        batches.append(len(batch))
        return [(HIT,) if one.format == "hit" else () for one in batch]

    async def all_of() -> list[tuple[Match, ...]]:
        lookups = Lookups(ask)
        asked = [lookups.of(Fingerprints(media="picture", format="hit" * (n % 2))) for n in range(20)]
        found = await asyncio.gather(*asked)
        await lookups.close()
        return list(found)

    assert asyncio.run(all_of()) == [(), (HIT,)] * 10
    assert sum(batches) == 20
    assert len(batches) < 20


def test_a_list_that_cannot_be_read_is_heard_and_the_next_is_asked() -> None:
    answers = iter([ValueError("broken"), [()]])

    def ask(_: list[Fingerprints]) -> list[tuple[Match, ...]]:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def twice() -> tuple[Match, ...]:
        lookups = Lookups(ask)
        with pytest.raises(ValueError, match="broken"):
            await lookups.of(Fingerprints(media="picture"))
        found = await lookups.of(Fingerprints(media="picture"))
        await lookups.close()
        return found

    assert asyncio.run(twice()) == ()
