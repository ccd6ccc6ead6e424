import shutil
import subprocess

import pytest

from tocsin.evidence.sealing import (
    MAX_SEALED,
    Attachment,
    SealingError,
    digest,
    files_of,
    identities_in,
    is_protected,
    is_recipient,
    key_file,
    new_identity,
    open_sealed,
    pictures_of,
    protect,
    recipient_of,
    seal,
    unprotect,
)

PNG = b"\x89PNG\r\n\x1a\n-picture-"
WORDS = {"finding": "f-1", "quotes": [{"text": "wörds ☂", "speaker": "other", "spans": [[0, 5]]}]}


@pytest.fixture(scope="module")
def keys():
    return [new_identity() for _ in range(3)]


@pytest.fixture(scope="module")
def sealed(keys):
    return seal(WORDS, [PNG], [keys[0][1], keys[1][1]])


def test_each_recipient_alone_opens_the_words_and_pictures(sealed, keys):
    for identity, _ in keys[:2]:
        document = open_sealed(sealed.data, [identity])
        assert document["quotes"] == WORDS["quotes"]
        assert document["format"] == "tocsin/evidence@1"
        assert pictures_of(document) == [("image/png", PNG)]
    assert sealed.digest == digest(sealed.data)
    assert sealed.size == len(sealed.data)


def test_files_of_any_type_are_sealed_beside_pictures(keys):
    clip = Attachment("clip ☂.mp4", "video/mp4", bytes(range(256)) * 40)
    odd = Attachment("\ud800/../x" + "y" * 500, "application/octet-stream", b"")
    found = seal(WORDS, [PNG], [keys[0][1]], [clip, odd])
    document = open_sealed(found.data, [keys[0][0]])
    assert document["format"] == "tocsin/evidence@1"
    assert pictures_of(document) == [("image/png", PNG)]
    assert files_of(document)[0] == clip
    assert files_of(document)[1].data == b""
    assert len(files_of(document)[1].name) <= 200
    assert files_of(open_sealed(seal(WORDS, recipients=[keys[0][1]]).data, [keys[0][0]])) == []


def test_files_that_are_too_large_or_cannot_be_named_are_refused_with_a_sentence(keys):
    with pytest.raises(SealingError, match=r"at most .* can be kept"):
        seal(WORDS, (), [keys[0][1]], [Attachment("a", "video/mp4", bytes(MAX_SEALED * 3 // 4 + 2))])
    with pytest.raises(SealingError, match="not a media type"):
        seal(WORDS, (), [keys[0][1]], [Attachment("a", "video/mp4; x=<script>", b"x")])
    for files in (5, [5], [{}], [{"name": "a", "mime": "video/mp4", "data": "%"}]):
        with pytest.raises(SealingError):
            files_of({"files": files})


def test_nobody_else_opens_it_and_the_words_do_not_show(sealed, keys):
    with pytest.raises(SealingError, match="does not open"):
        open_sealed(sealed.data, [keys[2][0]])
    assert "wörds".encode() not in sealed.data
    assert b"f-1" not in sealed.data


@pytest.mark.parametrize(
    "spoil", [lambda d: d[:-1], lambda d: d[:50], lambda d: b"", lambda d: d[:-1] + b"x", lambda d: d + b"x"]
)
def test_an_altered_or_cut_file_does_not_open(sealed, keys, spoil):
    with pytest.raises(SealingError):
        open_sealed(spoil(sealed.data), [keys[0][0]])


def test_the_age_command_opens_it_and_seals_what_we_open(sealed, keys, tmp_path):
    age = shutil.which("age")
    if age is None:
        pytest.skip("the reference age command is not installed (Debian package age)")
    (tmp_path / "e.age").write_bytes(sealed.data)
    (tmp_path / "k").write_text(key_file(keys[0][0]))
    opened = subprocess.run([age, "-d", "-i", "k", "e.age"], cwd=tmp_path, capture_output=True, check=True)
    assert "wörds ☂" in opened.stdout.decode()
    again = subprocess.run([age, "-r", keys[0][1]], input=opened.stdout, capture_output=True, check=True)
    assert open_sealed(again.stdout, [keys[0][0]])["finding"] == "f-1"


def test_sealing_refuses_what_could_not_be_opened_or_shown(keys):
    with pytest.raises(SealingError, match="at least one recipient"):
        seal(WORDS)
    with pytest.raises(SealingError, match="not an age X25519 key"):
        seal(WORDS, recipients=["ssh-ed25519 AAAA"])
    with pytest.raises(SealingError, match="PNG or JPEG"):
        seal(WORDS, [b"GIF89a"], [keys[0][1]])
    for value in (float("nan"), object(), "\ud800"):
        with pytest.raises(SealingError, match="JSON"):
            seal({"a": value}, recipients=[keys[0][1]])


def test_a_key_that_anyone_holds_is_no_recipient(keys):
    assert is_recipient(keys[0][1])
    for text in (
        "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z",
        "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqj7vrya",
        keys[0][1].upper(),
        keys[0][0],
        "age1",
        "",
        "\ud800",
    ):
        assert not is_recipient(text)


def test_what_was_sealed_by_others_is_not_taken_for_evidence(keys):
    import pyrage

    to = [pyrage.x25519.Recipient.from_str(keys[0][1])]
    for plain in (b"", b"hello", b"[]", b'{"format":"x"}', b"[" * 100_000, b"\xff"):
        with pytest.raises(SealingError, match="not Tocsin evidence"):
            open_sealed(pyrage.encrypt(plain, to), [keys[0][0]])


def test_pictures_that_cannot_be_read_are_refused():
    for pictures in (5, [5], [{}], [{"mime": "image/png", "data": "%"}]):
        with pytest.raises(SealingError):
            pictures_of({"pictures": pictures})


def test_a_key_file_is_read_back_and_protected_by_a_passphrase(keys):
    identity, recipient = keys[0]
    assert identities_in(key_file(identity)) == [identity]
    assert recipient_of(identity) == recipient
    data = protect(identity, "four words of mine")
    assert is_protected(data)
    assert not is_protected(key_file(identity).encode())
    assert identity.encode() not in data
    assert unprotect(data, "four words of mine") == identity
    with pytest.raises(SealingError, match="passphrase does not open"):
        unprotect(data, "guess")


def test_bad_keys_are_refused_with_a_sentence(keys):
    for text in ("", "# nothing\n", "junk", keys[0][0][:-1] + "B"):
        with pytest.raises(SealingError):
            identities_in(text)
    with pytest.raises(SealingError, match="at least one key"):
        open_sealed(b"x", [])
    with pytest.raises(SealingError, match="empty"):
        protect(keys[0][0], "")
    with pytest.raises(SealingError):
        unprotect(b"junk", "x")
