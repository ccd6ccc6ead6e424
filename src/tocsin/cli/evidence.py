"""``tocsin evidence``: open and verify sealed evidence, the strong path that trusts no web page."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tocsin.cli.speaking import Failure, line, must_be_new, read_file

if TYPE_CHECKING:
    from tocsin.evidence.sealing import Attachment

FILE = click.Path(path_type=Path, dir_okay=False)
_MAX_KEY = 65_536
_ENDINGS = {"image/png": "png", "image/jpeg": "jpg"}


@click.group(epilog="Example:  tocsin evidence open 3fa1.age --key officer.key")
def command() -> None:
    """Open and verify sealed evidence."""


@command.command("open", epilog="Example:  tocsin evidence open 3fa1.age --key officer.key --out exhibit")
@click.argument("file", type=FILE)
@click.option("--key", "key_file", type=FILE, required=True, help="An age key file, protected by a passphrase or not.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write all that it holds here.")
@click.option("--json", "as_json", is_flag=True, help="The document as JSON on stdout.")
def open_(file: Path, key_file: Path, out: Path | None, as_json: bool) -> None:
    """Open sealed evidence with a key and show its words; pictures and files are written only with --out."""
    from tocsin.evidence.sealing import MAX_SEALED, SealingError, digest, files_of, open_sealed, pictures_of

    data = read_file(file, MAX_SEALED)
    try:
        document = open_sealed(data, identities_of(key_file))
        pictures, files = pictures_of(document), files_of(document)
    except SealingError as error:
        raise Failure(f"{file}: {error}") from error
    if out is not None:
        _write(out, document, pictures, files)
    words = {name: value for name, value in document.items() if name not in ("pictures", "files")}
    if as_json:
        attached = [{"name": one.name, "media_type": one.media_type, "size": len(one.data)} for one in files]
        line({"digest": digest(data), "pictures": len(pictures), "files": attached, **words})
        return
    _print(words, digest(data), _held(pictures, files))
    if out is not None:
        click.echo(f"Wrote {' and '.join(['evidence.json', *_held(pictures, files)])} to {out}.")


@command.command(epilog="Example:  tocsin evidence verify 3fa1.age --digest 3fa1...")
@click.argument("file", type=FILE)
@click.option("--digest", "expected", required=True, help="The SHA-256 that the journal or the audit log names.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
def verify(file: Path, expected: str, as_json: bool) -> None:
    """Check that a sealed file is the one that was recorded. Exits 0 or 2."""
    from tocsin.evidence.sealing import MAX_SEALED, digest

    found = digest(read_file(file, MAX_SEALED))
    same = found == expected.strip().lower()
    if as_json:
        line({"path": str(file), "digest": found, "expected": expected, "same": same})
    if not same:
        raise Failure(f"{file} is not the file that was recorded: its SHA-256 is {found}.")
    if not as_json:
        click.echo(f"{file} is the file that was recorded.")


@command.command(epilog="Example:  tocsin evidence keygen --out officer.key")
@click.option("--out", type=FILE, required=True, help="Where to write the key file.")
@click.option("--no-passphrase", is_flag=True, help="Leave the key file unprotected (not advised).")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
def keygen(out: Path, no_passphrase: bool, as_json: bool) -> None:
    """Make a key that opens evidence and print its public half, the recipient that goes into orders."""
    from tocsin.evidence.keys import write_private
    from tocsin.evidence.sealing import SealingError, key_file, new_identity, protect

    must_be_new(out)
    identity, recipient = new_identity()
    try:
        if no_passphrase:
            click.echo(f"Warning: whoever reads {out} can open the evidence; it has no passphrase.", err=True)
            data = key_file(identity).encode("ascii")
        else:
            prompt = "Passphrase (long: several words)"
            data = protect(identity, click.prompt(prompt, hide_input=True, confirmation_prompt=True, err=True))
        write_private(out, data)
    except SealingError as error:
        raise Failure(error) from error
    except OSError as error:
        raise Failure(f"{out} cannot be written: {error.strerror or error}.") from error
    if as_json:
        line({"key": str(out), "recipient": recipient, "protected": not no_passphrase})
        return
    click.echo(f"Wrote {out}. Lose it, or its passphrase, and it opens nothing: docs/evidence.md has the drill.")
    click.echo(f"Public key (recipient): {recipient}")


@command.command("test-key", epilog="Example:  tocsin evidence test-key recovery.key --order order.signed.json")
@click.argument("key_file", type=FILE)
@click.option("--order", "order_file", type=FILE, required=True, help="The signed order whose evidence it must open.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
def test_key(key_file: Path, order_file: Path, as_json: bool) -> None:
    """Prove that a key file opens what is sealed under an order, by sealing and opening a test. Exits 0 or 2."""
    from tocsin import orders
    from tocsin.cli.speaking import read_text
    from tocsin.evidence.sealing import SealingError, open_sealed, recipient_of, seal

    try:
        order = orders.verify(read_text(order_file, 1024 * 1024)).order
        identities = identities_of(key_file)
        test = {"finding": "test", "why": "a test of a key, nothing was seen"}
        opened = open_sealed(seal(test, recipients=order.recipient_keys).data, identities)
    except orders.OrderError as error:
        raise Failure(f"{order_file}: {error}") from error
    except SealingError as error:
        raise Failure(f"{key_file} does not open what is sealed under {order.id}: {error}") from error
    keys = {recipient_of(identity) for identity in identities}
    named = [f"{one.name} ({one.role})" for one in order.recipients if one.age in keys]
    if as_json:
        line({"key": str(key_file), "order": order.id, "opens": opened["finding"] == "test", "recipients": named})
        return
    click.echo(f"{key_file} opens what is sealed under {order.id}. The order names it: {', '.join(named)}.")


def identities_of(path: Path) -> list[str]:
    """Return the identities of a key file, asking for its passphrase if it has one."""
    from tocsin.evidence.sealing import SealingError, identities_in, is_protected, unprotect

    data = read_file(path, _MAX_KEY)
    try:
        if is_protected(data):
            return [unprotect(data, click.prompt("Passphrase of the key", hide_input=True, err=True))]
        return identities_in(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Failure(f"{path} is not a key file.") from error
    except SealingError as error:
        raise Failure(f"{path}: {error}") from error


def _write(out: Path, document: dict[str, Any], pictures: list[tuple[str, bytes]], files: "list[Attachment]") -> None:
    """Write the document, its pictures and its files into a new folder that only this user can read."""
    from tocsin.evidence.keys import write_private

    must_be_new(out)
    try:
        out.mkdir(mode=0o700)
        text = json.dumps(document, ensure_ascii=False, indent=1)
        write_private(out / "evidence.json", text.encode("utf-8"))
        for number, (mime, data) in enumerate(pictures, 1):
            write_private(out / f"picture-{number}.{_ENDINGS.get(mime, 'bin')}", data)
        for number, one in enumerate(files, 1):
            write_private(out / f"file-{number}-{_file_name(one.name)}", one.data)
    except OSError as error:
        raise Failure(f"{out} cannot be written: {error.strerror or error}.") from error


def _file_name(name: str) -> str:
    """Return a stranger's name for a file as one that is harmless on any file system."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name.rsplit("/", 1)[-1])[-80:].strip("._") or "unnamed"


def _print(document: dict[str, Any], digest: str, held: list[str]) -> None:
    """Print evidence for people: what was seen, where, and the words in their context."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for name in ("finding", "at", "app", "title", "category", "severity", "confidence", "why"):
        if document.get(name) not in (None, ""):
            console.print(Text(f"{name:<11}", style="dim") + Text(_plain(document[name])))
    console.print(Text(f"{'sha256':<11}", style="dim") + Text(digest))
    quoted = [str(one.get("text")) for one in _entries(document, "quotes")]
    for one in _entries(document, "context") or _entries(document, "quotes"):
        words = Text(_plain(one.get("text", "")), style="bold" if str(one.get("text")) in quoted else "")
        console.print(Text(f"  {_plain(one.get('speaker', 'unknown')):<8} ", style="dim") + words)
    if held:
        console.print(f"{' and '.join(held)}, written to a folder with --out.")


def _held(pictures: Sequence[Any], files: Sequence[Any]) -> list[str]:
    counts = (("picture", len(pictures)), ("file", len(files)))
    return [f"{number} {word}{'' if number == 1 else 's'}" for word, number in counts if number]


def _entries(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    value = document.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _plain(value: Any) -> str:
    """Return text without control characters: evidence is a stranger's words, and this is a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in str(value))
