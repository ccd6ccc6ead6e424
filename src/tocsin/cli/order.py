"""``tocsin order``: write, sign, verify and show the legal basis."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tocsin.cli.speaking import Failure, line, must_be_new, read_file, read_text

if TYPE_CHECKING:
    from tocsin.orders import Order, SignedOrder

FILE = click.Path(path_type=Path, dir_okay=False)
TEMPLATES = ("uk-shpo", "us-supervised-release", "school-aup", "platform-policy")
_MAX_FILE = 1024 * 1024


@click.group(epilog="Example:  tocsin order new uk-shpo --example --out example.yaml")
def command() -> None:
    """Write, sign, verify and show orders."""


@command.command(epilog="Example:  tocsin order new uk-shpo --out order.yaml")
@click.argument("template", type=click.Choice(TEMPLATES))
@click.option("--out", type=FILE, required=True, help="Where to write the document.")
@click.option("--example", is_flag=True, help="A filled order plainly marked EXAMPLE, for trying out.")
@click.option("--recipient", default="", help="With --example: an officer's age key (age1...).")
@click.option("--recovery", default="", help="With --example: the recovery age key (age1...).")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
def new(template: str, out: Path, example: bool, recipient: str, recovery: str, as_json: bool) -> None:
    """Write a new order document from a TEMPLATE.

    The document holds placeholders where the real order's words go; fill them in, then sign it. With --example
    and no keys given, two are made and written beside the document; they protect nothing real.
    """
    from tocsin import orders
    from tocsin.evidence.keys import write_private
    from tocsin.evidence.sealing import key_file, new_identity

    if (recipient or recovery) and not example:
        raise Failure("--recipient and --recovery go with --example; in a real order, write them into the document.")
    keys: dict[Path, str] = {}
    given = {"officer": recipient, "recovery": recovery}
    if example:
        for role in [role for role, key in given.items() if not key]:
            identity, given[role] = new_identity()
            keys[out.with_name(f"{out.name}.{role}.key")] = identity
    for path in (out, *keys):
        must_be_new(path)
    try:
        text = orders.template(template, example, recipient=given["officer"], recovery=given["recovery"])
        if example:
            orders.parse(text)
        for path, identity in keys.items():
            write_private(path, key_file(identity).encode("ascii"))
        out.write_text(text, encoding="utf-8")
    except (orders.OrderError, OSError) as error:
        raise Failure(error) from error
    if as_json:
        line({"order": str(out), "template": template, "example": example, "keys": [str(path) for path in keys]})
        return
    click.echo(f"Wrote {out}.")
    for path in keys:
        click.echo(f"Made {path}, without a passphrase: for trying out only.")
    if not example:
        todo = len(orders.placeholders(text))
        click.echo(
            f"{todo} lines hold placeholders; write the real order's words there, then sign it with the authority's "
            "key:\n"
            f"tocsin order sign {out} --key authority.key --out {out.with_suffix('.signed.json')}\n"
            "The key is made once, with: tocsin order keygen --out authority.key --passphrase"
        )


@command.command(epilog="Example:  tocsin order keygen --out authority.key --passphrase")
@click.option("--out", type=FILE, required=True, help="Where to write the private key.")
@click.option("--passphrase", "ask", is_flag=True, help="Ask for a passphrase that protects the key (advised).")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
def keygen(out: Path, ask: bool, as_json: bool) -> None:
    """Make an authority's signing key and print its public half, the root that agents and hubs trust."""
    from tocsin import orders
    from tocsin.evidence.keys import fingerprint, write_private

    must_be_new(out)
    passphrase = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True) if ask else None
    pem = orders.keygen(passphrase)
    try:
        write_private(out, pem)
    except OSError as error:
        raise Failure(f"{out} cannot be written: {error.strerror or error}.") from error
    root = orders.public_key(pem, passphrase)
    if as_json:
        line({"key": str(out), "root": root, "fingerprint": fingerprint(root)})
        return
    click.echo(f"Wrote {out}. Keep it offline; whoever holds it can order monitoring.")
    click.echo(f"Public key (root): {root}\nFingerprint:       {fingerprint(root)}")


