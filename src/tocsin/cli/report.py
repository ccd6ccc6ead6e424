"""``tocsin report``: the worker that files reports, what a report says, and sealed referrals for elsewhere."""

import json
import logging
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tocsin.cli.speaking import Failure, line, must_be_new, read_file, read_text

if TYPE_CHECKING:
    from tocsin.exchange.cybertip.client import Credentials
    from tocsin.hub.hub import Hub

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
_DATA = Path.home() / ".local" / "share" / "tocsin" / "reporting"


@click.group(
    epilog="Example:  tocsin report worker --hub https://hub.example --token-file token --credentials c --key k"
)
def command() -> None:
    """File reports, show what they say, and refer evidence to others."""


@command.command(
    epilog="Example:  tocsin report worker --hub https://hub.example:8420 --token-file token --credentials ncmec.json "
    "--key reporting.key"
)
@click.option("--hub", "url", required=True, metavar="URL", help="The hub's address.")
@click.option("--certificate", type=FILE, help="The hub's certificate (PEM), if no public authority signed it.")
@click.option("--token-file", type=FILE, required=True, help="File with the worker's token, made under Reporting.")
@click.option("--credentials", type=FILE, required=True, help='File: {"username": "…", "password": "…"}, no more.')
@click.option("--key", "key_file", type=FILE, required=True, help="The reporting key: opens the evidence to be sent.")
@click.option("--data", type=FOLDER, default=_DATA, show_default=True, help="Folder of the worker's own journal.")
@click.option("--production", is_flag=True, help="File to the authority itself. The hub's switch must be on, too.")
@click.option("--once", is_flag=True, help="Go over what is due once, and end.")
@click.option("--service", default="", hidden=True, help="Another address of the service, on this machine: for tests.")
def worker(
    url: str,
    certificate: Path | None,
    token_file: Path,
    credentials: Path,
    key_file: Path,
    data: Path,
    production: bool,
    once: bool,
    service: str,
) -> None:
    """Take approved reports from the hub and file them, to the sandbox unless --production is given."""
    import time
    from datetime import UTC, datetime

    from tocsin.cli.evidence import identities_of
    from tocsin.exchange.cybertip.client import PRODUCTION, SANDBOX, CyberTip
    from tocsin.exchange.cybertip.schema import SchemaError
    from tocsin.placement.config import PlacementError
    from tocsin.reporting.desk import HubDesk
    from tocsin.reporting.filing import Filing
    from tocsin.reporting.journal import Journal, JournalError
    from tocsin.reporting.worker import Worker, schema_of

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if service and production:
        raise Failure("With --production reports go to the authority and nowhere else.")
    environment = "production" if production else "sandbox"
    given, identities = credentials_in(credentials), identities_of(key_file)
    pem = read_text(certificate, 65_536) if certificate is not None else ""
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    try:
        desk = HubDesk(url, read_text(token_file, 1000).strip(), pem)
        authority = CyberTip(given, service or (PRODUCTION if production else SANDBOX))
        if authority.status().code == 2000:
            raise Failure("The service does not accept these credentials; nothing was taken from the hub.")
        journal = Journal(data / f"{environment}.sqlite3")
        filing = Filing(
            desk=desk,
            service=authority,
            journal=journal,
            identities=identities,
            schema=schema_of(authority, data / f"{environment}.xsd"),
            environment=environment,
            now=lambda: datetime.now(UTC),
            sleep=lambda seconds: _wait(stop, seconds, time.sleep),
        )
    except (PlacementError, JournalError, SchemaError, ValueError, OSError) as error:
        raise Failure(error) from error
    click.echo(f"Filing to the {environment}{': real reports' if production else ', which reaches nobody'}.", err=True)
    try:
        Worker(filing).run(lambda seconds: once or stop.wait(seconds))
    finally:
        journal.close()
        desk.close()
        authority.close()


