"""Weighing looks: in the order they came, counted whether they matched or not, a failure never silent."""

import asyncio
from collections.abc import Sequence

from tocsin.detectors.ladder import NOTE, RING
from tocsin.detectors.live_stream import LiveStream
from tocsin.gateway.streams.looks import Look
from tocsin.gateway.streams.lookups import Lookups
from tocsin.gateway.streams.weighing import Event, Said, Weighing
from tocsin.model import Fingerprints, Match, NotScanned, Print, SystemClock

HIT = Match(list="x", entry="1", by="pdq", distance=0, severity=4)
LISTED, OTHER = "0f" * 32, "33" * 32


async def no_piece(at: float | None, after: bool) -> NotScanned:
    return NotScanned("unreadable", "nothing held")


def ask(batch: Sequence[Fingerprints]) -> list[tuple[Match, ...]]:
    if any(one.prints[0].hex == "ff" * 32 for one in batch):
        raise ValueError("a list is broken")
    return [(HIT,) if one.prints[0].hex == LISTED else () for one in batch]


def weighed(*hexes: str, said: Sequence[Said] = ()) -> tuple[Weighing, list[Event]]:
    found: list[Event] = []

    async def all_of() -> Weighing:
        lookups = Lookups(ask)
        weighing = Weighing(
            stream="s", shown="rtmp://x", lookups=lookups, detector=LiveStream(), recording=None, clock=SystemClock(),
            piece=no_piece, tell=found.append,
        )  # fmt: skip
        task = asyncio.create_task(weighing.run())
        if said:
            await weighing.said(said)
        for number, text in enumerate(hexes):
            weighing.look(Look(2.0 * number, 1, (Print(text, 90),)))
            await asyncio.sleep(0)
            if text == "ff" * 32:
                while not weighing.failed:
                    await asyncio.sleep(0)
        await weighing.end()
        await task
        await lookups.close()
        return weighing

    return asyncio.run(all_of()), found


def test_looks_are_counted_whether_they_match_or_not() -> None:
    weighing, found = weighed(LISTED, *[OTHER] * 9, LISTED)
    assert weighing.looked == 11
    assert [one.rung for one in found] == [NOTE]


def test_of_a_stream_that_is_over_no_frame_and_no_author_is_held() -> None:
    said = [Said("hello", author=f"viewer-{n}") for n in range(5)]
    weighing, found = weighed(*[LISTED] * 5, said=said)
    assert found
    assert weighing.concerns("viewer-3", for_review=False)
    weighing.forget()
    assert not weighing.concerns("viewer-3", for_review=False)
    assert (weighing._frames, len(weighing._authors)) == ([], 0)


def test_the_same_in_two_near_frames_rings() -> None:
    _, found = weighed(LISTED, OTHER, LISTED)
    assert [one.rung for one in found] == [NOTE, RING]
    assert found[1].at == 4.0


def test_a_frame_that_could_not_be_compared_is_counted_and_the_next_is() -> None:
    weighing, found = weighed("ff" * 32, LISTED)
    assert weighing.failed == 1
    assert [one.rung for one in found] == [NOTE]


def test_the_chat_says_who_to_whom() -> None:
    said = [Said("im 13"), Said("are your parents home right now?", host=True), Said("keep it secret", host=True)]
    _, found = weighed(said=said)
    directions = {signal.name: str(signal.direction) for signal in found[-1].finding.signals}
    assert directions["adults-near"] == "from-subject"
    assert directions["age-under-18"] == "to-subject"


def test_payments_concern_a_stream_by_review_or_by_who_wrote_in_its_chat() -> None:
    weighing, _ = weighed(said=[Said("hello", author="viewer-3")])
    assert weighing.concerns("anyone", for_review=True)
    assert weighing.concerns("viewer-3", for_review=False)
    assert not weighing.concerns("anyone", for_review=False)
