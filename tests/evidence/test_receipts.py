import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.evidence.merkle import leaf_hash
from tocsin.evidence.notes import NoteError
from tocsin.evidence.receipts import HEADER, read_receipt, verify_receipt, write_receipt


@pytest.fixture
def receipt(entries, note):
    return write_receipt([leaf_hash(entry) for entry in entries], 1, note, extra=b"exhibit 4")


def test_a_receipt_is_one_file_that_proves_one_entry(receipt, entries, log, witness):
    found, checkpoint, note = verify_receipt(receipt, entries[1], log.verifier, [witness.witness])
    assert (found.index, found.extra, checkpoint.size) == (1, b"exhibit 4", 3)
    assert note.witnesses
    assert receipt.startswith(
        "c2sp.org/tlog-proof@v1\n"
        "extra ZXhoaWJpdCA0\n"
        "index 1\n"
        "o1gJoi9bKEKNBB06mwk7JJxYWrBXNjWnWJQBA0N+06s=\n"
        "7QGWSBOteD9JA4smnWTne9eu1I1SRlyG5xhuT57S9JE=\n"
        "\n"
        "log.tocsin.example/agency-17\n"
    )


def test_it_proves_nothing_about_another_entry_place_or_log(receipt, entries, log, witness):
    with pytest.raises(NoteError, match="does not show this entry"):
        verify_receipt(receipt, entries[1] + b" ", log.verifier)
    with pytest.raises(NoteError, match="does not show this entry"):
        verify_receipt(receipt.replace("index 1", "index 0"), entries[1], log.verifier)
    with pytest.raises(NoteError):
        verify_receipt(receipt, entries[1], witness.verifier)
    with pytest.raises(NoteError, match="altered"):
        verify_receipt(receipt.replace("\n3\n", "\n2\n"), entries[1], log.verifier)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x\n\n",
        f"{HEADER}\n\n",
        f"{HEADER}\nindex 01\n\n",
        f"{HEADER}\nextra %\n\n",
        f"{HEADER}\nindex 1\nAAAA\n\n",
        f"{HEADER}\nindex 1\n" + ("A" * 43 + "=\n") * 70 + "\n",
        "x" * 200_000,
    ],
)
def test_malformed_receipts_are_refused(text):
    with pytest.raises(NoteError):
        read_receipt(text)


@given(st.text(max_size=100).map(lambda text: f"{HEADER}\n{text}"))
def test_any_text_is_read_or_refused(text):
    try:
        read_receipt(text)
    except NoteError:
        return
