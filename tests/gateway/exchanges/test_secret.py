import stat

import pytest

from tocsin.gateway.exchanges.secret import GatewaySecret


@pytest.fixture
def secret(tmp_path):
    return GatewaySecret.load_or_create(tmp_path / "keys" / "exchange.key")


def test_credentials_come_back_from_their_seal_and_only_here(secret, tmp_path):
    sealed = secret.seal({"password": "hunter"})
    assert "hunter" not in sealed
    assert secret.open(sealed) == {"password": "hunter"}
    assert GatewaySecret.load_or_create(tmp_path / "keys" / "exchange.key").open(sealed) == {"password": "hunter"}
    with pytest.raises(ValueError, match="give them anew"):
        GatewaySecret.load_or_create(tmp_path / "other").open(sealed)


def test_only_its_owner_reads_the_secret(secret, tmp_path):
    assert stat.S_IMODE((tmp_path / "keys" / "exchange.key").stat().st_mode) == 0o600


def test_a_token_cannot_be_made_up_or_changed(secret, tmp_path):
    token = secret.token({"p": 1, "a": 5})
    assert secret.read_token(token) == {"p": 1, "a": 5}
    changed = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
    for other in (changed, "", "x", "Ä", token[:20], GatewaySecret.load_or_create(tmp_path / "o").token({"p": 1})):
        with pytest.raises(ValueError, match="not made here"):
            secret.read_token(other)
