import json

import pytest

from tocsin.cli.audit import command
from tocsin.evidence.audit import write_export
from tocsin.evidence.keys import DeviceKey
from tocsin.evidence.merkle import leaf_hash, root
from tocsin.evidence.notes import Checkpoint, Signer, sign_checkpoint

TEXTS = [json.dumps({"seq": n}) for n in range(9)]
SIGNER = Signer("log.example", DeviceKey.from_seed(bytes(32)))
VKEY = SIGNER.verifier.vkey


def note(texts):
    leaves = [leaf_hash(text.encode()) for text in texts]
    return sign_checkpoint(Checkpoint("log.example", len(leaves), root(leaves)), SIGNER)


@pytest.fixture
def export(tmp_path):
    """The folder ``export`` with nine entries."""
    write_export(tmp_path / "export", TEXTS, note(TEXTS), [note(TEXTS[:4])], [VKEY])
    return tmp_path / "export"


def test_an_honest_export_exits_0_and_says_what_was_not_checked(run, export, tmp_path):
    (tmp_path / "kept").write_text(note(TEXTS[:4]))
    said = run("verify", "export", "--key", VKEY, "--earlier", "kept").stdout
    assert "9 entries are exactly those that log.example signed" in said
    assert "No --" not in said
    said = run("verify", "export").stdout
    assert "No --key" in said
    assert "No --earlier" in said
    (tmp_path / "key").write_text(f"# the log's key\n{VKEY}\n")
    assert "No --key" not in run("verify", "export", "--key", "key").stdout


def test_an_altered_export_exits_2_and_says_where(run, export):
    path = export / "entries.jsonl"
    path.write_text(path.read_text().replace('"seq": 6', '"seq": 7'))
    result = run("verify", "export", "--key", VKEY, code=2)
    assert "Where entry 6 should stand, an entry has number 7" in result.stderr
    found = json.loads(run("verify", "export", "--key", VKEY, "--json", code=2).stdout)
    assert found["ok"] is False
    assert found["problems"]


def test_a_rollback_shows_with_the_checkpoint_that_was_kept(run, export, tmp_path):
    (tmp_path / "kept").write_text(note([*TEXTS, "{}"]))
    assert "rolled back" in run("verify", "export", "--key", VKEY, "--earlier", "kept", code=2).stderr


def test_what_cannot_be_verified_exits_2(run, export):
    assert "not there" in run("verify", "nothing", code=2).stderr
    assert "verifier key" in run("verify", "export", "--key", "a+b+c", code=2).stderr
    assert "cannot be read" in run("verify", "export", "--key", "nokey", code=2).stderr
    assert "unpack it" in run("verify", "export.zip", code=2).stderr


def test_a_receipt_proves_one_entry_by_itself(run, export, tmp_path):
    run("receipt", "export", "6", "--out", "r.tlog-proof")
    proof = ("verify", "r.tlog-proof", "--key", VKEY)
    assert "is entry 6 of the 9 entries" in run(*proof, "--entry", "r.tlog-proof.entry").stdout
    (tmp_path / "other").write_text(TEXTS[5])
    assert "does not show" in run(*proof, "--entry", "other", code=2).stderr
    assert "needs --key" in run("verify", "r.tlog-proof", code=2).stderr
    assert "No receipt" in run("receipt", "export", "9", "--out", "s.tlog-proof", code=2).stderr


def test_a_real_hub_exports_its_log_and_the_export_is_itself_logged(run, tmp_path):
    from tocsin.hub import audit
    from tocsin.hub.hub import Hub
    from tocsin.hub.settings import HubSettings

    hub = Hub.open(HubSettings(data=tmp_path / "data"))
    with hub.store.session() as session:
        audit.record(session, "p1", audit.CONSULTATION, "alert:a", reason="line 4")
    kept, vkey = hub.log.checkpoint(hub.store, hub.clock.now()), hub.log.vkey
    hub.close()
    (tmp_path / "kept").write_text(kept)
    made = json.loads(run("export", "--data", "data", "--out", "x", "--reason", "inspection", "--json").stdout)
    assert made["entries"] == 2
    assert made["key"] == vkey
    assert "2 entries" in run("verify", "x", "--key", vkey, "--earlier", "kept").stdout
    last = json.loads((tmp_path / "x" / "entries.jsonl").read_text().splitlines()[-1])
    assert (last["action"], last["reason"]) == ("export", "inspection")


def test_a_folder_that_is_no_hubs_is_left_alone(run, tmp_path):
    (tmp_path / "data").mkdir()
    assert "not the data folder" in run("export", "--data", "data", "--out", "x", "--reason", "r", code=2).stderr
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize("name", [None, *command.commands])
def test_help_has_an_example(run, name):
    assert "Example:" in run(*([name] if name else []), "--help").output
