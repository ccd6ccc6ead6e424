"""``tocsin agent``: enrol this computer, run the agent, see its order and ledger, remove it."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_DATA = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="The agent's folder (default: in your user's data folder).",
)


@click.group(epilog="Example:  tocsin agent status")
def command() -> None:
    """Enrol and run the agent on a supervised computer, openly and under a signed order."""


@command.command(epilog="Example:  tocsin agent enrol --hub https://hub.example:8420 --token T --order order.json")
@click.option("--hub", required=True, help="The hub's address.")
@click.option("--token", required=True, help="The one-time token; - reads it from standard input.")
@click.option(
    "--order",
    "order_file",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The signed order's file.",
)
@click.option("--root", "roots", multiple=True, help="An authority's key (base64, or a file holding it) to trust.")
@click.option("--label", default="", help="Which of the order's devices this computer is.")
@click.option("--certificate", default="", help="The SHA-256 fingerprint that the hub's certificate must have.")
@_DATA
def enrol(
    hub: str,
    token: str,
    order_file: Path,
    roots: tuple[str, ...],
    label: str,
    certificate: str,
    data: Path | None,
) -> None:
    """Make this computer a supervised one. Compare the fingerprints that it prints."""
    from tocsin.model import SystemClock
    from tocsin.placement.config import PlacementError
    from tocsin.placement.enrol import enrol as enrol_

    if token == "-":  # noqa: S105 the sign for standard input
        token = sys.stdin.readline().strip()
    try:
        signed = order_file.read_bytes()[: 2 << 20].decode("utf-8")
        known = [_root(root) for root in roots]
        done = enrol_(
            hub, token, signed, _folders(data), SystemClock(), roots=known, label=label, certificate=certificate
        )
    except (PlacementError, OSError, UnicodeDecodeError) as problem:
        raise click.exceptions.Exit(_fail(problem)) from None
    order = done.order.order
    click.echo(f"Enrolled as {done.config.label!r} (device {done.config.device}) under order {order.id}.")
    click.echo(f"Authority        {order.authority.name}")
    click.echo(f"Signer           {done.order.fingerprint}" + ("" if roots else "  (pinned at first use: compare it)"))
    click.echo(f"Hub certificate  {done.certificate}")
    click.echo(f"Hub key          {done.hub_key}")
    click.echo("Start it with: tocsin agent run")


@command.command(epilog="Example:  tocsin agent run")
@_DATA
def run(data: Path | None) -> None:
    """Show the notice; once it is accepted, watch what the order allows, until the order ends."""
    from tocsin.agent.run import run as run_
    from tocsin.placement.config import PlacementError

    try:
        code = run_(_folders(data), say=lambda sentence: click.echo(sentence, err=True))
    except PlacementError as problem:
        code = _fail(problem)
    raise click.exceptions.Exit(code)


@command.command(epilog="Example:  tocsin agent status")
@click.option("--json", "as_json", is_flag=True, help="JSON on one line.")
@_DATA
def status(as_json: bool, data: Path | None) -> None:
    """Show the order in force, whether the agent runs, and what waits to be sent."""
    from tocsin.agent.overview import overview
    from tocsin.placement.config import PlacementError

    try:
        found = overview(_folders(data))
    except PlacementError as problem:
        raise click.exceptions.Exit(_fail(problem)) from None
    if as_json:
        click.echo(json.dumps(found.raw))
    else:
        click.echo(found.text)


@command.command(epilog="Example:  tocsin agent ledger")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
@_DATA
def ledger(as_json: bool, data: Path | None) -> None:
    """Show what was sent: kinds, counts, times and bytes; what it said only where the order allows it."""
    from tocsin.agent.overview import open_ledger
    from tocsin.placement.config import PlacementError

    try:
        book = open_ledger(_folders(data))
    except PlacementError as problem:
        raise click.exceptions.Exit(_fail(problem)) from None
    rows, events = book.rows(), book.events()
    book.close()
    if as_json:
        for row in rows:
            click.echo(
                json.dumps(
                    {
                        "kind": row.kind,
                        "count": row.count,
                        "bytes": row.bytes,
                        "evidence_bytes": row.evidence_bytes,
                        "first": row.first,
                        "last": row.last,
                    }
                )
            )
        for event in events:
            click.echo(json.dumps(event))
        return
    if not rows:
        click.echo("Nothing has been received by the hub yet.")
        return
    _print_ledger(rows, events)


@command.command(epilog="Example:  tocsin agent unenrol")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_DATA
def unenrol(yes: bool, data: Path | None) -> None:
    """Remove the agent's enrolment from this computer. The authority is told; nothing prevents it."""
    from tocsin.model import SystemClock
    from tocsin.placement import config as configs
    from tocsin.placement.config import PlacementError
    from tocsin.placement.enrol import unenrol as unenrol_

    folders = _folders(data)
    try:
        configs.load(folders)
        if not yes and not _agreed("Remove it? The authority will be told that it was removed."):
            click.echo("Nothing was removed.", err=True)
            raise click.exceptions.Exit(2)
        told = unenrol_(folders, SystemClock())
    except PlacementError as problem:
        raise click.exceptions.Exit(_fail(problem)) from None
    click.echo("Removed. The authority was told." if told else "Removed. The hub could not be reached; it will notice.")


