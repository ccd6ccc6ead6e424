import contextlib
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.evidence.journal import Head, check, from_dict
from tocsin.evidence.keys import DeviceKey
from tocsin.model import Entry, EntryKind
from tocsin.placement.chain import Bounds
from tocsin.placement.journal import Journal
from tocsin.placement.segments import START, Point


def hub_accepts(entries, key, head=None):
    """Admit entries as a hub would, and return its head."""
    head = head or Head()
    for entry in entries:
        head = check(from_dict(json.loads(json.dumps(entry.as_dict()))), head, key.public, "device-1")
    return head


def note(journal: Journal, n: int, kind: EntryKind = EntryKind.FINDING) -> Entry | None:
    return journal.append(kind, {"n": n, "pad": "x" * 200})


def numbers(entries):
    return [e.body["n"] for e in entries if "n" in e.body]


def gaps(entries):
    return [e.body for e in entries if e.kind == EntryKind.GAP]


def test_entries_form_a_chain_that_the_hub_admits_across_segments_and_reopening(open_journal, device_key):
    journal = open_journal()
    for n in range(40):
        assert note(journal, n) is not None
    journal.close()
    again = open_journal()
    note(again, 40)
    assert numbers(again.pending_entries()) == list(range(41))
    assert hub_accepts(again.pending_entries(), device_key).seq == 41


def test_a_lease_is_committed_rolled_back_or_replayed_after_a_crash(open_journal):
    journal = open_journal()
    for n in range(5):
        note(journal, n)
    lease = journal.lease(entries=2)
    with pytest.raises(RuntimeError):
        journal.lease()
    journal.rollback(lease)
    lease = journal.lease(entries=3)
    assert numbers(journal.commit(lease)) == [0, 1, 2]
    journal.lease()
    journal.close()
    assert numbers(open_journal().pending_entries()) == [3, 4]


def test_a_partly_accepted_lease_keeps_the_rest(open_journal):
    journal = open_journal()
    for n in range(5):
        note(journal, n)
    lease = journal.lease()
    assert numbers(journal.commit(lease, upto=2)) == [0, 1]
    assert numbers(journal.pending_entries()) == [2, 3, 4]


def test_the_bound_refuses_counts_and_tells_in_a_signed_gap_entry(open_journal, clock, device_key):
    journal = open_journal()
    sent, refused = [], 0
    for n in range(300):
        clock.move(1)
        refused += note(journal, n) is None
    assert refused > 100
    entries = journal.pending_entries()
    told = sum(g["counts"].get("finding", 0) for g in gaps(entries))
    untold = (journal.untold or {"counts": {}})["counts"].get("finding", 0)
    assert told + untold == refused
    assert gaps(entries)[0]["reason"] == "overflow"
    head = hub_accepts(entries, device_key)
    while lease := journal.lease():
        sent += journal.commit(lease)
    note(journal, 999)
    assert hub_accepts(journal.pending_entries(), device_key, head).seq == journal.head.seq
    everything = [*sent, *journal.pending_entries()]
    assert sum(g["counts"].get("finding", 0) for g in gaps(everything)) == refused
    assert len(numbers(everything)) == 301 - refused


def test_heartbeats_leave_the_last_tenth_to_findings(open_journal):
    journal = open_journal()
    n = 0
    while note(journal, n, EntryKind.HEARTBEAT):
        n += 1
    assert note(journal, n, EntryKind.FINDING) is not None


def test_a_full_disk_refuses_counts_and_recovers(open_journal, disk, clock, device_key):
    journal = open_journal()
    disk.full = True
    refused = 0
    for n in range(60):
        clock.move(1)
        refused += note(journal, n) is None
    assert refused
    assert gaps(journal.pending_entries()), "the first refusal is told at once, from the space kept for it"
    disk.full = False
    clock.move(1)
    assert note(journal, 1000) is not None
    entries = journal.pending_entries()
    assert sum(g["counts"]["finding"] for g in gaps(entries)) == refused
    assert {g["reason"] for g in gaps(entries)} == {"disk-full"}
    assert all(g["bytes"] > 0 and g["since"] <= g["until"] for g in gaps(entries))
    hub_accepts(entries, device_key)


def test_what_was_refused_survives_a_kill(open_journal, disk, clock):
    journal = open_journal()
    disk.full = True
    refused = sum(note(journal, n) is None for n in range(60))
    told = sum(g["counts"]["finding"] for g in gaps(journal.pending_entries()))
    assert told < refused
    again = open_journal()
    disk.full = False
    clock.move(1)
    note(again, 1)
    assert sum(g["counts"]["finding"] for g in gaps(again.pending_entries())) == refused


