"""What a category of a hash list means, in the words of the scheme that it belongs to (packs/schemes.yaml)."""

from collections.abc import Mapping
from typing import Any, Final

UNREVIEWED: Final = "nobody reviewed the entries of this list: a lead, not a finding"


def meaning(match: Mapping[str, Any]) -> str:
    """Return what a match's category means by its scheme, or "" where that is not known."""
    from tocsin.matching.lists.schemes import meaning_of, scheme_of

    scheme, category = str(match.get("scheme") or ""), str(match.get("category") or "")
    if not scheme:
        return ""
    known = scheme_of(scheme)
    said = meaning_of(scheme, category)
    return "; ".join(part for part in (said, UNREVIEWED if known is not None and known.lead else "") if part)
