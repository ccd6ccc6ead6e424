"""A referral: opened by age and tar alone, every digest checked, nothing unexpected let through."""

import io
import tarfile
from datetime import UTC, datetime

import pyrage
import pytest

from tocsin.evidence.sealing import new_identity
from tocsin.exchange.referral import About, Item, ReferralError, build, read

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ABOUT = About(reference="A-12", sender="Example", recipient="Northport Police", reason="referral", made_at=NOON)
IDENTITY, RECIPIENT = new_identity()
ITEMS = [Item(name="a.png", data=b"one", about={"item": 1}), Item(name="a.png", data=b"two")]


def plain() -> bytes:
    sealed = build(ABOUT, ITEMS, ['{"seq":1}'], [RECIPIENT])
    return pyrage.decrypt(sealed.data, [pyrage.x25519.Identity.from_str(IDENTITY)])


def changed(**files: bytes | None) -> bytes:
    """Return the tar with files replaced, added or left out."""
    opened = dict(read(plain()).files)
    for name, data in files.items():
        path = {"first": "items/0001-a.png", "sums": "SHA256SUMS", "extra": "items/0009-x", "up": "../x"}[name]
        opened.pop(path, None)
        if data is not None:
            opened[path] = data
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, data in opened.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def test_what_goes_in_comes_out_with_its_custody() -> None:
    opened = read(plain())
    assert opened.files["items/0001-a.png"] == b"one"
    assert opened.files["items/0002-a.png"] == b"two"
    assert opened.files["custody.jsonl"] == b'{"seq":1}\n'
    assert (opened.manifest["to"], opened.manifest["made_at"]) == ("Northport Police", "2026-11-22T12:00:00.000Z")
    assert opened.manifest["items"][0]["about"] == {"item": 1}
    assert plain() == plain()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"first": b"other"}, "is not what it was"),
        ({"first": None}, "lacks something"),
        ({"extra": b"x"}, "is not what it was"),
        ({"up": b"x"}, "unexpected"),
        ({"sums": b"nonsense"}, "cannot be read"),
    ],
)
def test_every_change_shows(files, words) -> None:
    with pytest.raises(ReferralError, match=words):
        read(changed(**files))


@pytest.mark.parametrize("data", [b"", b"not a tar", b"\x00" * 2048])
def test_what_is_no_referral_is_a_sentence(data) -> None:
    with pytest.raises(ReferralError):
        read(data)


def test_what_cannot_be_referred_is_a_sentence() -> None:
    for items, to, words in (
        (ITEMS, [], "recipient"),
        ([], [RECIPIENT], "1 to"),
        ([Item(name="../x", data=b"")], [RECIPIENT], "plain letters"),
        (ITEMS, ["age1bad"], "sealed|age"),
    ):
        with pytest.raises(ValueError, match=words):
            build(ABOUT, items, [], to)
