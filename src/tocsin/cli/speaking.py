"""How commands speak: one sentence and exit code 2 for an error, JSON Lines on stdout where asked."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click


class Failure(click.ClickException):
    """An error of a command: a sentence on stderr, exit code 2 (1 means that a scan found something)."""

    exit_code = 2

    def __init__(self, error: Exception | str) -> None:
        if isinstance(error, OSError) and error.strerror and error.filename is not None:
            super().__init__(f"{error.filename} cannot be used: {error.strerror}.")
        else:
            super().__init__(str(error))


def line(value: dict[str, Any]) -> None:
    """Write one JSON line to stdout."""
    click.echo(json.dumps(value, ensure_ascii=False))


def read_file(path: Path, limit: int) -> bytes:
    """Return a file's bytes. Raises Failure when it cannot be read or is larger than ``limit`` bytes."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror or error}.") from error
    if len(data) > limit:
        raise Failure(f"{path} is larger than {limit:,} bytes.")
    return data


def read_text(path: Path, limit: int) -> str:
    """Return a file's text. Raises Failure when it cannot be read, is too large or is not UTF-8."""
    try:
        return read_file(path, limit).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Failure(f"{path} is not UTF-8 text.") from error


def must_be_new(path: Path) -> None:
    """Refuse to write over a file. Raises Failure."""
    if path.exists():
        raise Failure(f"{path} is already there; nothing was written. Choose another name or remove it first.")
    if not path.parent.is_dir():
        raise Failure(f"The folder {path.parent} is not there.")


@contextlib.contextmanager
def sole(data: Path, what: str) -> Iterator[None]:
    """Keep a second program of the kind ``what`` off a data folder, which only this user can read. Raises Failure."""
    from tocsin.placement.platform import private_folder, take_lock

    private_folder(data)
    lock = take_lock(data / f"{what}.lock")
    if lock is None:
        raise Failure(f"A {what} runs on {data} already; stop it first, or choose another --data.")
    try:
        yield
    finally:
        lock.close()
