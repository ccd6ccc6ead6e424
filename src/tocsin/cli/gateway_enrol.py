"""``tocsin gateway enrol / unenrol / status``: the gateway's place at a hub."""

import sys
from pathlib import Path
from typing import Any, Final

import click

from tocsin.cli.gateway_data import DATA, opened, sentences
from tocsin.cli.speaking import Failure, line, sole


@click.command(epilog="Example:  tocsin gateway enrol --hub https://hub.example:8420 --token T --order policy.json")
@click.option("--hub", required=True, help="The hub's address.")
@click.option("--token", required=True, help="The one-time token; - reads it from standard input.")
@click.option(
    "--order",
    "order_file",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The signed policy's file.",
)
@click.option("--root", "roots", multiple=True, help="A key (base64) whose orders are trusted.")
@click.option("--label", default="", help="Which of the order's devices this gateway is.")
@click.option("--certificate", default="", help="The SHA-256 fingerprint that the hub's certificate must have.")
@DATA
def enrol(
    hub: str, token: str, order_file: Path, roots: tuple[str, ...], label: str, certificate: str, data: Path
) -> None:
    """Let the gateway record what it finds, under a signed policy, at a hub. It does from its next start."""
    from tocsin.model import SystemClock
    from tocsin.placement.enrol import enrol as enrol_

    if token == "-":  # noqa: S105 the sign for standard input
        token = sys.stdin.readline().strip()
    with sentences():
        signed = order_file.read_bytes()[: 2 << 20].decode("utf-8")
        folders = _folders(data)
        done = enrol_(hub, token, signed, folders, SystemClock(), roots=roots, label=label, certificate=certificate)
    order = done.order.order
    click.echo(f"Enrolled as {done.config.label!r} (device {done.config.device}) under order {order.id}.")
    click.echo(f"Authority        {order.authority.name}")
    click.echo(f"Signer           {done.order.fingerprint}" + ("" if roots else "  (pinned at first use: compare it)"))
    click.echo(f"Hub certificate  {done.certificate}")
    click.echo(f"Hub key          {done.hub_key}")
    click.echo("It records from its next start: tocsin gateway")


@click.command(epilog="Example:  tocsin gateway unenrol")
@click.option("--yes", is_flag=True, help="Do not ask.")
@DATA
def unenrol(yes: bool, data: Path) -> None:
    """End the gateway's enrolment; the hub is told. It goes on answering, and records nothing."""
    from tocsin.model import SystemClock
    from tocsin.placement import config as configs
    from tocsin.placement.enrol import unenrol as unenrol_

    folders = _folders(data)
    with sentences():
        configs.load(folders)
        if not yes and not click.confirm("Remove the enrolment? The hub will be told."):
            raise Failure("Nothing was removed.")
        with sole(data.expanduser().resolve(), "gateway"):
            told = unenrol_(folders, SystemClock())
    click.echo("Removed. The hub was told." if told else "Removed. The hub could not be reached; it will notice.")


@click.command(epilog="Example:  tocsin gateway status")
@click.option("--json", "as_json", is_flag=True, help="JSON on one line.")
@DATA
def status(data: Path, as_json: bool) -> None:
    """Say whether the gateway runs, where it is enrolled, and what it holds."""
    from tocsin.gateway.access import list_keys
    from tocsin.gateway.catalogue import Catalogue
    from tocsin.gateway.settings import Settings
    from tocsin.model import SystemClock, utc_text
    from tocsin.placement import config as configs
    from tocsin.placement.standing import Standing

    data = data.expanduser().resolve()
    folders = _folders(data)
    told: dict[str, Any] = {"data": str(data), "running": _runs(data), "enrolled": folders.config.exists()}
    with sentences(), opened(data) as store:
        if told["enrolled"]:
            config = configs.load(folders)
            told |= {"hub": config.hub, "device": config.device, "label": config.label}
            policy = Standing(folders.order, config.roots, config.label).signed.order
            told["policy"] = {
                "id": policy.id,
                "state": policy.state(SystemClock().now()),
                "until": utc_text(policy.ends),
            }
        catalogue = Catalogue(Settings(data=data), store)
        try:
            told["banks"] = {
                terms.name: bank.list.view.entries if (bank := catalogue.bank(terms.name)) else 0
                for terms in catalogue.terms
            }
        finally:
            catalogue.close()
        told["keys"] = [row.name for row in list_keys(store) if row.revoked_at is None]
    if as_json:
        line(told)
        return
    click.echo(f"The gateway in {data} {'runs' if told['running'] else 'does not run'}.")
    place = f"is enrolled at {told['hub']} as {told['label']!r}" if told["enrolled"] else "is not enrolled at any hub"
    click.echo(f"It {place}.")
    if told["enrolled"]:
        state = _STATES[told["policy"]["state"]]
        click.echo(f"Its policy {told['policy']['id']} {state}. Its last day is {told['policy']['until'][:10]}.")
    for name, entries in told["banks"].items():
        click.echo(f"Bank {name}: {entries:,} entries")
    click.echo(f"Keys: {', '.join(told['keys']) or 'none'}")


_STATES: Final = {
    "in-force": "is in force as it was signed",
    "not-yet": "is not yet in force: nothing that matches is recorded",
    "ended": "is over: nothing that matches is recorded",
}


def _folders(data: Path) -> Any:
    from tocsin.gateway.settings import Settings
    from tocsin.placement.config import Folders

    return Folders(Settings(data=data.expanduser().resolve()).placement, "gateway")


def _runs(data: Path) -> bool:
    from tocsin.placement.platform import take_lock

    if not (data / "gateway.lock").exists():
        return False
    lock = take_lock(data / "gateway.lock")
    if lock is not None:
        lock.close()
    return lock is None
