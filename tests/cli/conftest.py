"""What tests of commands share: running the command that a test's file is about."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result


@pytest.fixture
def run(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs what the test's file imported as ``command`` in an empty folder, and checks the exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOCSIN_LIST_PASSPHRASE", raising=False)

    def go(*arguments: str, code: int = 0, **more: object) -> Result:
        result = CliRunner().invoke(request.module.command, arguments, **more)
        assert result.exit_code == code, result.output
        return result

    return go
