import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.evidence.audit import AuditError, verify_export, write_export
from tocsin.evidence.keys import DeviceKey
from tocsin.evidence.notes import Signer

TEXTS = [json.dumps({"seq": n, "actor": "p1", "action": "consultation"}) for n in range(20)]


@pytest.fixture
def export(tmp_path, checkpoint_of, log):
    """An export of 20 entries with checkpoints at 5, 12 and 20."""
    folder = tmp_path / "export"
    earlier = [checkpoint_of(TEXTS[:n]) for n in (5, 12, 20)]
    write_export(folder, TEXTS, checkpoint_of(TEXTS), earlier, [log.verifier.vkey])
    return folder


def rewrite(folder, texts):
    (folder / "entries.jsonl").write_text("".join(text + "\n" for text in texts))


def test_an_honest_export_verifies_offline(export, log, checkpoint_of):
    report = verify_export(export, log.verifier.vkey, checkpoint_of(TEXTS[:7]))
    assert report.ok
    assert (report.entries, report.earlier_checked, report.trusted) == (20, 3, True)


def test_a_key_from_the_export_itself_is_not_trust(export):
    report = verify_export(export, None)
    assert report.ok
    assert not report.trusted


@settings(max_examples=60)
@given(data=st.data())
def test_any_flipped_bit_is_found(tmp_path_factory, checkpoint_of, log, data):
    folder = tmp_path_factory.mktemp("flip") / "export"
    write_export(folder, TEXTS, checkpoint_of(TEXTS))
    raw = bytearray((folder / "entries.jsonl").read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (folder / "entries.jsonl").write_bytes(raw)
    assert not verify_export(folder, log.verifier.vkey).ok


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (TEXTS[:-1], "1 entry of the 20 signed cannot"),
        (TEXTS[:3] + TEXTS[4:], "Where entry 3 should stand, an entry has number 4"),
        (TEXTS[1:], "cannot be found"),
        ([*TEXTS[:7], TEXTS[8], TEXTS[7], *TEXTS[9:]], "Where entry 7 should stand, an entry has number 8"),
        ([*TEXTS[:7], TEXTS[7], *TEXTS[7:]], "Where entry 8 should stand"),
        ([*TEXTS, json.dumps({"seq": 20})], "1 entry at the end, not covered"),
        ([*TEXTS[:15], TEXTS[15].replace("p1", "p2"), *TEXTS[16:]], "the first 12 are sound"),
        ([*TEXTS[:2], "not json", *TEXTS[3:]], "Where entry 2 should stand, an entry cannot be read"),
        ([], "20 entries of the 20 signed cannot"),
    ],
)
def test_dropped_reordered_inserted_and_altered_entries_are_found(export, log, texts, says):
    rewrite(export, texts)
    report = verify_export(export, log.verifier.vkey)
    assert not report.ok
    assert any(says in problem for problem in report.problems), report.problems


def test_a_fork_shows_by_an_earlier_checkpoint_even_if_the_log_signs_it(export, log, checkpoint_of):
    kept = checkpoint_of(TEXTS[:7])
    forked = [text.replace("p1", "p2") for text in TEXTS]
    rewrite(export, forked)
    (export / "checkpoint").write_text(checkpoint_of(forked))
    for file in (export / "checkpoints").iterdir():
        file.unlink()
    assert verify_export(export, log.verifier.vkey).ok
    report = verify_export(export, log.verifier.vkey, kept)
    assert any("forked: its first 7 entries" in problem for problem in report.problems)


def test_a_rollback_shows_by_an_earlier_checkpoint(export, log, checkpoint_of):
    kept = checkpoint_of(TEXTS[:17])
    rewrite(export, TEXTS[:10])
    (export / "checkpoint").write_text(checkpoint_of(TEXTS[:10]))
    report = verify_export(export, log.verifier.vkey, kept)
    assert any("rolled back: it had 17 entries before and has 10 now" in problem for problem in report.problems)
    assert any("it was rolled back" in problem for problem in verify_export(export, log.verifier.vkey).problems)


def test_the_three_lines_from_paper_serve_as_an_earlier_checkpoint(export, log, checkpoint_of):
    paper = checkpoint_of(TEXTS[:7]).partition("\n\n")[0]
    assert verify_export(export, log.verifier.vkey, paper).ok
    assert not verify_export(export, log.verifier.vkey, paper.replace("\n7\n", "\n8\n")).ok


def test_another_logs_checkpoint_or_key_does_not_pass(export, log, checkpoint_of):
    other = Signer("other.example", DeviceKey.generate())
    assert not verify_export(export, other.verifier.vkey).ok
    paper = checkpoint_of(TEXTS[:7], other).partition("\n\n")[0]
    assert any("other.example" in problem for problem in verify_export(export, log.verifier.vkey, paper).problems)
    with pytest.raises(AuditError, match="earlier checkpoint is refused"):
        verify_export(export, log.verifier.vkey, checkpoint_of(TEXTS[:7], other))


def test_a_checkpoint_that_was_altered_is_refused(export, log):
    note = (export / "checkpoint").read_text()
    (export / "checkpoint").write_text(note.replace("\n20\n", "\n19\n"))
    report = verify_export(export, log.verifier.vkey)
    assert any("checkpoint is refused" in problem for problem in report.problems)
    assert report.checkpoint is None


def test_a_witness_is_named_with_its_time(export, log, witness):
    note = (export / "checkpoint").read_text()
    (export / "checkpoint").write_text(witness.cosign(note, 1767225600))
    report = verify_export(export, log.verifier.vkey, witnesses=[witness.witness.vkey])
    assert report.ok
    assert report.witnesses == ((witness.name, 1767225600),)


@pytest.mark.parametrize("missing", ["entries.jsonl", "checkpoint"])
def test_what_cannot_be_read_is_said(export, log, missing):
    (export / missing).unlink()
    with pytest.raises(AuditError, match="cannot be read"):
        verify_export(export, log.verifier.vkey)


def test_a_cut_off_or_oversized_entry_is_found(export, log):
    path = export / "entries.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    assert any("cut off" in problem for problem in verify_export(export, log.verifier.vkey).problems)
    path.write_bytes(b"x" * 100_000 + b"\n")
    assert any("larger than" in problem for problem in verify_export(export, log.verifier.vkey).problems)


def test_an_export_is_never_written_over_another(export, checkpoint_of):
    with pytest.raises(AuditError, match="not empty"):
        write_export(export, TEXTS, checkpoint_of(TEXTS))
    with pytest.raises(AuditError, match="line break"):
        write_export(export / "new", ["a\nb"], checkpoint_of(TEXTS))


def test_bad_keys_are_refused(export, log, witness):
    for key in ("junk", witness.witness.vkey):
        with pytest.raises(AuditError):
            verify_export(export, key)
    (export / "keys.txt").write_text("# none\n")
    with pytest.raises(AuditError, match="0 were given"):
        verify_export(export, None)
