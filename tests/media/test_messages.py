import json
import os
import socket
import struct
import time
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.media import messages
from tocsin.model.media import Fingerprints, Frame, Print
from tocsin.model.observation import NotScanned
from tocsin.model.rect import Rect

FOUND = Fingerprints(
    media="picture",
    md5="0" * 32,
    sha1="1" * 40,
    sha256="2" * 64,
    prints=(Print("a" * 64, 90, "scaled", True, 3, True), Print("e" * 64, 80, "screen", region=Rect(1, 2, 300, 200))),
    frames=(Frame(1.5, "b" * 64, 100, 45),),
    windows=("cd" * 38,),
    format="jpeg",
    reason="unreadable",
    detail="It ends early.",
)


@pytest.fixture
def pair():
    ends = socket.socketpair()
    yield ends
    for end in ends:
        end.close()


@pytest.mark.parametrize("result", [FOUND, Fingerprints(media="other"), NotScanned("time-out", "It took too long.")])
def test_results_arrive_as_they_were_sent(result, pair):
    messages.send(pair[0], messages.told(result))
    assert messages.result_of(messages.receive(pair[1])) == result


def test_a_file_travels_beside_a_message(pair, tmp_path):
    (tmp_path / "a").write_bytes(b"bytes")
    with (tmp_path / "a").open("rb") as file:
        messages.send(pair[0], {"long": "x" * 100_000}, (file.fileno(),))
    message, descriptor = messages.receive_with_file(pair[1])
    with os.fdopen(descriptor, "rb") as file:
        assert file.read() == b"bytes"
    assert len(message["long"]) == 100_000


def test_one_who_has_it_all_and_left_is_no_broken_pipe(pair, tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"bytes")
    send_fds = socket.send_fds

    def answered_at_once(*parts):
        sent = send_fds(*parts)
        _, descriptor = messages.receive_with_file(pair[1])
        os.close(descriptor)
        pair[1].close()
        return sent

    monkeypatch.setattr(socket, "send_fds", answered_at_once)
    with (tmp_path / "a").open("rb") as file:
        messages.send(pair[0], {"short": True}, (file.fileno(),))


def lies():
    honest = asdict(FOUND)
    for field, value in (
        ("media", "clean"),
        ("md5", "x" * 32),
        ("sha256", "2" * 63),
        ("prints", [{"hex": "a"}]),
        ("prints", 7),
        ("frames", [{**asdict(FOUND.frames[0]), "at": float("nan")}]),
        ("frames", [{**asdict(FOUND.frames[0]), "quality": 101}]),
        ("prints", [{**asdict(FOUND.prints[0]), "region": {"x": -1, "y": 0, "w": 1, "h": 1}}]),
        ("prints", [{**asdict(FOUND.prints[0]), "region": [1, 2, 3, 4]}]),
        ("windows", ["zz"]),
        ("reason", "clean"),
        ("detail", 3),
    ):
        yield {"found": {**honest, field: value}}
    yield from ({}, {"none": {"reason": "clean", "detail": ""}}, {"none": []}, {"found": []}, {"found": {}})


@pytest.mark.parametrize("lie", [*lies()])
def test_what_breaks_the_rules_is_not_believed(lie):
    with pytest.raises(messages.MessageError):
        messages.result_of(json.loads(json.dumps(lie)))


def test_a_sentence_is_cut_and_cleaned():
    long = messages.result_of({"none": {"reason": "failed", "detail": "\x1b[31m" + "x" * 9000}})
    assert len(long.detail) == 500
    assert long.detail.isprintable()


def test_noise_silence_and_endings_are_told_apart(pair):
    with pytest.raises(TimeoutError):
        messages.receive(pair[1], time.monotonic() + 0.01)
    pair[0].sendall(struct.pack(">I", messages.MOST + 1))
    with pytest.raises(messages.MessageError):
        messages.receive(pair[1])
    pair[0].sendall(struct.pack(">I", 5) + b"[[[[[")
    with pytest.raises(messages.MessageError):
        messages.receive(pair[1])
    pair[0].close()
    with pytest.raises(messages.EndedError):
        messages.receive(pair[1])


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*asdict(FOUND), "hex", "at"]), inner),
    max_leaves=8,
)


@settings(max_examples=80)
@given(st.dictionaries(st.sampled_from([*asdict(FOUND)]), json_values))
def test_no_answer_is_too_odd(fields):
    try:
        found = messages.result_of({"found": {**asdict(FOUND), **fields}})
    except messages.MessageError:
        return
    assert isinstance(found, Fingerprints)