@command.command(epilog="Example:  tocsin order sign order.yaml --key authority.key --out order.signed.json")
@click.argument("file", type=FILE)
@click.option("--key", "key_file", type=FILE, required=True, help="The authority's signing key.")
@click.option("--out", type=FILE, required=True, help="Where to write the signed order.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
def sign(file: Path, key_file: Path, out: Path, as_json: bool) -> None:
    """Sign an order document; placeholders that remain are refused."""
    from tocsin import orders
    from tocsin.evidence.keys import KeyFileError, LockedKeyError, read_private_pem

    text, pem = read_text(file, _MAX_FILE), read_file(key_file, 16_384)
    must_be_new(out)
    passphrase = None
    try:
        read_private_pem(pem)
    except LockedKeyError:
        passphrase = click.prompt("Passphrase of the signing key", hide_input=True, err=True)
    except KeyFileError as error:
        raise Failure(f"{key_file}: {error}") from error
    try:
        signed = orders.sign(text, pem, passphrase)
        found = orders.verify(signed)
        out.write_text(signed, encoding="utf-8")
    except KeyFileError as error:
        raise Failure(f"{key_file}: {error}") from error
    except orders.OrderError as error:
        raise Failure(f"{file}, {error}") from error
    except OSError as error:
        raise Failure(f"{out} cannot be written: {error.strerror or error}.") from error
    if as_json:
        line({"signed": str(out), "digest": found.digest, "signer": found.signer, "fingerprint": found.fingerprint})
        return
    click.echo(f"Wrote {out}, signed by {found.fingerprint}.")
    if found.order.state(datetime.now(UTC)) == "ended":
        click.echo("Note: this order has already ended; it permits nothing.", err=True)


@command.command(epilog="Example:  tocsin order verify order.signed.json --root BASE64KEY")
@click.argument("file", type=FILE)
@click.option("--root", "roots", multiple=True, help="An authority's public key that is trusted (base64).")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
def verify(file: Path, roots: tuple[str, ...], as_json: bool) -> None:
    """Check a signed order: its signature, its form, and that it is in force. Exits 0 or 2."""
    from tocsin import orders

    text = read_text(file, _MAX_FILE)
    if text.lstrip()[:1] != "{":
        raise Failure(f"{file} is not a signed order; a document is signed with: tocsin order sign {file}")
    try:
        found = orders.verify(text, roots or None)
    except orders.OrderError as error:
        raise Failure(f"{file}: {error}") from error
    now = datetime.now(UTC)
    permission, state = orders.permit(found.order, now), found.order.state(now)
    if as_json:
        line(
            {
                "order": found.order.id,
                "digest": found.digest,
                "signer": found.signer,
                "fingerprint": found.fingerprint,
                "trusted": bool(roots),
                "state": state,
                "sentence": permission.reason,
            }
        )
    if state != "in-force":
        raise Failure(f"{file}: {permission.reason}")
    if not as_json:
        click.echo(f"{found.order.title}: signed by {found.fingerprint}. {permission.reason}")
        if not roots:
            click.echo("No --root was given: compare the fingerprint with the authority's before you trust it.")


@command.command(epilog="Example:  tocsin order show order.signed.json")
@click.argument("file", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
def show(file: Path, as_json: bool) -> None:
    """Show an order, signed or still a document, and what it permits now."""
    from tocsin import orders

    text = read_text(file, _MAX_FILE)
    signed: SignedOrder | None = None
    try:
        if text.lstrip().startswith("{"):
            signed = orders.verify(text)
            order = signed.order
        else:
            unfilled = orders.placeholders(text)
            if unfilled:
                raise Failure(f"{file} is a template still to be filled: {len(unfilled)} lines hold placeholders.")
            order = orders.parse(text)
    except orders.OrderError as error:
        raise Failure(f"{file}: {error}") from error
    permission = orders.permit(order, datetime.now(UTC))
    if as_json:
        line(
            {
                "order": order.as_dict(),
                "signed": signed is not None,
                "digest": signed.digest if signed else None,
                "fingerprint": signed.fingerprint if signed else None,
                "active": permission.active,
                "sentence": permission.reason,
                "detectors": sorted(permission.detectors),
                "evidence": sorted(permission.evidence),
            }
        )
        return
    _print_order(order, signed, permission)


@command.command(epilog="Example:  tocsin order schema > order.schema.json")
def schema() -> None:
    """Print the published JSON Schema of order documents."""
    import json

    from tocsin import orders

    click.echo(json.dumps(orders.schema(), indent=2))


def _print_order(order: "Order", signed: "SignedOrder | None", permission: Any) -> None:
    """Print an order for people."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from tocsin.orders import condition_of

    console = Console()
    console.print(f"[bold]{escape(order.title)}[/bold]  ({escape(order.id)}, {order.kind})", highlight=False)
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in _facts(order, signed, permission):
        facts.add_row(name, escape(value))
    console.print(facts)
    clauses = Table("Clause", "Condition", "Words and exceptions", "Looked at by", show_lines=True)
    for clause in order.clauses:
        words = clause.text + "".join(f"\nExcept: {one}" for one in clause.exceptions)
        readers = ", ".join(sorted(condition_of(clause).detectors)) or "nothing on the screen"
        clauses.add_row(clause.number, clause.condition, escape(words), readers)
    console.print(clauses)


def _facts(order: "Order", signed: "SignedOrder | None", permission: Any) -> list[tuple[str, str]]:
    from tocsin.model import utc_text

    return [
        ("Signed by", signed.fingerprint if signed else "NOT SIGNED, a document only"),
        ("Now", permission.reason),
        ("Authority", f"{order.authority.name}; {order.authority.contact}"),
        ("Complaints", order.authority.complaints),
        ("Court", order.court or "-"),
        ("Subject", order.subject),
        ("From, until", f"{utc_text(order.begins)}, {utc_text(order.ends)}"),
        ("Devices", ", ".join(device.label for device in order.devices)),
        ("Evidence opens for", ", ".join(f"{one.name} ({one.role})" for one in order.recipients)),
        ("Evidence kinds", ", ".join(order.evidence)),
        ("Never recorded", ", ".join(one.label for one in order.privileged) or "-"),
        ("Replaces", order.replaces or "-"),
    ]
