"""Measurements are found, named in errors, and print tables or JSON."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tocsin.cli import bench

MEASUREMENT = """
def run(options):
    return {"title": "Counting", "tables": [{"name": "Counts", "columns": ["what", "n"], "rows": [["sheep", 3]]}]}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "counting.py").write_text(MEASUREMENT)
    (tmp_path / "helper.py").write_text("x = 1\n")
    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    monkeypatch.setattr(bench.available, "__defaults__", (tmp_path,))
    monkeypatch.setattr(bench.load, "__defaults__", (tmp_path,))
    return tmp_path


def test_json_output_is_one_line_with_the_machine(folder: Path) -> None:
    done = CliRunner().invoke(bench.command, ["counting", "--json", "--out", str(folder / "out")])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout.strip())
    assert result["tables"][0]["rows"] == [["sheep", 3]]
    assert result["machine"]["cores"] >= 1
    assert json.loads((folder / "out" / "counting.json").read_text())["title"] == "Counting"


def test_people_get_a_table(folder: Path) -> None:
    done = CliRunner().invoke(bench.command, ["counting"])
    assert "sheep" in done.output


def test_an_unknown_name_is_answered_with_the_known_ones(folder: Path) -> None:
    done = CliRunner().invoke(bench.command, ["nonsense"])
    assert done.exit_code == 2
    assert "counting" in done.output
    assert "helper" not in done.output
