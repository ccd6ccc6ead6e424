"""What a non-programmer reviews: phrases, clauses, indicators (YAML)."""

from importlib.resources import files
from pathlib import PurePosixPath


def read_text(name: str) -> str:
    """Return a pack file as text, such as ``conditions.yaml`` or ``orders/uk-shpo.yaml``.

    Raises ValueError for a name that leaves this folder, FileNotFoundError for one that is not there.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{name!r} is not the name of a pack")
    return files(__name__).joinpath(*path.parts).read_text(encoding="utf-8")


def names(folder: str, suffix: str = ".yaml") -> tuple[str, ...]:
    """Return the files of a folder of packs, sorted, as names for :func:`read_text`."""
    found = (entry.name for entry in files(__name__).joinpath(folder).iterdir())
    return tuple(f"{folder}/{name}" for name in sorted(found) if name.endswith(suffix))