def test_a_failed_sync_gives_no_sequence_number(open_journal, disk, device_key):
    journal = open_journal()
    note(journal, 1)
    disk.broken_sync = True
    assert note(journal, 2) is None
    disk.broken_sync = False
    note(journal, 3)
    journal.close()
    entries = open_journal().pending_entries()
    assert numbers(entries) == [1, 3]
    assert sum(g["counts"]["finding"] for g in gaps(entries)) == 1
    hub_accepts(entries, device_key)


def test_a_damaged_spool_is_set_aside_and_what_can_be_read_goes_on(open_journal, tmp_path, device_key):
    journal = open_journal()
    for n in range(40):
        note(journal, n)
    journal.commit(journal.lease(entries=3))
    journal.close()
    victim = sorted((tmp_path / "journal/spool").glob("*.seg"))[1]
    data = bytearray(victim.read_bytes())
    data[3000] ^= 1
    victim.write_bytes(data)
    again = open_journal()
    entries = again.pending_entries()
    assert numbers(entries) == [n for n in range(3, 40) if n in numbers(entries)]
    assert len(numbers(entries)) == 36
    assert gaps(entries)[-1]["reason"] == "spool-corrupt"
    assert gaps(entries)[-1]["counts"] == {"unknown": 1}
    assert list(tmp_path.glob("journal/set-aside-*/*.seg"))
    assert again.warnings
    assert entries[0].prev == again.acknowledged.hash
    assert note(again, 41) is not None


@pytest.mark.parametrize("harm", ["header", "zero", "delete-one", "delete-all", "delete-folder", "index", "noise"])
def test_no_harm_to_the_spool_stops_the_agent_or_passes_in_silence(open_journal, tmp_path, harm, device_key):
    journal = open_journal()
    for n in range(40):
        note(journal, n)
    journal.commit(journal.lease(entries=1))
    journal.close()
    spool = tmp_path / "journal/spool"
    files = sorted(spool.glob("*.seg"))
    match harm:
        case "header":
            files[0].write_bytes(b"\x07" * 20 + files[0].read_bytes()[20:])
        case "zero":
            files[1].write_bytes(bytes(8192))
        case "delete-one":
            files[1].unlink()
        case "delete-all":
            for path in files:
                path.unlink()
        case "delete-folder":
            for path in spool.iterdir():
                path.unlink()
            spool.rmdir()
        case "index":
            (spool / "current").write_text("many")
        case "noise":
            files[-1].write_bytes(b"\xff" * 100)
    again = open_journal()
    assert note(again, 99) is not None
    entries = again.pending_entries()
    assert gaps(entries)[-1]["reason"] == "spool-corrupt"
    head = Head(again.acknowledged.seq, again.acknowledged.hash)
    hub_accepts(entries, device_key, head)


def test_entries_forged_in_the_spool_are_never_signed_anew(open_journal, tmp_path, device_key):
    journal = open_journal()
    note(journal, 1)
    forged = Journal(tmp_path / "other", DeviceKey.generate(), "device-1", journal._clock, "b")
    note(forged, 666)
    forged_payload = next(iter(forged._chain.after(0)))[1]
    segment = journal._chain.segments[-1]
    segment.append(journal._disk, forged_payload)
    journal.close()
    again = open_journal()
    again.rechain(Point(7, "a" * 64), "fork")
    assert numbers(again.pending_entries()) == [1]
    assert "unknown" in {k for g in gaps(again.pending_entries()) for k in g["counts"]} | set(
        (again.untold or {"counts": {}})["counts"]
    )
    forged.close()


def test_where_the_hub_has_another_head_the_pending_entries_follow_it(open_journal, device_key, clock):
    journal = open_journal()
    for n in range(5):
        note(journal, n)
    hub = Point(77, "c" * 64)
    journal.rechain(hub, "fork")
    entries = journal.pending_entries()
    assert entries[0].seq == 78
    assert entries[0].prev == hub.hash
    assert numbers(entries) == [0, 1, 2, 3, 4]
    assert gaps(entries)[0]["reason"] == "spool-corrupt"
    hub_accepts(entries, device_key, Head(77, "c" * 64, boot=entries[0].boot.split(".")[0], mono_ns=2**52))
    journal.close()
    assert numbers(open_journal().pending_entries()) == [0, 1, 2, 3, 4]


def test_a_hub_restored_from_a_backup_is_sent_again_what_it_lost(open_journal):
    journal = open_journal()
    points = []
    for n in range(8):
        note(journal, n)
        points.append(journal.head)
    journal.commit(journal.lease())
    assert journal.knows(points[3])
    journal.resume_at(points[3])
    assert numbers(journal.pending_entries()) == [4, 5, 6, 7]
    journal.resume_at(START)
    assert numbers(journal.pending_entries()) == list(range(8))


