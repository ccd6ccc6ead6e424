"""``tocsin gateway exchange``: hash lists from others, banks for partners. Works beside a running gateway."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tocsin.cli.gateway_data import DATA, sentences
from tocsin.cli.speaking import Failure, line

if TYPE_CHECKING:
    from tocsin.gateway.exchanges.desk import Desk
    from tocsin.gateway.exchanges.running import Progress as Done

_JSON = click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")


@click.group(epilog="Example:  tocsin gateway exchange add NCII --api stop_ncii --credentials ncii.json")
def exchange() -> None:
    """Read hash lists of others on a schedule, and share banks with partners."""


@exchange.command(epilog="Example:  tocsin gateway exchange add MYLIST --api local_file --set filename=/srv/list.csv")
@DATA
@click.argument("name")
@click.option("--api", required=True, help="stop_ncii, ncmec, fb_threatexchange, local_file or list_url.")
@click.option("--set", "given", multiple=True, metavar="FIELD=VALUE", help="What the api must be told.")
@click.option(
    "--credentials",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of JSON (mode 0600) that is read at each run; without it those set over the API hold.",
)
@click.option("--every", type=int, default=0, help="Seconds between two readings; each api has its own default.")
def add(data: Path, name: str, api: str, given: tuple[str, ...], credentials: Path | None, every: int) -> None:
    """Add an exchange, and the bank NAME that it feeds. The first reading begins within a second."""
    from tocsin.gateway.exchanges.apis import APIS

    held: dict[str, Any] = {}
    for one in given:
        field, mark, value = one.partition("=")
        if not mark:
            raise click.UsageError(f"--set {one} has not the form FIELD=VALUE.")
        kind = next((f.type for f in APIS[api].config if f.name == field), "") if api in APIS else ""
        held[field] = value.split(",") if kind in ("set_of_number", "list_of_string") else value
    file = str(credentials.expanduser().resolve()) if credentials else ""
    with sentences(), _desk(data) as desk:
        desk.exchanges.create(name, api, held, trusted=True, interval_s=every, credentials_file=file)
    click.echo(f"The exchange {name} is added. Read it now with: tocsin gateway exchange run {name}")


@exchange.command(name="list", epilog="Example:  tocsin gateway exchange list")
@DATA
@_JSON
def list_(data: Path, as_json: bool) -> None:
    """List the exchanges, and how each is doing."""
    with sentences(), _desk(data) as desk:
        for name in desk.exchanges.names():
            row, told = desk.exchanges.get(name), desk.exchanges.status(name)
            if as_json:
                line({"name": name, "api": row.api, "enabled": row.enabled, "interval_s": row.interval_s, **told})
                continue
            state = "paused" if not row.enabled else "up to date" if told["up_to_date"] else "not up to date"
            click.echo(f"{name:24} {row.api:18} {state:15} {told['fetched_items']:>12,} entries  {told['message']}")


@exchange.command(epilog="Example:  tocsin gateway exchange run NCII")
@DATA
@click.argument("name")
@click.option("--allow-shrink", is_flag=True, help="Believe the exchange that most of its list is gone.")
@_JSON
def run(data: Path, name: str, allow_shrink: bool, as_json: bool) -> None:
    """Read an exchange now, to the end of what is new. Exits 2 when the range is not complete."""
    with sentences(), _desk(data) as desk:
        if allow_shrink:
            desk.exchanges.allow_shrink(name)
        with _shown(name, as_json) as told:
            done = desk.exchanges.run(name, told=told)
        progress = done.progress
        if as_json:
            line({"name": name, "complete": done.complete, "message": done.message, **progress.as_dict()})
        if not done.complete:
            raise Failure(f"{name} is not read to its end. {done.message}")
        if not as_json:
            click.echo(
                f"{name} is complete: {progress.active:,} taken, {progress.withdrawn + progress.swept:,} withdrawn, "
                f"{progress.left_out:,} left out."
            )
            for what, number in sorted(progress.other.items()):
                click.echo(f"  {number:,} not matched here: {_plain(what)}")
            if progress.left_out:
                click.echo(f"  those left out, with reasons: {desk.exchanges.scratch / f'{name}.left-out.jsonl'}")


@exchange.command(epilog="Example:  tocsin gateway exchange status NCII")
@DATA
@click.argument("name")
@_JSON
def status(data: Path, name: str, as_json: bool) -> None:
    """Show how far an exchange has been read, and with what success."""
    with sentences(), _desk(data) as desk:
        told = desk.status(name)
    if as_json:
        line({"name": name, **told})
        return
    for what, value in told.items():
        shown = json.dumps(value) if isinstance(value, dict | list) else value
        click.echo(f"{what:24} {'' if shown is None else _plain(str(shown))}")


@exchange.command(epilog="Example:  tocsin gateway exchange feedback NCII --on")
@DATA
@click.argument("name")
@click.option("--on/--off", required=True, help="Off until you switch it on.")
def feedback(data: Path, name: str, on: bool) -> None:
    """Tell an exchange what people decide, at the hub, on matches with its list, from now on."""
    with sentences(), _desk(data) as desk:
        desk.exchanges.feedback(name, on)
    click.echo(f"{name} {'hears from now on' if on else 'no longer hears'} what is decided at the hub.")


@exchange.command(epilog="Example:  tocsin gateway exchange remove NCII")
@DATA
@click.argument("name")
def remove(data: Path, name: str) -> None:
    """Forget an exchange. Its bank, and what it holds, stays."""
    with sentences(), _desk(data) as desk:
        desk.remove(name)
    click.echo(f"The exchange {name} is removed; its bank stays.")


@exchange.command(epilog="Example:  tocsin gateway exchange push NCII --bank MINE --tag policy-2")
@DATA
@click.argument("name")
@click.option("--bank", required=True, help="The bank that is given; its terms must allow it.")
@click.option("--tag", "tags", multiple=True, help="A tag that goes with every hash; may be repeated.")
@click.option("--once", is_flag=True, help="Push now, to the end of what is new, and set no schedule.")
@click.option("--stop", is_flag=True, help="Stop; what was given stays there.")
@click.option("--take-back", is_flag=True, help="Stop, and withdraw what was given.")
@click.option("--held", type=click.Choice(["again", "leave"]), help="Send what is held for you again, or leave it.")
@_JSON
def push(
    data: Path,
    name: str,
    bank: str,
    tags: tuple[str, ...],
    once: bool,
    stop: bool,
    take_back: bool,
    held: str | None,
    as_json: bool,
) -> None:
    """Give a bank to an exchange, on the exchange's schedule, withdrawals too. Exits 2 where --once is not complete."""
    if once + stop + take_back + (held is not None) > 1:
        raise click.UsageError("Choose one of --once, --stop, --take-back and --held.")
    with sentences(), _desk(data) as desk:
        if held is not None:
            settled = desk.pushes.decide(name, bank, again=held == "again")
            click.echo(
                f"{settled:,} hashes of {bank} that were held are {'sent again' if held == 'again' else 'left'}."
            )
        elif stop or take_back:
            desk.pushes.stop(name, bank, take_back=take_back)
            click.echo(
                f"{bank} is no longer given to {name}" + ("; what was given is taken back." if take_back else ".")
            )
        else:
            desk.pushes.set(name, bank, scheduled=not once, tags=tags)
            if not once:
                click.echo(f"{bank} is given to {name} from now on; see: tocsin gateway exchange status {name}")
                return
            with _shown(name, as_json, "Giving") as told:
                outcome = desk.pushes.run(name, bank, told=told)
            done = outcome.done
            if as_json:
                report = {"name": name, "bank": bank, "complete": outcome.complete, "message": outcome.message}
                line(report | done.as_dict())
            if not outcome.complete:
                raise Failure(f"{bank} is not given to {name} to its end. {outcome.message}")
            if not as_json:
                click.echo(
                    f"{name} has {bank}: {done.given:,} given, {done.gone:,} withdrawn, {done.refused:,} refused, "
                    f"{done.held:,} held for you, {done.untold:,} that cannot be told."
                )


