"""AES-128 segments: opened as others open them, or refused with a sentence; a key is asked for once."""

import asyncio

import pytest

from tocsin.gateway.streams.decrypting import Keys, LockedError, decrypted
from tocsin.gateway.streams.playlist import Part

KEY = bytes(range(16))
LOCKED = bytes.fromhex("10e179e4a0c1598ee9d4ce4f99b9b0c0")


def test_it_opens_what_openssl_locked() -> None:
    """Made by ``openssl enc -aes-128-cbc -K 000102...0f -iv 00...01``."""
    assert decrypted(LOCKED, KEY, bytes(15) + b"\1") == b"a segment"


@pytest.mark.parametrize("data", [b"", b"x" * 15, b"x" * 32, LOCKED + b"x"])
def test_what_is_not_locked_with_the_key_is_refused(data: bytes) -> None:
    with pytest.raises(LockedError, match=r"\.$"):
        decrypted(data, KEY, bytes(16))


def test_a_key_is_fetched_once_and_anew_when_it_no_longer_opens() -> None:
    asked: list[str] = []
    answers = [bytes(16), KEY]

    async def fetch(url: str) -> bytes:
        asked.append(url)
        return answers[min(len(asked), len(answers)) - 1]

    async def go() -> None:
        keys, part = Keys(fetch), Part("s", None, "k", bytes(15) + b"\1")
        with pytest.raises(LockedError):
            await keys.opened(LOCKED, part)
        for _ in range(3):
            assert await keys.opened(LOCKED, part) == b"a segment"
        for number in range(20):
            with pytest.raises(LockedError):
                await keys.opened(b"x", Part("s", None, f"{number}", bytes(16)))
        assert len(keys._held) <= 8

    asyncio.run(go())
    assert asked[:2] == ["k", "k"]
    assert len(asked) == 22
