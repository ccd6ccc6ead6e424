"""``tocsin bench``: every measurement of docs/benchmarks.md, with its peer in the same run."""

import importlib.util
import json
import platform
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import click

FOLDER = Path(__file__).resolve().parents[3] / "tests" / "bench"


def available(folder: Path = FOLDER) -> list[str]:
    """Return the names of the measurements: the modules of ``folder`` that define ``run``."""
    return sorted(p.stem for p in folder.glob("*.py") if "def run(" in p.read_text())


def load(name: str, folder: Path = FOLDER) -> ModuleType:
    """Import one measurement by its file. Raises click.UsageError for an unknown name."""
    if name not in available(folder):
        raise click.UsageError(f"there is no measurement called {name!r}; choose from: {', '.join(available(folder))}")
    spec = importlib.util.spec_from_file_location(f"tocsin_bench_{name}", folder / f"{name}.py")
    if spec is None or spec.loader is None:
        raise click.ClickException(f"{folder / name}.py cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    return module


def machine() -> dict[str, Any]:
    """Describe the machine a figure was measured on."""
    import os

    import psutil

    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        cpu = names[0] if names else cpu
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def show(result: dict[str, Any]) -> None:
    """Print a result's tables for a person."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"\n[bold]{result['title']}[/bold]")
    for table in result["tables"]:
        drawn = Table(title=table["name"], title_justify="left")
        for column in table["columns"]:
            drawn.add_column(str(column))
        for row in table["rows"]:
            drawn.add_row(*[f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row])
        console.print(drawn)


@click.command(epilog="Example:  tocsin bench live conversations --out results")
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON line per measurement on stdout.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Save each result as JSON here.")
@click.option("--quick", is_flag=True, help="Fewer repetitions: to see that it runs, not to publish.")
@click.option("--list", "only_list", is_flag=True, help="List the measurements and stop.")
def command(names: tuple[str, ...], as_json: bool, out: Path | None, quick: bool, only_list: bool) -> None:
    """Run measurements by NAME, or all of them, and print their tables."""
    if not FOLDER.is_dir():
        raise click.ClickException("measurements live in a checkout (tests/bench); this installation has none")
    if only_list:
        click.echo("\n".join(available()))
        return
    for name in names or available():
        if not as_json:
            click.echo(f"measuring {name} …", err=True)
        result = {"name": name, "machine": machine(), **load(name).run({"quick": quick})}
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            (out / f"{name}.json").write_text(json.dumps(result, indent=2, default=str) + "\n")
        if as_json:
            click.echo(json.dumps(result, default=str))
        else:
            show(result)
