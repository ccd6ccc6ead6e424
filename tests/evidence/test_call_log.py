import json
import os

import pytest

from tocsin.evidence.call_log import CallLog, CallLogError, is_log, segments, verify_log
from tocsin.evidence.keys import DeviceKey
from tocsin.evidence.notes import Signer

KEY = DeviceKey.from_seed(bytes(32))
SIGNER = Signer("tocsin.gateway/test/core", KEY)


@pytest.fixture
def opened(tmp_path):
    logs = []

    def open_(**more):
        log = CallLog(tmp_path / "log", SIGNER, **more)
        logs.append(log)
        return log

    yield open_
    for log in logs:
        log.close()


def fill(log, count):
    for n in range(count):
        log.write("caller", "lookup", f"pdq {n}", {"matches": {}})


def folder_of(log):
    return log.folder


def test_entries_follow_each_other_and_verify_with_the_key(opened):
    log = opened()
    fill(log, 50)
    log.close()
    found = verify_log(log.folder, SIGNER.verifier.vkey)
    assert (found.ok, found.entries, found.signed, found.trusted) == (True, 50, 50, True)
    first, second = (json.loads(line) for line in (log.folder / "000001.jsonl").read_text().splitlines()[:2])
    assert (first["seq"], first["call"]) == (0, ["caller", "lookup", "pdq 0"])
    assert second["prev"] != first["prev"]


def test_a_log_verifies_while_it_is_written_to_and_what_is_not_signed_yet_is_chained(opened):
    log = opened()
    fill(log, 10)
    log.checkpoint()
    fill(log, 5)
    found = verify_log(log.folder)
    assert (found.ok, found.entries, found.signed, found.trusted) == (True, 15, 10, False)


def test_it_goes_on_after_a_stop_and_after_a_kill(opened):
    log = opened()
    fill(log, 10)
    log.close()
    log = opened()
    fill(log, 10)
    os.close(log._handle)  # killed: nothing signed since
    log._stop.set()
    again = opened()
    assert again.size == 20
    fill(again, 1)
    again.close()
    assert (verify_log(log.folder).ok, verify_log(log.folder).signed) == (True, 21)


def test_half_a_last_entry_is_taken_away_at_the_next_start(opened):
    log = opened()
    fill(log, 3)
    log.close()
    with (log.folder / "000001.jsonl").open("ab") as file:
        file.write(b'{"seq":3,"at"')
    again = opened()
    assert again.size == 3
    fill(again, 1)
    again.close()
    assert verify_log(log.folder).entries == 4


def test_a_full_segment_is_followed_by_the_next_and_an_old_one_may_go(opened):
    log = opened(segment_bytes=2000)
    fill(log, 60)
    log.close()
    names = [path.name for path in segments(log.folder)]
    assert len(names) > 3
    assert verify_log(log.folder).entries == 60
    (log.folder / names[0]).unlink()
    found = verify_log(log.folder)
    assert found.ok
    assert 0 < found.entries < 60
    again = opened(segment_bytes=2000)
    fill(again, 10)
    again.close()
    assert verify_log(log.folder).ok


@pytest.mark.parametrize("state", [b"", b"{}", b"nonsense", b'{"size": 999, "edge": [], "prev": "", "segment": 1}'])
def test_a_lost_state_is_found_again_from_the_entries(opened, state):
    log = opened()
    fill(log, 7)
    log.close()
    (log.folder / "state.json").write_bytes(state)
    again = opened()
    assert again.size == 7
    again.close()
    assert verify_log(log.folder).ok


def changed(data, how):
    lines = data.splitlines(keepends=True)
    match how:
        case "flip":
            return data.replace(b"pdq 3", b"pdq 4", 1)
        case "drop":
            return b"".join(lines[:3] + lines[4:])
        case "swap":
            return b"".join([*lines[:3], lines[4], lines[3], *lines[5:]])
        case "insert":
            return b"".join([*lines[:3], lines[2], *lines[3:]])
        case "cut":
            return b"".join(lines[:-2])
        case _:
            return data[:-7] + b"\n"


@pytest.mark.parametrize("how", ["flip", "drop", "swap", "insert", "cut", "tail"])
def test_whatever_is_altered_shows(opened, how):
    log = opened()
    fill(log, 9)
    log.close()
    path = log.folder / "000001.jsonl"
    path.write_bytes(changed(path.read_bytes(), how))
    found = verify_log(log.folder)
    assert not found.ok
    assert found.problems[0].endswith((".", "does."))


def test_a_log_signed_anew_after_a_change_does_not_fit_the_checkpoint_that_was_kept(opened, tmp_path):
    log = opened()
    fill(log, 9)
    kept = log.checkpoint()
    log.close()
    forged = CallLog(tmp_path / "forged", SIGNER)
    fill(forged, 8)
    forged.write("somebody else", "lookup", "pdq 8")
    forged.close()
    assert verify_log(forged.folder).ok
    assert not verify_log(forged.folder, earlier=kept).ok
    assert verify_log(log.folder, earlier=kept.split("\n\n")[0]).ok


def test_another_key_is_not_believed(opened):
    log = opened()
    fill(log, 2)
    log.close()
    other = Signer("tocsin.gateway/test/core", DeviceKey.generate())
    with pytest.raises(CallLogError):
        verify_log(log.folder, other.verifier.vkey)


def test_nothing_goes_on_when_the_disk_takes_no_more(opened, monkeypatch):
    log = opened()
    fill(log, 2)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tocsin.evidence.call_log.os.write", full)
    with pytest.raises(CallLogError, match="nothing is answered"):
        fill(log, 1)
    monkeypatch.undo()
    with pytest.raises(CallLogError, match="nothing is answered"):
        fill(log, 1)


def test_an_entry_has_a_longest_length_and_stays_one_line(opened):
    log = opened()
    with pytest.raises(CallLogError):
        log.write("caller", "lookup", "x" * 70_000)
    log.write("caller", "lookup", 'line\nbreak "quoted" \u2028')
    log.close()
    assert verify_log(log.folder).entries == 1


def test_a_log_is_told_from_other_folders(opened, tmp_path):
    assert not is_log(tmp_path)
    assert is_log(opened().folder)
    with pytest.raises(CallLogError):
        verify_log(tmp_path)
