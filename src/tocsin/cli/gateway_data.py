"""The gateway's data folder as every ``tocsin gateway`` command meets it, and the sentences it fails with."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.cli.speaking import Failure

if TYPE_CHECKING:
    from tocsin.gateway.store import Store

_FOLDER = click.Path(file_okay=False, path_type=Path)
DATA = click.option(
    "--data", type=_FOLDER, default=lambda: click.get_current_context().find_object(Path), help="The gateway's folder."
)


@contextlib.contextmanager
def sentences() -> Iterator[None]:
    """Turn the errors a person can do something about into one sentence and exit code 2."""
    try:
        yield
    except click.ClickException:
        raise
    except (RuntimeError, ValueError, OSError) as error:
        if type(error).__module__.startswith("tocsin.") or isinstance(error, OSError | UnicodeDecodeError):
            raise Failure(error) from error
        raise


@contextlib.contextmanager
def opened(data: Path) -> Iterator["Store"]:
    """Open a gateway's store, whether or not the gateway runs. Raises StoreError."""
    from tocsin.gateway.store import Store
    from tocsin.placement.platform import private_folder

    data = data.expanduser().resolve()
    private_folder(data)
    store = Store.open(data / "gateway.db")
    try:
        yield store
    finally:
        store.close()
