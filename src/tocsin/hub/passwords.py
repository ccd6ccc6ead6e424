"""Passwords: argon2id, at least 12 characters, no rules of composition, none that everybody tries first."""

import threading
import unicodedata
from functools import cache
from importlib.resources import files
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST: Final = 12
LONGEST: Final = 256

_HASHER = PasswordHasher()  # RFC 9106, second recommended option: 64 MiB, 3 passes, 4 lanes
_AT_ONCE = threading.BoundedSemaphore(4)
"""Each hash takes 64 MiB, so a flood of sign-ins must not run them all at once."""


def problem(password: str, *, about: tuple[str, ...] = ()) -> str | None:
    """Return a sentence on why ``password`` will not do, or None (NIST SP 800-63B, section 5.1.1.2).

    ``about``: the person's name, address and the like, which guessers try.
    """
    password = unicodedata.normalize("NFKC", password)
    if len(password) < SHORTEST:
        return f"Choose a password of at least {SHORTEST} characters; a few unrelated words do well."
    if len(password) > LONGEST:
        return f"Choose a password of at most {LONGEST} characters."
    if len(set(password)) < 5:
        return "Choose a password with more than a few different characters."
    bare = _letters(password)
    known = common() | {_letters(part) for whole in about for part in _parts(whole) if len(part) > 3}
    if any(bare == word * (len(bare) // len(word)) for word in known if word) or password.isdigit():
        return "This password, or one very like it, is among the first that guessers try; choose another."
    return None


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password."""
    with _AT_ONCE:
        return _HASHER.hash(unicodedata.normalize("NFKC", password))


def verify(password_hash: str, password: str) -> bool:
    """Tell whether the password is right. An empty hash takes as long as a real one and is never right."""
    password = unicodedata.normalize("NFKC", password[: LONGEST * 4])
    with _AT_ONCE:
        try:
            right = _HASHER.verify(password_hash or _nobody(), password)
        except (VerificationError, InvalidHashError):
            return False
    return right and bool(password_hash)


def outdated(password_hash: str) -> bool:
    """Tell whether a hash was made with lesser parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


@cache
def common() -> frozenset[str]:
    """Return the common passwords, reduced to their letters."""
    text = files("tocsin.packs").joinpath("common-passwords.txt").read_text("utf-8")
    lines = (line.strip() for line in text.splitlines())
    return frozenset(_letters(line) for line in lines if line and not line.startswith("#"))


@cache
def _nobody() -> str:
    return _HASHER.hash("nobody has this password")


def _parts(whole: str) -> list[str]:
    return [whole, *whole.replace("@", " ").replace(".", " ").split()]


def _letters(password: str) -> str:
    """Reduce a password to what it is built on: ``P4ssw0rd!2024`` to ``password``."""
    plain = password.casefold().strip("0123456789 !?.,-_*#$@+=")
    swapped = plain.translate(str.maketrans("013457@$!", "oieastasi"))
    return "".join(c for c in swapped if c.isalnum())
