"""The checklist's page names a test for every requirement, and every test it names exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "overt-checklist.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


@cache
def defined_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED)))
def test_every_test_it_names_exists(path: str, name: str) -> None:
    assert (ROOT / path).is_file(), f"{path} is not there"
    assert name in defined_in(path)


@pytest.mark.parametrize("number", range(1, 13))
def test_every_requirement_has_a_test(number: int) -> None:
    [row] = re.findall(rf"^\| A{number} \|.*$", PAGE, re.M)
    assert "::test_" in row


def test_no_row_of_the_lessons_is_without_a_test() -> None:
    lessons = PAGE.partition("## Lessons")[2].partition("##")[0]
    rows = [row for row in lessons.splitlines() if re.match(r"\| \d", row)]
    assert {row.split("|")[1].strip() for row in rows} == {str(section) for section in range(2, 9)}
    assert all("::test_" in row for row in rows)
