"""Passwords: length counts, composition does not, and what everybody tries first is refused."""

import pytest

from tocsin.hub import passwords


@pytest.fixture(autouse=True)
def cheap_passwords() -> None:
    """Leave passwords at their full cost here."""


@pytest.mark.parametrize(
    "password",
    [
        "short-one",
        "password1234",
        "P4ssw0rd!2024",
        "passwordpassword",
        "qwertyuiop12",
        "123456789012",
        "aaaaaaaaaaaa",
        "abababababab",
        "letmeinplease!",
        "x" * 257,
        "maria.lopez99",
        "Probation2026!",
    ],
)
def test_weak_passwords_are_refused_with_a_sentence(password):
    sentence = passwords.problem(password, about=("Maria Lopez", "maria.lopez@unit.example"))
    assert sentence is not None
    assert sentence.endswith(".")


@pytest.mark.parametrize("password", ["four unrelated plain words", "cold-lantern-orchard", "ручей камень дверь"])
def test_long_ones_need_no_digits_or_signs(password):
    assert passwords.problem(password, about=("Maria Lopez",)) is None


def test_the_hash_fits_its_password_only_and_however_it_is_typed():
    kept = passwords.hash_password("caf\u00e9 lantern orchard")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.verify(kept, "cafe\u0301 lantern orchard")
    assert not passwords.verify(kept, "cafe lantern orchard")


def test_no_password_fits_where_there_is_no_account():
    assert not passwords.verify("", "nobody has this password")
    assert not passwords.verify("not a hash", "anything")