def test_an_entry_refused_for_good_is_buried_counted_and_kept(open_journal, tmp_path, device_key):
    journal = open_journal()
    for n in range(4):
        note(journal, n)
    journal.commit(journal.lease(entries=1))
    seq, digest = journal.first_pending()
    journal.bury(seq, 409, "malformed: because")
    entries = journal.pending_entries()
    assert numbers(entries) == [2, 3]
    letter = entries[-1]
    assert (letter.kind, letter.body["entry_hash"], letter.body["refused_seq"]) == ("dead-letter", digest, 2)
    assert json.loads((tmp_path / f"journal/dead-letter/{digest}.json").read_text())["body"]["n"] == 1
    head = Head(journal.acknowledged.seq, journal.acknowledged.hash)
    hub_accepts(entries, device_key, head)


def test_an_entry_too_large_is_counted_not_lost_in_silence(open_journal):
    journal = open_journal()
    assert journal.append(EntryKind.WARNING, {"pad": "x" * 70_000}) is None
    note(journal, 1)
    assert gaps(journal.pending_entries())[0]["counts"] == {"warning": 1}


steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 900)),
        st.tuples(st.just("lease"), st.integers(1, 6)),
        st.tuples(st.just("commit"), st.integers(0, 6)),
        st.tuples(st.just("rollback"), st.just(0)),
        st.tuples(st.just("reopen"), st.just(0)),
        st.tuples(st.just("kill"), st.just(0)),
        st.tuples(st.just("cut"), st.integers(0, 14_000)),
        st.tuples(st.just("full"), st.booleans()),
    ),
    max_size=60,
)


@settings(max_examples=120, deadline=None)
@given(steps)
def test_nothing_is_lost_silently_whatever_happens_in_whatever_order(script):
    import importlib.util

    spec = importlib.util.spec_from_file_location("placement_fakes", Path(__file__).parents[1] / "conftest.py")
    fakes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fakes)
    with tempfile.TemporaryDirectory() as folder:
        _play(script, Path(folder), fakes)


def _play(script, folder, fakes):
    key, clock, disk = DeviceKey.from_seed(bytes(range(32))), fakes.FakeClock(), fakes.FaultyDisk()
    bounds = Bounds(segment=6144, total=4 * 6144, reserve=1500, history=1)

    def open_():
        disk.full, disk.cut_after = False, None
        return Journal(folder / "j", key, "device-1", clock, fakes.BOOT, bounds, disk)

    journal, lease, head = open_(), None, Head()
    kept, refused, in_flight, hub = [], 0, 0, []

    def deliver(entries):
        nonlocal head
        fresh = [e for e in entries if e.seq > head.seq]
        head = hub_accepts(fresh, key, head)
        hub.extend(fresh)

    def abandon():
        for segment in journal._chain.segments:
            with contextlib.suppress(OSError):
                segment.close()

    for number, (step, value) in enumerate(script):
        clock.move(7)
        try:
            match step:
                case "append":
                    done = journal.append(EntryKind.FINDING, {"n": number, "pad": "x" * value})
                    if done is None:
                        refused += 1
                    else:
                        kept.append(number)
                case "lease" if lease is None:
                    lease = journal.lease(entries=value)
                    if lease:
                        deliver([Entry(**json.loads(p)) for p in lease.payloads])
                case "commit" if lease is not None:
                    journal.commit(lease, min(lease.last, lease.first + value))
                    lease = None
                case "rollback" if lease is not None:
                    journal.rollback(lease)
                    lease = None
                case "reopen":
                    journal.close()
                    journal, lease = open_(), None
                case "kill":
                    abandon()
                    journal, lease = open_(), None
                case "cut":
                    disk.cut_after = value
                case "full":
                    disk.full = value
        except fakes.PowerCut:
            in_flight += step == "append"
            abandon()
            journal, lease = open_(), None
    abandon()
    journal = open_()
    clock.move(100)
    journal.tell_gap()
    while lease := journal.lease():
        deliver(journal.commit(lease))
        journal.tell_gap()
    at_hub = [e.body["n"] for e in hub if e.kind == EntryKind.FINDING]
    told = sum(e.body["counts"].get("finding", 0) for e in hub if e.kind == EntryKind.GAP)
    untold = (journal.untold or {"counts": {}})["counts"].get("finding", 0)
    journal.close()
    assert set(kept) <= set(at_hub), "an entry that was recorded never reached the hub"
    assert len(at_hub) == len(set(at_hub)), "an entry reached the hub under two sequence numbers"
    assert len(at_hub) - len(kept) <= in_flight
    assert told + untold >= refused - in_flight
    assert told + untold <= refused + in_flight
