import json
import os
import stat
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from tocsin.cli.order import TEMPLATES, command


@pytest.fixture
def signed(run, tmp_path):
    """A signed EXAMPLE order, signed.json, by a.key; returns the root."""
    run("new", "uk-shpo", "--example", "--out", "o.yaml")
    root = json.loads(run("keygen", "--out", "a.key", "--json").stdout)["root"]
    run("sign", "o.yaml", "--key", "a.key", "--out", "signed.json")
    return root


def test_templates_offered_are_those_there_are():
    from tocsin import orders

    assert orders.TEMPLATES == TEMPLATES


def test_the_whole_way_from_example_to_verified(run, signed, tmp_path):
    assert "signed by SHA256:" in run("verify", "signed.json").stdout
    assert "compare the fingerprint" in run("verify", "signed.json").stdout
    assert "compare" not in run("verify", "signed.json", "--root", signed).stdout
    found = json.loads(run("verify", "signed.json", "--root", signed, "--json").stdout)
    assert found["state"] == "in-force"
    assert found["trusted"] is True
    if os.name == "posix":
        for name in ("a.key", "o.yaml.officer.key", "o.yaml.recovery.key"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_the_examples_own_keys_open_what_is_sealed_to_it(run, signed, tmp_path):
    from tocsin import orders
    from tocsin.evidence.sealing import identities_in, open_sealed, seal

    order = orders.verify((tmp_path / "signed.json").read_text()).order
    sealed = seal({"finding": "f"}, recipients=order.recipient_keys)
    for role in ("officer", "recovery"):
        identities = identities_in((tmp_path / f"o.yaml.{role}.key").read_text())
        assert open_sealed(sealed.data, identities)["finding"] == "f"


def test_given_recipients_are_used_and_no_keys_are_made(run, tmp_path):
    from tocsin.evidence.sealing import new_identity

    officer, recovery = new_identity()[1], new_identity()[1]
    run("new", "school-aup", "--example", "--recipient", officer, "--recovery", recovery, "--out", "o.yaml")
    assert [one.name for one in tmp_path.iterdir()] == ["o.yaml"]
    assert officer in (tmp_path / "o.yaml").read_text()
    run("new", "school-aup", "--example", "--recipient", "age1junk", "--out", "bad.yaml", code=2)
    assert not (tmp_path / "bad.yaml").exists()
    run("new", "school-aup", "--recipient", officer, "--out", "bad.yaml", code=2)


@pytest.mark.parametrize("template", TEMPLATES)
def test_an_unfilled_template_is_not_signed_and_says_where(run, template, tmp_path):
    run("keygen", "--out", "a.key")
    assert "placeholders" in run("new", template, "--out", "o.yaml").stdout
    result = run("sign", "o.yaml", "--key", "a.key", "--out", "s.json", code=2)
    assert "o.yaml, lines 10, 12," in result.stderr
    assert not (tmp_path / "s.json").exists()
    assert "still to be filled" in run("show", "o.yaml", code=2).stderr


def test_altered_untrusted_unsigned_and_missing_orders_exit_2(run, signed, tmp_path):
    from tocsin import orders

    text = (tmp_path / "signed.json").read_text()
    (tmp_path / "altered.json").write_text(text.replace("Example Crown Court", "Another Court"))
    assert "altered" in run("verify", "altered.json", code=2).stderr
    other = orders.public_key(orders.keygen())
    assert "not an authority" in run("verify", "signed.json", "--root", other, code=2).stderr
    assert "Error" in run("verify", "o.yaml", code=2).stderr
    assert "cannot be read" in run("verify", "none.json", code=2).stderr


@pytest.mark.parametrize(("days", "says"), [(-800, "ended on"), (800, "begins on")])
def test_an_order_outside_its_times_exits_2(run, tmp_path, days, says):
    from tocsin import orders

    key = orders.keygen()
    text = orders.template("uk-shpo", example=True, now=datetime.now(UTC) + timedelta(days=days))
    (tmp_path / "s.json").write_text(orders.sign(text, key))
    assert says in run("verify", "s.json", code=2).stderr


def test_show_tells_a_reader_everything_the_notice_will(run, signed):
    shown = run("show", "signed.json", env={"COLUMNS": "200"}).stdout
    for words in ("EXAMPLE Sexual Harm Prevention Order 1", "SHA256:", "complaints@constabulary.example", "solicitor"):
        assert words in shown
    assert "NOT SIGNED" in run("show", "o.yaml", env={"COLUMNS": "200"}).stdout
    found = json.loads(run("show", "signed.json", "--json").stdout)
    assert found["signed"] is True
    assert found["detectors"] == ["concealment", "conversation", "known-media", "phrases"]
    assert found["order"]["id"] == "EXAMPLE-SHPO-1"


def test_a_key_with_a_passphrase_is_asked_for(run, tmp_path):
    run("new", "uk-shpo", "--example", "--out", "o.yaml")
    run("keygen", "--out", "a.key", "--passphrase", input="secret\nsecret\n")
    assert b"ENCRYPTED" in (tmp_path / "a.key").read_bytes()
    run("sign", "o.yaml", "--key", "a.key", "--out", "s.json", input="secret\n")
    assert (
        "passphrase is wrong"
        in run("sign", "o.yaml", "--key", "a.key", "--out", "t.json", input="guess\n", code=2).stderr
    )


def test_nothing_is_ever_written_over(run, signed, tmp_path):
    before = (tmp_path / "a.key").read_bytes()
    run("keygen", "--out", "a.key", code=2)
    run("new", "uk-shpo", "--example", "--out", "o.yaml", code=2)
    run("sign", "o.yaml", "--key", "a.key", "--out", "signed.json", code=2)
    (tmp_path / "p.yaml.officer.key").write_text("mine")
    run("new", "uk-shpo", "--example", "--out", "p.yaml", code=2)
    assert not (tmp_path / "p.yaml").exists()
    assert (tmp_path / "a.key").read_bytes() == before


def test_a_key_file_that_is_none_is_refused(run, signed, tmp_path):
    (tmp_path / "bad.key").write_text("junk")
    assert "bad.key" in run("sign", "o.yaml", "--key", "bad.key", "--out", "t.json", code=2).stderr


def test_the_schema_is_printed(run):
    assert json.loads(run("schema").stdout)["title"] == "Tocsin order"


@pytest.mark.parametrize("name", [None, *command.commands])
def test_help_has_an_example(run, name):
    assert "Example:" in run(*([name] if name else []), "--help").output


def test_a_document_given_to_verify_is_told_from_a_broken_order(tmp_path):
    document = tmp_path / "order.yaml"
    document.write_text("schema: tocsin/order@1\n")
    done = CliRunner().invoke(command, ["verify", str(document)])
    assert done.exit_code == 2
    assert "not a signed order" in done.output