@command.group(epilog="Example:  tocsin agent lists add /media/usb/unit-list")
def lists() -> None:
    """The authority's own hash lists on this computer, where somebody chose to have some. Others stay on the hub."""


@lists.command(epilog="Example:  tocsin agent lists add /media/usb/unit-list")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@_DATA
def add(folder: Path, data: Path | None) -> None:
    """Have pictures and files compared with a list on this computer, also while the hub cannot be reached."""
    from tocsin.agent.own_lists import check

    folder = folder.resolve()
    _change_lists(data, lambda held: (*(one for one in held if one != str(folder)), str(folder)), lambda: check(folder))
    click.echo(f"The list in {folder} is used from the agent's next start; the notice will say so and ask again.")


@lists.command(epilog="Example:  tocsin agent lists remove /media/usb/unit-list")
@click.argument("folder", type=click.Path(path_type=Path))
@_DATA
def remove(folder: Path, data: Path | None) -> None:
    """Use a list on this computer no longer; its folder is left as it is."""
    folder = folder.resolve()
    _change_lists(data, lambda held: tuple(one for one in held if one != str(folder)))
    click.echo(f"The list in {folder} is not used any more from the agent's next start.")


@lists.command(epilog="Example:  tocsin agent lists show")
@_DATA
def show(data: Path | None) -> None:
    """Name the folders of the lists on this computer."""
    for folder in _change_lists(data, tuple) or ("No list lies on this computer; the hub's are asked.",):
        click.echo(folder)


def _change_lists(
    data: Path | None, change: Callable[[tuple[str, ...]], tuple[str, ...]], check: Callable[[], None] = lambda: None
) -> tuple[str, ...]:
    """Change which lists are used here, and return them; exit with a sentence where that cannot be."""
    from dataclasses import replace

    from tocsin.placement import config as configs
    from tocsin.placement.config import PlacementError

    folders = _folders(data)
    try:
        held = configs.load(folders)
        check()
        lists = change(held.lists)
        if lists != held.lists:
            configs.save(folders, replace(held, lists=lists))
    except (PlacementError, OSError) as problem:
        raise click.exceptions.Exit(_fail(problem)) from None
    return lists


def _print_ledger(rows: list[Any], events: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title="What the hub has received from this computer", title_justify="left")
    for name in ("Kind", "Count", "Bytes", "Sealed", "First", "Last"):
        right = name in ("Count", "Bytes", "Sealed")
        table.add_column(name, justify="right" if right else "left", no_wrap=name in ("First", "Last"))
    for row in rows:
        sealed = f"{row.evidence_bytes:,}" if row.evidence_bytes else "-"
        table.add_row(row.kind, f"{row.count:,}", f"{row.bytes:,}", sealed, _moment(row.first), _moment(row.last))
    console.print(table)
    console.print("Sealed: bytes of evidence that only the recipients named in the order can open. Times are UTC.\n")
    recent = Table(title="Latest entries (no heartbeats, no states)", title_justify="left")
    for name in ("Time", "Kind", "Bytes", *(("What it said",) if any("body" in e for e in events) else ())):
        recent.add_column(name, justify="right" if name == "Bytes" else "left")
    for event in events[:30]:
        said = (json.dumps(event["body"]),) if "body" in event else ()
        recent.add_row(_moment(event["at"]), event["kind"], f"{event['bytes']:,}", *said)
    console.print(recent)


def _agreed(question: str) -> bool:
    """Ask; no answer is a no."""
    try:
        return click.confirm(question)
    except click.Abort:
        click.echo(err=True)
        return False


def _moment(text: str) -> str:
    """Return a time as people read it, to the second, narrow enough for a terminal."""
    return text[:19].replace("T", " ")


def _folders(data: Path | None) -> Any:
    from tocsin.placement.config import Folders
    from tocsin.placement.platform import default_folder

    return Folders(data or default_folder())


def _root(given: str) -> str:
    """Return a key given as base64, or as a file that holds it."""
    path = Path(given)
    try:
        return path.read_text("ascii").strip() if os.sep in given and path.is_file() else given.strip()
    except UnicodeDecodeError:
        return given


def _fail(problem: Exception) -> int:
    click.echo(f"tocsin agent: {problem}", err=True)
    return 2
