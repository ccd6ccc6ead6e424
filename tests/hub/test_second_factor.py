"""The second factor: a code works once, recovery codes work once, the QR code needs no inline style."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from tocsin.hub import second_factor

NOW = datetime(2026, 11, 22, 17, 0, 5, tzinfo=UTC)


def test_a_code_is_good_once():
    secret = second_factor.new_secret()
    code = pyotp.TOTP(secret).at(NOW)
    step = second_factor.used_step(secret, code, 0, NOW)
    assert step is not None
    assert second_factor.used_step(secret, code, step, NOW) is None
    assert second_factor.used_step(secret, pyotp.TOTP(secret).at(NOW - timedelta(seconds=30)), step, NOW) is None


def test_a_clock_half_a_minute_off_is_forgiven_and_two_minutes_are_not():
    secret = second_factor.new_secret()
    assert second_factor.used_step(secret, pyotp.TOTP(secret).at(NOW - timedelta(seconds=30)), 0, NOW)
    assert second_factor.used_step(secret, pyotp.TOTP(secret).at(NOW + timedelta(seconds=30)), 0, NOW)
    assert second_factor.used_step(secret, pyotp.TOTP(secret).at(NOW - timedelta(seconds=120)), 0, NOW) is None


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６", "12 34", "-12345"])
def test_what_is_no_code_is_wrong(code):
    assert second_factor.used_step(second_factor.new_secret(), code, 0, NOW) is None


def test_a_recovery_code_is_spent_by_use_and_its_dashes_do_not_matter():
    codes, hashes = second_factor.new_recovery_codes()
    assert len(set(codes)) == 10
    assert not set(codes) & set(hashes)
    left = second_factor.spend_recovery_code(hashes, codes[3].replace("-", " ").upper())
    assert left is not None
    assert len(left) == 9
    assert second_factor.spend_recovery_code(left, codes[3]) is None
    assert second_factor.spend_recovery_code(left, "wrong") is None


def test_the_qr_code_fits_a_strict_page():
    svg = second_factor.qr_svg(second_factor.uri(second_factor.new_secret(), "a@unit.example"))
    assert svg.startswith("<svg")
    assert "style" not in svg
    assert "script" not in svg
