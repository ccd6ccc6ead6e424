"""The second factor: time-based codes (RFC 6238), each usable once, and recovery codes for a lost telephone."""

import hashlib
import hmac
import io
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import pyotp
import segno

STEP_S: Final = 30
DRIFT: Final = 1
"""Steps that a telephone's clock may be ahead or behind."""

RECOVERY_CODES: Final = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_secret() -> str:
    """Return a fresh 160-bit secret in base32."""
    return pyotp.random_base32()


def uri(secret: str, email: str, issuer: str = "Tocsin") -> str:
    """Return the otpauth address that an authenticator app reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)


def qr_svg(text: str) -> str:
    """Return ``text`` as a QR code: one SVG element to put into a page, without scripts or inline styles."""
    out = io.BytesIO()
    segno.make(text, error="m").save(
        out, kind="svg", scale=5, border=2, xmldecl=False, svgns=True, nl=False, light="#fff", dark="#000", title=None
    )
    return out.getvalue().decode()


def used_step(secret: str, code: str, last_step: int, now: datetime) -> int | None:
    """Return the time step that ``code`` stands for, or None if it is wrong or its step was already used.

    Keep the returned step: passing it as ``last_step`` next time is what refuses a replay.
    """
    code = "".join(code.split())
    if len(code) != 6 or not (code.isascii() and code.isdigit()):
        return None
    totp = pyotp.TOTP(secret)
    present = int(now.timestamp()) // STEP_S
    found = None
    for step in range(present - DRIFT, present + DRIFT + 1):
        right = hmac.compare_digest(totp.generate_otp(step), code)
        if right and step > last_step:
            found = step
    return found


def new_recovery_codes() -> tuple[list[str], list[str]]:
    """Return ten one-time codes of about 79 bits to show once, and their hashes to keep."""
    codes = [
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4)) for _ in range(RECOVERY_CODES)
    ]
    return codes, [_hash(code) for code in codes]


def spend_recovery_code(hashes: Sequence[str], code: str) -> list[str] | None:
    """Return the hashes that remain after ``code`` was used, or None if it is not one of them."""
    given = _hash(code)
    remaining = [kept for kept in hashes if not hmac.compare_digest(kept, given)]
    return remaining if len(remaining) < len(hashes) else None


def _hash(code: str) -> str:
    bare = "".join(c for c in code.casefold() if c.isalnum())
    return hashlib.sha256(b"tocsin recovery code\x00" + bare.encode()).hexdigest()
