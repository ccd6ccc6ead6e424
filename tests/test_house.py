"""The house keeps its own rules: tests mirror the source, floors hold, nothing big or hidden is committed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src" / "tocsin"
LONGEST_FILE = 450


def sources() -> list[Path]:
    return sorted(p for p in SRC.rglob("*.py") if "migrations" not in p.parts)


def mirrored(path: Path) -> Path:
    relative = path.relative_to(SRC)
    return ROOT / "tests" / relative.parent / f"test_{relative.name}"


@pytest.mark.parametrize(
    "path",
    [p for p in sources() if p.name not in ("__init__.py", "__main__.py")],
    ids=lambda p: str(p.relative_to(SRC)),
)
def test_every_source_file_has_its_test_file(path: Path) -> None:
    assert mirrored(path).is_file(), f"{mirrored(path).relative_to(ROOT)} is missing"


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(SRC)))
def test_every_public_name_says_what_it_is_for(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "the module has no docstring"
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node) or is_nested(tree, node), (
                f"{node.name} (line {node.lineno}) has no docstring"
            )


def is_nested(tree: ast.Module, node: ast.AST) -> bool:
    """Functions inside functions are private whatever their name."""
    return any(
        node is inner
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef) and outer is not node
        for inner in ast.walk(outer)
    )


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(SRC)))
def test_a_file_holds_one_idea(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


def test_no_browser_test_waits_by_a_string() -> None:
    """`wait_for_function` evaluates it again in the page, whose policy refuses that: it fails unless true at once."""
    for path in (ROOT / "tests").rglob("*.py"):
        if path != Path(__file__):
            assert "wait_for_function(" not in path.read_text(), path.name


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_nothing_over_a_megabyte_is_committed() -> None:
    assert [p.name for p in tracked() if p.stat().st_size > 1_000_000] == []


def test_the_lock_names_versions_and_hashes_only() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text()


def test_help_is_there_at_once() -> None:
    """Only the frame of the command line may load for --help: heavy rooms wait until they are called."""
    code = (
        "import sys; from tocsin.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'fastapi', 'sqlalchemy', 'onnxruntime', 'PIL', 'httpx', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Examples" in done.stdout or "Example" in done.stdout
