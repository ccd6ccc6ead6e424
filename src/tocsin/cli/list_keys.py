"""The key of sealed lists, as commands take it: ``--key FILE``, or a passphrase in the environment."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.matching.lists import Key

PASSPHRASE = "TOCSIN_LIST_PASSPHRASE"  # noqa: S105 - the name of a variable
"""The environment variable that holds the passphrase of sealed lists."""


def key_of(key_file: Path | None) -> "Key | None":
    """Return the key in a file (asking for the file's own passphrase), else one from the environment, else None."""
    from tocsin.matching.lists import Key

    if key_file is not None:
        from tocsin.cli.evidence import identities_of

        return Key(identities=tuple(identities_of(key_file)))
    passphrase = os.environ.get(PASSPHRASE, "")
    return Key(passphrase=passphrase) if passphrase else None
