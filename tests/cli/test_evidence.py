import json
import os
import stat

import pytest

from tocsin.cli.evidence import command
from tocsin.evidence.sealing import Attachment, key_file, new_identity, seal

PNG = b"\x89PNG\r\n\x1a\n-picture-"
DOCUMENT = {
    "finding": "f-1",
    "title": "Chat \x1b[31mred",
    "why": "asks for secrecy",
    "quotes": [{"text": "don't tell", "speaker": "subject", "spans": [[0, 10]]}],
    "context": [{"text": "hi", "speaker": "other"}, {"text": "don't tell", "speaker": "subject"}],
}


@pytest.fixture
def sealed(tmp_path):
    """Sealed evidence e.age, and k, a key file that opens it."""
    identity, recipient = new_identity()
    found = seal(DOCUMENT, [PNG], [recipient, new_identity()[1]])
    (tmp_path / "e.age").write_bytes(found.data)
    (tmp_path / "k").write_text(key_file(identity))
    return found


def test_the_words_are_shown_and_pictures_only_counted(run, sealed):
    shown = run("open", "e.age", "--key", "k").stdout
    assert "asks for secrecy" in shown
    assert shown.index("hi") < shown.rindex("don't tell")
    assert "1 picture," in shown
    assert sealed.digest in shown.replace("\n", "")


def test_a_strangers_words_cannot_command_the_terminal(run, sealed):
    assert "\x1b[31m" not in run("open", "e.age", "--key", "k").stdout


def test_json_holds_the_document_without_pictures(run, sealed):
    found = json.loads(run("open", "e.age", "--key", "k", "--json").stdout)
    assert found["quotes"] == DOCUMENT["quotes"]
    assert found["pictures"] == 1


def test_out_writes_document_and_pictures_for_the_owner_only(run, sealed, tmp_path):
    run("open", "e.age", "--key", "k", "--out", "x")
    assert (tmp_path / "x" / "picture-1.png").read_bytes() == PNG
    assert json.loads((tmp_path / "x" / "evidence.json").read_text())["finding"] == "f-1"
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o700
    run("open", "e.age", "--key", "k", "--out", "x", code=2)


def test_attached_files_are_listed_and_written_under_harmless_names(run, tmp_path):
    identity, recipient = new_identity()
    files = [Attachment("../../.ssh/keys\x1b[1m", "video/mp4", b"clip"), Attachment("..", "text/plain", b"words")]
    (tmp_path / "e.age").write_bytes(seal(DOCUMENT, (), [recipient], files).data)
    (tmp_path / "k").write_text(key_file(identity))
    assert "2 files, written to a folder with --out" in run("open", "e.age", "--key", "k").stdout
    found = json.loads(run("open", "e.age", "--key", "k", "--json").stdout)
    assert [one["size"] for one in found["files"]] == [4, 5]
    run("open", "e.age", "--key", "k", "--out", "x")
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == [
        "evidence.json",
        "file-1-keys_1m",
        "file-2-unnamed",
    ]
    assert (tmp_path / "x" / "file-1-keys_1m").read_bytes() == b"clip"


def test_a_wrong_key_or_an_altered_file_exits_2_with_a_sentence(run, sealed, tmp_path):
    (tmp_path / "other").write_text(key_file(new_identity()[0]))
    assert "does not open" in run("open", "e.age", "--key", "other", code=2).stderr
    (tmp_path / "bad.age").write_bytes(sealed.data[:-1] + b"!")
    assert "does not open" in run("open", "bad.age", "--key", "k", code=2).stderr
    (tmp_path / "junk").write_bytes(b"\xff\xfe")
    assert "not a key file" in run("open", "e.age", "--key", "junk", code=2).stderr
    assert "cannot be read" in run("open", "none.age", "--key", "k", code=2).stderr


def test_verify_compares_with_what_was_recorded(run, sealed):
    assert "is the file that was recorded" in run("verify", "e.age", "--digest", sealed.digest.upper()).stdout
    assert "not the file" in run("verify", "e.age", "--digest", "0" * 64, code=2).stderr
    assert json.loads(run("verify", "e.age", "--digest", sealed.digest, "--json").stdout)["same"] is True


@pytest.mark.usefixtures("cheap_passphrases")
def test_a_new_key_is_protected_by_a_passphrase_and_opens_with_it(run, tmp_path):
    made = json.loads(run("keygen", "--out", "k", "--json", input="four words of mine\nfour words of mine\n").stdout)
    (tmp_path / "e.age").write_bytes(seal(DOCUMENT, recipients=[made["recipient"]]).data)
    assert b"AGE-SECRET-KEY" not in (tmp_path / "k").read_bytes()
    assert "asks for secrecy" in run("open", "e.age", "--key", "k", input="four words of mine\n").stdout
    assert "passphrase does not open" in run("open", "e.age", "--key", "k", input="guess\n", code=2).stderr


def test_a_key_without_passphrase_is_made_with_a_warning(run, tmp_path):
    result = run("keygen", "--out", "k", "--no-passphrase")
    assert "Warning" in result.stderr
    assert "age1" in result.stdout
    assert (tmp_path / "k").read_text().count("AGE-SECRET-KEY-1") == 1
    run("keygen", "--out", "k", "--no-passphrase", code=2)


def test_a_recovery_key_is_proved_before_it_is_needed(run, tmp_path):
    from tocsin import orders

    officer, recovery, other = new_identity(), new_identity(), new_identity()
    text = orders.template("uk-shpo", example=True, recipient=officer[1], recovery=recovery[1])
    (tmp_path / "s.json").write_text(orders.sign(text, orders.keygen()))
    (tmp_path / "recovery.key").write_text(key_file(recovery[0]))
    (tmp_path / "other.key").write_text(key_file(other[0]))
    assert "(recovery)" in run("test-key", "recovery.key", "--order", "s.json").stdout
    assert json.loads(run("test-key", "recovery.key", "--order", "s.json", "--json").stdout)["opens"] is True
    assert "does not open" in run("test-key", "other.key", "--order", "s.json", code=2).stderr
    assert "Error" in run("test-key", "recovery.key", "--order", "other.key", code=2).stderr


@pytest.mark.parametrize("name", [None, *command.commands])
def test_help_has_an_example(run, name):
    assert "Example:" in run(*([name] if name else []), "--help").output
