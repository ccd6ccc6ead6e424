"""Framing: what goes into the pipe comes out as it went in, with its moment, and ends where it must begin anew."""

import os

from tocsin.gateway.streams.framing import MOST, Chunks, chunk, fresh


def reading(data: bytes) -> Chunks:
    there, here = os.pipe()
    with os.fdopen(here, "wb") as file:
        file.write(data)
    return Chunks(os.fdopen(there, "rb", buffering=0))


def test_bytes_and_moments_come_out_as_they_went_in() -> None:
    chunks = reading(chunk(b"abc", 5) + chunk(b"defg", 9))
    assert chunks.read(2) == b"ab"
    assert chunks.arrived_ns == 5
    assert chunks.read(10) == b"c"
    assert chunks.read(10) == b"defg"
    assert chunks.arrived_ns == 9
    assert chunks.read(10) == b""
    assert chunks.ended


def test_a_mark_ends_one_part_and_the_next_follows() -> None:
    chunks = reading(chunk(b"one", 1) + fresh(2) + chunk(b"two", 3))
    assert chunks.read(9) == b"one"
    assert chunks.read(9) == b""
    assert chunks.read(9) == b""
    assert chunks.go_on()
    assert chunks.read(9) == b"two"
    assert chunks.read(9) == b""
    assert not chunks.go_on()


def test_a_pipe_cut_off_in_the_middle_ends() -> None:
    for cut in (3, 15):
        chunks = reading(chunk(b"abcdef", 1)[:cut])
        assert b"".join(iter(lambda c=chunks: c.read(4), b"")) == b"abcdef"[: max(0, cut - 13)]
        assert chunks.ended


def test_a_chunk_longer_than_any_is_not_read() -> None:
    head = chunk(b"x", 1)[:9] + (MOST + 1).to_bytes(4, "big")
    chunks = reading(head + b"x" * 100)
    assert chunks.read(10) == b""
    assert chunks.ended
