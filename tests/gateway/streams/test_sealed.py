"""Sealing to a folder: only the recipients read it, and its name is its digest."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from tocsin.detectors import LiveStream, making
from tocsin.evidence.sealing import Attachment, SealingError, new_identity, open_sealed
from tocsin.gateway.streams.sealed import SealedFolder


def test_a_finding_and_its_piece_are_sealed(tmp_path: Path) -> None:
    identity, recipient = new_identity()
    (example,) = [one for one in LiveStream.examples() if one.name == "one listed frame is noted"]
    (finding,) = LiveStream().examine(example.seen[0])
    folder = SealedFolder(tmp_path / "new", (recipient,))
    told = folder.record(finding, example.seen[0], [Attachment("a.ts", "video/mp2t", b"\x47piece")], {"looked": 9})
    data = Path(told["path"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == told["sha256"] == Path(told["path"]).stem
    document = open_sealed(data, [identity])
    assert document["finding"]["why"] == finding.why
    assert document["facts"]["looked"] == 9
    assert folder.records


def test_a_recipient_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SealingError):
        SealedFolder(tmp_path, ("nobody",))
    assert replace(making.observation(None), id="x").id == "x"