@exchange.command(epilog="Example:  tocsin gateway exchange share acme --bank MINE --title 'Acme Inc.'")
@DATA
@click.argument("partner")
@click.option("--bank", "banks", multiple=True, help="A bank that the partner may read; may be repeated.")
@click.option("--title", default="", help="What others read as the partner's name.")
@click.option("--inbox", default="", help="The bank that takes what the partner submits.")
def share(data: Path, partner: str, banks: tuple[str, ...], title: str, inbox: str) -> None:
    """Share banks with PARTNER, who shows the key of that name (scope exchange)."""
    with sentences(), _desk(data) as desk:
        reader = desk.partners.grant(partner, list(banks), title=title, inbox=inbox)
    click.echo(f"{partner} may read: {', '.join(bank for bank, _ in reader.banks) or 'nothing'}.")


@exchange.command(epilog="Example:  tocsin gateway exchange unshare acme")
@DATA
@click.argument("partner")
@click.option("--bank", default="", help="Only this bank; without, everything.")
def unshare(data: Path, partner: str, bank: str) -> None:
    """Stop sharing with PARTNER."""
    with sentences(), _desk(data) as desk:
        desk.partners.withdraw(partner, bank)
    click.echo(f"{partner} no longer reads {bank or 'anything'} here.")


@exchange.command(epilog="Example:  tocsin gateway exchange partners")
@DATA
@_JSON
def partners(data: Path, as_json: bool) -> None:
    """List who reads which banks here."""
    with sentences(), _desk(data) as desk:
        for one in desk.partners.all():
            banks = [bank for bank, _ in one.banks]
            if as_json:
                line({"name": one.name, "title": one.title, "banks": banks, "inbox": one.inbox})
            else:
                inbox = f"  submits to {one.inbox}" if one.inbox else ""
                click.echo(f"{one.name:24} {', '.join(banks) or 'nothing'}{inbox}")


