from pathlib import Path

import pytest

from tocsin.gateway.settings import Settings


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("10.0.0.1", False), ("name", False)],
)
def test_loopback_is_told_from_other_hosts(host, loopback):
    assert Settings(data=Path("x"), host=host).loopback is loopback


def test_the_key_of_lists_is_not_shown():
    assert "hush" not in repr(Settings(data=Path("x"), list_key="hush"))


def test_everything_lies_in_the_data_folder():
    settings = Settings(data=Path("data"))
    for path in (settings.banks, settings.keys, settings.audit, settings.placement, settings.core_socket):
        assert path.parent == Path("data")
