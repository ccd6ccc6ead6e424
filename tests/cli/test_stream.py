"""``tocsin stream``: errors are sentences, and an incomplete watch never exits with 0."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tocsin.cli.stream import command
from tocsin.matching.lists import Entry, Terms, build


@pytest.fixture
def listed(tmp_path: Path) -> str:
    """A list of one hash."""
    build(tmp_path / "list", Terms(name="x"), [("x", [Entry(1, [("pdq", b"\x0f" * 32)])])])
    return str(tmp_path / "list")


@pytest.mark.parametrize("address", ["gopher://x/", "rtmp://", "http://a b/"])
def test_an_address_that_is_not_watched(listed: str, address: str) -> None:
    done = CliRunner().invoke(command, [address, "--list", listed])
    assert done.exit_code == 2
    assert "Error:" in done.output


def test_a_list_or_recipient_that_is_none(listed: str, tmp_path: Path) -> None:
    assert CliRunner().invoke(command, ["x.mp4", "--list", str(tmp_path)]).exit_code == 2
    assert CliRunner().invoke(command, ["x.mp4", "--list", listed, "--seal-to", "nobody"]).exit_code == 2


def test_a_file_that_is_no_video_is_not_clean(listed: str, tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(b"nothing" * 1000)
    done = CliRunner().invoke(command, [str(path), "--list", listed, "--json"])
    assert done.exit_code == 2
    assert "not watched whole" in done.output


def test_a_private_address_needs_to_be_allowed(listed: str) -> None:
    done = CliRunner().invoke(command, ["http://127.0.0.1:9/x", "--list", listed, "--give-up", "0"])
    assert done.exit_code == 2
    assert "private" in done.output
