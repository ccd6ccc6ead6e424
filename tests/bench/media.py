"""Known media: the measurements of this part of the product, each in a process of its own, in one report."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PARTS = ("index", "pdq", "pdq_distances", "robustness", "lists", "video", "pictures", "files")
"""What ``tocsin bench media`` runs, in this order; ``growth`` (50 million entries) runs by its own name."""


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Run every part; a part that fails is a row that says so, and does not stop the others."""
    tables: list[dict[str, Any]] = []
    for part in PARTS:
        with tempfile.TemporaryDirectory() as folder:
            quick = ["--quick"] if options.get("quick") else []
            command = [sys.executable, "-m", "tocsin", "bench", part, "--out", folder, "--json", *quick]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            made = Path(folder) / f"{part}.json"
            if done.returncode or not made.is_file():
                last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
                tables.append({"name": part, "columns": ["not measured"], "rows": [[last]]})
                continue
            tables.extend(json.loads(made.read_text())["tables"])
    return {"title": "Known media", "tables": tables}
