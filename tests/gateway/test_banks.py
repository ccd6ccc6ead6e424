import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, wait

import pytest
from sqlalchemy import select, update

from tocsin.gateway import banks as banks_module
from tocsin.gateway.bank_jobs import Job, NewContent
from tocsin.gateway.banks_tables import Content
from tocsin.gateway.gateway import Gateway
from tocsin.gateway.refusals import Refused
from tocsin.gateway.settings import Settings
from tocsin.matching.lists import Entry


def found(api, code, **more):
    return api.get("/m/lookup", params={"signal": code, "signal_type": "pdq"} | more).json()


def test_many_changes_at_once_are_written_together_and_all_seen(api):
    api.post("/c/banks", json={"name": "BANK_A"})
    banks = api.gateway.banks
    codes = [f"{n:02x}" * 32 for n in range(120)]
    added = [banks.add("BANK_A", NewContent(signals={"pdq": one})) for one in codes]
    wait(added)
    numbers = [one.result() for one in added]
    assert len(set(numbers)) == 120
    gone = [banks.take_out("BANK_A", number) for number in numbers[:60]]
    wait(gone)
    assert {one.result() for one in gone} == {1}
    bank = api.gateway.catalogue.bank("BANK_A")
    assert bank.list.view.entries == 60
    assert bank.list.view.state.version < 60


def states(api):
    with api.gateway.store.reading() as session:
        return {row.id: row.state for row in session.scalars(select(Content))}


def test_each_of_many_callers_is_told_what_became_of_its_change(api):
    api.post("/c/banks", json={"name": "BANK_A"})
    api.post("/c/banks", json={"name": "BANK_B"})
    banks = api.gateway.banks
    first, other = (banks.add(name, NewContent(signals={"pdq": "0f" * 32})) for name in ("BANK_A", "BANK_B"))
    held = threading.Event()
    banks._jobs.put(Job(0, Future(), work=held.wait))  # what comes now waits, and is written together
    asked = [banks.take_out("BANK_A", one) for one in (first.result(60), first.result(), other.result(60), 999)]
    late = banks.add("BANK_A", NewContent(signals={"pdq": "1e" * 32}))
    held.set()
    assert [one.result(60) for one in asked] == [1, 0, 0, 0]
    assert set(found(api, "1e" * 32)["BANK_A"][0].items()) >= {("bank_content_id", late.result(60))}
    assert set(found(api, "0f" * 32)) == {"BANK_B"}


def test_the_store_says_what_the_list_holds_when_nothing_more_is_written(serving, monkeypatch):
    monkeypatch.setattr(banks_module, "SETTLE_S", 0.01)
    api = serving()
    api.post("/c/banks", json={"name": "BANK_A"})
    kept, gone = (api.post("/c/bank/BANK_A/signal", json={"pdq": one * 64}).json()["id"] for one in ("a", "b"))
    api.delete(f"/c/bank/BANK_A/content/{gone}")
    end = time.monotonic() + 60
    while states(api) != {kept: "live"} and time.monotonic() < end:
        time.sleep(0.01)
    assert states(api) == {kept: "live"}


def test_the_store_says_what_the_list_holds_after_the_end(serving):
    api = serving()
    api.post("/c/banks", json={"name": "BANK_A"})
    kept, gone = (api.post("/c/bank/BANK_A/signal", json={"pdq": one * 64}).json()["id"] for one in ("a", "b"))
    api.delete(f"/c/bank/BANK_A/content/{gone}")
    api.gateway.banks.close()
    assert states(api) == {kept: "live"}


