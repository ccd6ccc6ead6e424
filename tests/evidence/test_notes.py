import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.evidence.keys import DeviceKey
from tocsin.evidence.notes import (
    Checkpoint,
    NoteError,
    Signer,
    Verifier,
    open_note,
    parse_checkpoint,
    sign_checkpoint,
    verify_checkpoint,
)

LOG = "log.tocsin.example/agency-17+02f6988b+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
WITNESS = "witness.force-b.example/w1+d141732b+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"


def test_the_worked_example_verifies_and_is_made_again_byte_for_byte(note, log, witness):
    checkpoint, opened = verify_checkpoint(note, Verifier.parse(LOG), [Verifier.parse(WITNESS)])
    assert (checkpoint.origin, checkpoint.size) == ("log.tocsin.example/agency-17", 3)
    assert opened.witnesses == (("witness.force-b.example/w1", 1767225600),)
    assert (log.verifier.vkey, witness.witness.vkey) == (LOG, WITNESS)
    assert witness.cosign(sign_checkpoint(checkpoint, log), 1767225600) == note


def test_the_key_of_the_specification_is_read():
    key = Verifier.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    assert (key.name, key.kind) == ("example.com/foo", 1)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "a+b",
        "a+00000000+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "other+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "a b+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AAAA",
    ],
)
def test_a_mistyped_key_is_refused(vkey):
    with pytest.raises(NoteError):
        Verifier.parse(vkey)


def test_unknown_signatures_are_passed_over_but_a_known_one_must_hold(note, log):
    stranger = Signer("stranger.example", DeviceKey.generate())
    assert verify_checkpoint(stranger.cosign(note, 5), log.verifier)
    with pytest.raises(NoteError, match="No key that is trusted"):
        open_note(note, [stranger.verifier])
    impostor = Signer(log.name, DeviceKey.generate())
    with pytest.raises(NoteError, match="No key that is trusted"):
        verify_checkpoint(note, impostor.verifier)
    with pytest.raises(NoteError, match="altered"):
        verify_checkpoint(note.replace("\n3\n", "\n4\n"), log.verifier)


def test_a_witness_alone_does_not_make_a_checkpoint(note, log, witness):
    text, _, block = note.partition("\n\n")
    only_witness = text + "\n\n" + block.split("\n", 1)[1]
    with pytest.raises(NoteError, match="not signed by the log"):
        verify_checkpoint(only_witness, log.verifier, [witness.witness])


def test_a_cosignature_binds_its_time(note, witness):
    import base64

    line = note.rstrip("\n").rsplit(" ", 1)[1]
    raw = bytearray(base64.b64decode(line))
    raw[11] ^= 1
    moved = note.replace(line, base64.b64encode(raw).decode())
    with pytest.raises(NoteError, match="altered"):
        open_note(moved, [witness.witness])


def test_a_log_signs_only_under_its_own_name(log):
    with pytest.raises(NoteError, match="under that name"):
        sign_checkpoint(Checkpoint("other.example", 0, bytes(32)), log)
    note = log.sign(Checkpoint("other.example", 0, bytes(32)).text)
    with pytest.raises(NoteError, match=r"is of other\.example"):
        verify_checkpoint(note, log.verifier)
    with pytest.raises(NoteError):
        Signer("two words", DeviceKey.generate())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda note: "",
        lambda note: note[:-1],
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note + "\n",
        lambda note: note.replace("— ", "- "),
        lambda note: note.replace("agency-17 Ava", "agency-17  Ava"),
        lambda note: note.replace("\n", "\r\n"),
        lambda note: note + "— x AAAA\n",
        lambda note: note + "— x AAAAAAAA\n" * 200,
        lambda note: note + "\x00\n",
        lambda note: "x" * 70_000 + note,
        lambda note: "\ud800" + note,
    ],
)
def test_a_malformed_note_is_refused_with_a_sentence(note, log, spoil):
    with pytest.raises(NoteError) as caught:
        verify_checkpoint(spoil(note), log.verifier)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("size", ["03", "-1", "+3", "3 ", "", "٣", "9" * 17, "0x3"])
def test_a_size_has_one_spelling(size):
    with pytest.raises(NoteError):
        parse_checkpoint(f"log.example\n{size}\nfsgMAO/ugGu1RYG/10uQV0mAbve3M/eGoxJRHOfOPSY=\n")


@given(st.text(max_size=120) | st.text(alphabet="a1\n =+—AB", max_size=80))
def test_any_text_is_read_or_refused(text):
    for read in (parse_checkpoint, Verifier.parse, lambda note: open_note(note, [])):
        try:
            read(text)
        except NoteError:
            continue


@settings(max_examples=80)
@given(st.data())
def test_any_changed_character_is_refused_or_leaves_what_was_signed(data):
    signer = Signer("log.example", DeviceKey.from_seed(bytes(32)))
    checkpoint = Checkpoint("log.example", 7, bytes(32))
    note = sign_checkpoint(checkpoint, signer)
    place = data.draw(st.integers(0, len(note) - 1))
    changed = note[:place] + data.draw(st.characters(codec="utf-8")) + note[place + 1 :]
    try:
        found, _ = verify_checkpoint(changed, signer.verifier)
    except NoteError:
        return
    assert found == checkpoint