@contextlib.contextmanager
def _desk(data: Path) -> "Iterator[Desk]":
    """Open what exchanges are kept with; refusals become sentences. A gateway may run on the same folder."""
    from sqlalchemy import select

    from tocsin.gateway.banks_tables import Bank
    from tocsin.gateway.exchanges.desk import Desk
    from tocsin.gateway.refusals import Refused
    from tocsin.gateway.settings import Settings
    from tocsin.gateway.store import Store
    from tocsin.placement.platform import private_folder

    settings = Settings(data=data.expanduser().resolve())
    for folder in (settings.data, settings.banks, settings.keys):
        private_folder(folder)
    store = Store.open(settings.data / "gateway.db")

    def folder_of(name: str) -> Path:
        with store.reading() as session:
            bank = session.scalars(select(Bank).where(Bank.name == name)).one_or_none()
        if bank is None:
            raise Refused(404, f"There is no bank named {name}.")
        return settings.banks / bank.folder

    try:
        desk = Desk.open(settings, store, folder_of)
        try:
            yield desk
        except Refused as refused:
            raise Failure(refused) from refused
        finally:
            desk.close()
    finally:
        store.close()


@contextlib.contextmanager
def _shown(name: str, quiet: bool, doing: str = "Reading") -> Iterator[Any]:
    """Show progress on a terminal: pages, rows, rows a second. How many there will be, no exchange says."""
    import sys

    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from tocsin.gateway.exchanges.pushing import Pushed

    columns = (TextColumn(f"{doing} {{task.description}}"), BarColumn(), TextColumn("{task.fields[rows]}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=None, rows="")

        def told(so_far: "Done | Pushed") -> None:
            if isinstance(so_far, Pushed):
                progress.update(task, rows=f"{so_far.given:,} given, {so_far.gone:,} withdrawn")
                return
            elapsed = progress.tasks[0].elapsed or 0
            speed = f", {so_far.rows / elapsed:,.0f}/s" if elapsed else ""
            progress.update(task, rows=f"{so_far.pages:,} pages, {so_far.rows:,} rows{speed}")

        yield told


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