@command.command(epilog="Example:  tocsin report cybertip --data /srv/tocsin --alert A-12 --reason 'inspection 4'")
@click.option("--data", type=FOLDER, required=True, help="The hub's data folder.")
@click.option("--store", default="", help="The hub's store URL, if it is not in the data folder.")
@click.option("--alert", required=True, metavar="NUMBER", help="The alert whose reports are shown, as in A-12.")
@click.option("--schema", "schema_file", type=FILE, help="NCMEC's schema, to hold the XML against.")
@click.option("--reason", required=True, help="Why; what a report says of a user is read against a reason.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
def cybertip(data: Path, store: str, alert: str, schema_file: Path | None, reason: str, as_json: bool) -> None:
    """Show an alert's CyberTipline reports as XML, as the worker would send them. Sends nothing."""
    from pydantic import TypeAdapter
    from sqlalchemy import select

    from tocsin.exchange.cybertip import schema
    from tocsin.exchange.cybertip.facts import Report as Facts
    from tocsin.exchange.cybertip.writing import report_xml
    from tocsin.hub import audit
    from tocsin.hub.refusals import Refused
    from tocsin.hub.reports import filing
    from tocsin.hub.store.reports import Report

    hub, facts = _hub(data, store), TypeAdapter(Facts)
    try:
        held = schema.load(schema_file) if schema_file is not None else None
        with hub.store.session() as session:
            row = _alert(session, alert)
            reports = list(session.scalars(select(Report).where(Report.alert_id == row.id).order_by(Report.number)))
            audit.record(session, audit.HUB, audit.EXPORT, f"alert:{row.id}", reason, detail={"reports": len(reports)})
        if not reports:
            raise Failure(f"Alert A-{row.number} has no report; a person drafts one in the console.")
        for report in reports:
            with hub.store.reading() as session:
                xml = report_xml(facts.validate_python(filing.sent_facts(session, hub, report)))
            if held is not None:
                held.check(xml)
            shown = {"report": f"R-{report.number}", "state": report.state, "environment": report.environment}
            if as_json:
                line(shown | {"remote_id": report.remote_id, "xml": xml.decode()})
            else:
                click.echo(f"R-{report.number}: {report.state} {report.environment}", err=True)
                click.echo(xml.decode())
    except (ValueError, Refused) as error:
        raise Failure(str(error)) from error
    finally:
        hub.close()


@command.command(
    epilog="Example:  tocsin report referral --data /srv/tocsin --alert A-12 --key officer.key --to age1… "
    "--recipient 'Northport Police' --reason 'referral 7' --out a-12.age"
)
@click.option("--data", type=FOLDER, required=True, help="The hub's data folder.")
@click.option("--store", default="", help="The hub's store URL, if it is not in the data folder.")
@click.option("--evidence", "blobs", default="", help="Where sealed evidence is, if it is not in the data folder.")
@click.option("--alert", required=True, metavar="NUMBER", help="The alert whose evidence is referred, as in A-12.")
@click.option("--key", "key_file", type=FILE, required=True, help="A key that opens the evidence.")
@click.option("--to", "recipients", multiple=True, required=True, metavar="AGE-KEY", help="Whose key opens it; repeat.")
@click.option("--recipient", required=True, help="For whom, in words.")
@click.option("--sender", default="", help="From whom, in words.")
@click.option("--reason", required=True, help="Why; the referral is an entry of the log.")
@click.option("--out", type=FILE, required=True, help="The sealed package.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
def referral(
    data: Path,
    store: str,
    blobs: str,
    alert: str,
    key_file: Path,
    recipients: tuple[str, ...],
    recipient: str,
    sender: str,
    reason: str,
    out: Path,
    as_json: bool,
) -> None:
    """Seal an alert's evidence, with its custody record, into one package for another authority."""
    from tocsin.cli.evidence import identities_of
    from tocsin.evidence.keys import write_private
    from tocsin.evidence.sealing import SealingError
    from tocsin.exchange import referral as referrals
    from tocsin.hub import audit

    must_be_new(out)
    identities = identities_of(key_file)
    hub = _hub(data, store, blobs)
    try:
        with hub.store.session() as session:
            row = _alert(session, alert)
            items = _items(session, hub, row, identities)
            entry = {"to": recipient[:200], "items": len(items)}
            audit.record(session, audit.HUB, audit.DISCLOSURE, f"alert:{row.id}", reason, row.order_id or "", entry)
            session.flush()
            about = referrals.About(
                reference=f"A-{row.number}", sender=sender, recipient=recipient, reason=reason, made_at=hub.clock.now()
            )
            sealed = referrals.build(about, items, _custody(session, row), recipients)
            write_private(out, sealed.data)
    except (referrals.ReferralError, SealingError, ValueError, RuntimeError, OSError) as error:
        raise Failure(error) from error
    finally:
        hub.close()
    if as_json:
        line({"out": str(out), "sha256": sealed.digest, "size": sealed.size, "items": len(items)})
        return
    click.echo(f"Wrote {out}: {_count(items)}, sealed. SHA-256: {sealed.digest}")


@command.command("open", epilog="Example:  tocsin report open a-12.age --key police.key --out a-12")
@click.argument("file", type=FILE)
@click.option("--key", "key_file", type=FILE, required=True, help="A key that it was sealed to.")
@click.option("--out", type=FOLDER, required=True, help="A new folder for what is in it.")
def open_(file: Path, key_file: Path, out: Path) -> None:
    """Open a referral, check every digest, and write what is in it into a new folder."""
    import pyrage

    from tocsin.cli.evidence import identities_of
    from tocsin.evidence.keys import write_private
    from tocsin.exchange import referral as referrals

    must_be_new(out)
    sealed = read_file(file, 2 * referrals.LARGEST)
    try:
        keys = [pyrage.x25519.Identity.from_str(each) for each in identities_of(key_file)]
        opened = referrals.read(pyrage.decrypt(sealed, keys))
        out.mkdir(mode=0o700)
        (out / "items").mkdir(mode=0o700)
        for path, content in opened.files.items():
            write_private(out / path, content)
    except (pyrage.DecryptError, referrals.ReferralError, OSError) as error:
        raise Failure(f"{file}: {error}") from error
    manifest = opened.manifest
    click.echo(f"{manifest['reference']} for {manifest['to']}: {_count(manifest['items'])}, every digest right.")


def credentials_in(path: Path) -> "Credentials":
    """Read the service's credentials. Raises Failure for a file that others can read or that says anything else.

    Where reports go is not said here: neither an address nor a switch is taken from the file.
    """
    from tocsin.exchange.cybertip.client import Credentials

    text = read_text(path, 10_000)
    if path.stat().st_mode & 0o077:
        raise Failure(f"{path} can be read by others; allow only yourself: chmod 600 {path}")
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise Failure(f"{path} is not JSON.") from error
    if not isinstance(raw, dict) or set(raw) != {"username", "password"} or not all(map(_is_word, raw.values())):
        raise Failure(f"{path} holds username and password, and nothing else: where reports go is not said there.")
    return Credentials(raw["username"], raw["password"])


def _count(items: list[Any]) -> str:
    return f"{len(items)} {'item' if len(items) == 1 else 'items'}"


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) < 1000


def _wait(stop: threading.Event, seconds: float, sleep: Any) -> None:
    """Wait, but no longer than until the worker is asked to end."""
    if not stop.wait(seconds):
        sleep(0)


def _hub(data: Path, store: str, blobs: str = "") -> "Hub":
    from tocsin.hub.hub import Hub
    from tocsin.hub.settings import HubSettings

    if not (data / "keys" / "log.key").is_file():
        raise Failure(f"{data} is not the data folder of a hub: there is no log key in it.")
    try:
        return Hub.open(HubSettings(data=data, store_url=store, evidence_url=blobs))
    except (RuntimeError, OSError) as error:
        raise Failure(error) from error


def _alert(session: Any, number: str) -> Any:
    from sqlalchemy import select

    from tocsin.hub.store.schema import Alert

    digits = number.strip().upper().removeprefix("A-")
    found = None
    if digits.isascii() and digits.isdigit() and len(digits) < 10:
        found = session.scalars(select(Alert).where(Alert.number == int(digits))).unique().first()
    if found is None:
        raise Failure(f"There is no alert {number[:20]!r} at this hub.")
    return found


def _items(session: Any, hub: "Hub", alert: Any, identities: list[str]) -> list[Any]:
    """Return the alert's opened evidence as items: documents, pictures and files. Raises SealingError, BlobError."""
    from sqlalchemy import select

    from tocsin.evidence.sealing import open_sealed
    from tocsin.exchange.referral import Item
    from tocsin.hub.store.schema import EvidenceRecord, FindingRecord
    from tocsin.reporting.exhibits import exhibits_of

    query = (
        select(EvidenceRecord.digest, FindingRecord.matches)
        .join(FindingRecord, FindingRecord.evidence == EvidenceRecord.digest)
        .where(FindingRecord.alert_id == alert.id, EvidenceRecord.status == "stored")
        .order_by(EvidenceRecord.declared_at, EvidenceRecord.digest)
    )
    items: list[Any] = []
    done: set[str] = set()
    for name, matches in session.execute(query):
        if name in done:
            continue
        done.add(name)
        document = open_sealed(hub.blobs.get(name), identities)
        words = {key: value for key, value in document.items() if key not in ("pictures", "files")}
        about = {"evidence": name, "matches": matches}
        text = json.dumps(words, ensure_ascii=False, indent=1).encode()
        items.append(Item(name=f"{name[:12]}-evidence.json", data=text, about=about))
        for one in exhibits_of(name, document, [{"item": None}], ()):
            items.append(Item(name=f"{name[:12]}-{one.name}", data=one.data, about=about | {"item": one.item}))
    return items


def _custody(session: Any, alert: Any) -> list[str]:
    """Return the log's entries about an alert and its evidence, verbatim and in order."""
    from sqlalchemy import select

    from tocsin.hub.store.schema import AuditEntry, FindingRecord

    digests = session.scalars(
        select(FindingRecord.evidence).where(FindingRecord.alert_id == alert.id, FindingRecord.evidence.is_not(None))
    )
    about = [f"alert:{alert.id}", *(f"evidence:{each}" for each in digests)]
    query = select(AuditEntry.entry).where(AuditEntry.object.in_(about)).order_by(AuditEntry.seq)
    return list(session.scalars(query))