CHANGING = """
import sys, time
from pathlib import Path
from tocsin.gateway.bank_jobs import NewContent
from tocsin.gateway.gateway import Gateway
from tocsin.gateway.settings import Settings
banks = Gateway.open(Settings(data=Path(sys.argv[1]))).banks
def code(number): return number.to_bytes(4, "big").hex() * 8
waiting = []
for number in range(1, 1_000_000):
    waiting.append((number, banks.add("BANK_A", NewContent(signals={"pdq": code(number)}))))
    if number % 5 == 0:
        for one, future in waiting:
            print("added", one, future.result(), flush=True)
        waiting.clear()
        banks.take_out("BANK_A", future.result()).result()
        print("gone", number, 0, flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_no_change_that_was_answered_is_lost_when_the_process_is_killed(tmp_path):
    settings = Settings(data=tmp_path / "gateway")
    gateway = Gateway.open(settings)
    gateway.banks.create("BANK_A")
    gateway.close()
    told = {}
    for run in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", CHANGING, str(settings.data)], stdout=subprocess.PIPE, text=True
        )
        lines = [process.stdout.readline().split() for _ in range(20 + 7 * run)]
        process.kill()
        rest, _ = process.communicate()
        whole = rest.rpartition("\n")[0].splitlines()
        for what, number, _ in [*lines, *(line.split() for line in whole)]:
            told[run, int(number)] = what
        gateway = Gateway.open(settings)
        try:
            view = gateway.catalogue.bank("BANK_A").list.view
            listed = {bytes(one.hashes[0][1]) for one in view.all_entries()}
            with gateway.store.reading() as session:
                rows = list(session.scalars(select(Content)))
        finally:
            gateway.close()
        for (_, number), what in told.items():
            code_ = number.to_bytes(4, "big") * 8
            assert any(bytes.fromhex(row.signals["pdq"]) == code_ for row in rows) or what == "gone"
            assert code_ in listed or what == "gone"
            assert code_ not in listed or what == "added" or run
        assert {row.state for row in rows} == {"live"}
        assert sorted(bytes.fromhex(row.signals["pdq"]) for row in rows) == sorted(
            bytes(one.hashes[0][1]) for one in view.all_entries()
        )


def test_a_radius_is_the_banks_own_and_changes_at_once(api, code, jpeg):
    api.post("/c/banks", json={"name": "NARROW", "radius": 2})
    api.post("/c/banks", json={"name": "WIDE"})
    for name in ("NARROW", "WIDE"):
        api.post(f"/c/bank/{name}/signal", json={"pdq": code(jpeg())})
    near = f"{int(code(jpeg()), 16) ^ 0b11111:064x}"
    assert set(found(api, near)) == {"WIDE"}
    assert api.put("/c/bank/NARROW", json={"radius": 5}).json()["radius"] == 5
    assert set(found(api, near)) == {"NARROW", "WIDE"}
    assert set(found(api, near, radius="4")) == set()


def test_a_negative_bank_silences_and_is_never_told(api, code, jpeg):
    for name, negative in (("KNOWN", False), ("GOOD", True)):
        api.post("/c/banks", json={"name": name, "negative": negative})
        api.post(f"/c/bank/{name}/signal", json={"pdq": code(jpeg())})
    assert found(api, code(jpeg())) == {}
    assert found(api, code(jpeg()), banks="KNOWN") == {}
    raw = api.get("/m/raw_lookup", params={"signal": code(jpeg()), "signal_type": "pdq"}).json()
    assert len(raw["matches"]) == 2
    api.put("/c/bank/GOOD", json={"enabled": False})
    assert set(found(api, code(jpeg()))) == {"KNOWN"}


@pytest.mark.parametrize("state", ["adding", "removing"])
def test_what_a_crash_cut_short_is_finished_at_the_next_start(serving, code, jpeg, state):
    api = serving()
    api.post("/c/banks", json={"name": "BANK_A"})
    number = api.post("/c/bank/BANK_A/signal", json={"pdq": code(jpeg())}).json()["id"]
    if state == "adding":
        api.gateway.banks.take_in("BANK_A", [("x", [Entry(0, id=f"content-{number}", status=1, updated=1)])])
    with api.gateway.store.session() as session:
        session.execute(update(Content).values(state=state))
    serving.stop(api)
    api = serving()
    with api.gateway.store.reading() as session:
        states = list(session.scalars(select(Content.state)))
    assert states == (["live"] if state == "adding" else [])
    assert bool(found(api, code(jpeg()))) is (state == "adding")


def test_a_bank_does_not_grow_by_what_was_taken_out_of_it(serving, monkeypatch):
    api = serving()
    api.post("/c/banks", json={"name": "BANK_A"})
    banks = api.gateway.banks
    elsewhere = [Entry(1, [("pdq", bytes([9] * 32))], id="x-9", status=status, updated=5) for status in (0, 1)]
    for row in elsewhere:
        banks.take_in("BANK_A", [("feed", [row])])
    monkeypatch.setattr(banks_module, "FORGET_S", -10)  # what was taken out is as if long ago
    stays = banks.add("BANK_A", NewContent(signals={"pdq": "0f" * 32})).result(60)
    for n in range(40):
        number = banks.add("BANK_A", NewContent(signals={"pdq": f"{n:02x}" * 32})).result(60)
        assert banks.take_out("BANK_A", number).result(60) == 1
    view = api.gateway.catalogue.bank("BANK_A").list.view
    assert view.entries == 1
    assert sum(part.record.rows for part in view.parts) < 20  # of 82 changes
    assert banks.take_in("BANK_A", [("feed", elsewhere[:1])]).held_back == 1
    serving.stop(api)
    api = serving()
    assert [one["bank_content_id"] for one in found(api, "0f" * 32)["BANK_A"]] == [stays]
    assert found(api, "07" * 32) == {}


def test_a_bank_that_is_made_again_under_its_old_name_is_empty(api, code, jpeg):
    for _ in range(2):
        api.post("/c/banks", json={"name": "BANK_A"})
        assert found(api, code(jpeg())) == {}
        api.post("/c/bank/BANK_A/signal", json={"pdq": code(jpeg())})
        assert set(found(api, code(jpeg()))) == {"BANK_A"}
        api.delete("/c/bank/BANK_A")
    assert list(api.gateway.settings.banks.iterdir()) == []


def test_rows_from_elsewhere_are_taken_in_and_keep_what_their_source_says(api, jpeg, code):
    api.post("/c/banks", json={"name": "BANK_A", "source": "an exchange"})
    row = Entry(
        1, [("pdq", bytes.fromhex(code(jpeg())))], id="x-9", category="A2", scheme="a scheme", source="member 4"
    )
    report = api.gateway.banks.take_in("BANK_A", [("feed", [row])])
    assert report.active == 1
    (match,) = found(api, code(jpeg()))["BANK_A"]
    told = {name: match[name] for name in ("entry", "category", "scheme", "source", "list")}
    assert told == {
        "entry": "x-9", "category": "A2", "scheme": "a scheme", "source": "member 4", "list": "BANK_A",
    }  # fmt: skip


def test_what_cannot_be_read_is_refused_before_anything_is_written(api):
    api.post("/c/banks", json={"name": "BANK_A"})
    nothing = {"md5": "d41d8cd98f00b204e9800998ecf8427e"}  # of an empty file
    for signals in ({}, {"pdq": "x"}, {"nonsense": "0"}, nothing, nothing | {"pdq": "0f" * 32}):
        with pytest.raises(Refused):
            api.gateway.banks.add("BANK_A", NewContent(signals=signals))
    with api.gateway.store.reading() as session:
        assert list(session.scalars(select(Content))) == []


def test_nothing_is_taken_on_after_the_end(serving):
    api = serving()
    api.post("/c/banks", json={"name": "BANK_A"})
    banks = api.gateway.banks
    banks.close()
    with pytest.raises(Refused) as caught:
        banks.add("BANK_A", NewContent(signals={"pdq": "0" * 64}))
    assert caught.value.status == 503


def test_labels_and_terms_are_told_with_the_bank_and_labels_with_its_matches(api, jpeg, code):
    made = api.post("/c/banks", json={"name": "BANK_A", "labels": ["urgent"], "severity": 5, "rings": False}).json()
    assert (made["labels"], made["rings"]) == (["urgent"], False)
    api.post("/c/bank/BANK_A/signal", json={"pdq": code(jpeg())})
    (match,) = found(api, code(jpeg()))["BANK_A"]
    assert (match["labels"], match["severity"]) == (["urgent"], 5)
    assert json.dumps(made)
