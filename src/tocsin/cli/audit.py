"""``tocsin audit``: export the hub's log, and verify an export or a receipt offline."""

from pathlib import Path

import click

from tocsin.cli.speaking import Failure, line, must_be_new, read_file, read_text

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
_MAX_NOTE = 131_072


@click.group(epilog="Example:  tocsin audit verify export --key VKEY --earlier checkpoint-of-last-month")
def command() -> None:
    """Verify and export the audit log."""


@command.command(
    epilog="Example:  tocsin audit verify export --key log.example/unit+02f6988b+AQOhB7... --earlier kept.txt"
)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--key", default="", help="The log's verifier key, or a file that holds it; kept elsewhere than the hub.")
@click.option("--earlier", type=FILE, help="A checkpoint kept from before: shows a fork or a rollback.")
@click.option("--witness", "witnesses", multiple=True, help="A witness's verifier key.")
@click.option("--entry", type=FILE, help="With a receipt (.tlog-proof): the file holding the entry's exact bytes.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
def verify(
    path: Path, key: str, earlier: Path | None, witnesses: tuple[str, ...], entry: Path | None, as_json: bool
) -> None:
    """Verify an exported log (a folder) or one entry's receipt (a .tlog-proof file), offline. Exits 0 or 2."""
    from tocsin.evidence.audit import AuditError, verify_export

    vkey = _vkey(key)
    if path.suffix == ".jsonl":
        path = path.parent
    if path.suffix.lower() == ".zip":
        raise Failure(f"{path} is packed: unpack it and verify the folder that is in it.")
    if path.is_file():
        _verify_receipt(path, vkey, witnesses, entry, as_json)
        return
    if not path.is_dir():
        raise Failure(f"{path} is not there.")
    logs = _call_logs(path)
    if logs:
        _verify_call_logs(logs, vkey, read_text(earlier, _MAX_NOTE) if earlier is not None else None, as_json)
        return
    kept = read_text(earlier, _MAX_NOTE) if earlier is not None else None
    try:
        report = verify_export(path, vkey, kept, witnesses)
    except AuditError as error:
        raise Failure(error) from error
    if as_json:
        checkpoint = report.checkpoint
        line(
            {
                "ok": report.ok,
                "entries": report.entries,
                "origin": checkpoint.origin if checkpoint else None,
                "size": checkpoint.size if checkpoint else None,
                "problems": list(report.problems),
                "trusted": report.trusted,
                "earlier_checked": report.earlier_checked,
                "witnesses": [{"name": name, "time": time} for name, time in report.witnesses],
            }
        )
    for problem in report.problems:
        click.echo(problem, err=True)
    if not report.ok:
        raise Failure(f"{path} is not the log that was signed.")
    if not as_json:
        click.echo(
            f"{report.entries} entries are exactly those that {report.checkpoint.origin} signed."
            if report.checkpoint
            else ""
        )
        _say_trust(report.trusted, earlier is not None)


@command.command(epilog="Example:  tocsin audit export --data /var/lib/tocsin --out export --reason 'inspection 12'")
@click.option("--data", type=FOLDER, required=True, help="The hub's data folder.")
@click.option("--store", default="", help="The hub's store URL, if it is not in the data folder.")
@click.option("--out", type=FOLDER, required=True, help="A new folder for the export.")
@click.option("--reason", required=True, help="Why; the export is itself an entry of the log.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
def export(data: Path, store: str, out: Path, reason: str, as_json: bool) -> None:
    """Export the whole audit log with its checkpoints, for verification elsewhere."""
    from sqlalchemy import select

    from tocsin.evidence.audit import write_export
    from tocsin.hub import audit
    from tocsin.hub.hub import Hub
    from tocsin.hub.settings import HubSettings
    from tocsin.hub.store.schema import AuditEntry, CheckpointRecord

    must_be_new(out)
    if not (data / "keys" / "log.key").is_file():
        raise Failure(f"{data} is not the data folder of a hub: there is no log key in it.")
    try:
        hub = Hub.open(HubSettings(data=data, store_url=store))
    except (RuntimeError, OSError) as error:
        raise Failure(error) from error
    try:
        now = hub.clock.now()
        with hub.store.session() as session:
            audit.record(session, audit.HUB, audit.EXPORT, "log:audit", reason=reason, at=now)
            checkpoint = hub.log.checkpoint_in(session, now)
        with hub.store.reading() as session:
            size = int(checkpoint.split("\n", 2)[1])
            entries = session.scalars(
                select(AuditEntry.entry)
                .where(AuditEntry.seq < size)
                .order_by(AuditEntry.seq)
                .execution_options(yield_per=2000)
            )
            notes = session.scalars(select(CheckpointRecord.note).where(CheckpointRecord.size <= size))
            write_export(out, entries, checkpoint, notes, [hub.log.vkey])
    except (RuntimeError, OSError, ValueError) as error:
        raise Failure(error) from error
    finally:
        hub.close()
    if as_json:
        line({"out": str(out), "entries": size, "key": hub.log.vkey, "checkpoint": checkpoint})
        return
    click.echo(f"Exported {size} entries to {out}. Keep these lines, and the key, where this hub cannot change them:\n")
    click.echo(checkpoint)
    click.echo(f"Key: {hub.log.vkey}")


@command.command(epilog="Example:  tocsin audit receipt export 41 --out entry-41.tlog-proof")
@click.argument("path", type=FOLDER)
@click.argument("index", type=click.IntRange(min=0))
@click.option("--out", type=FILE, required=True, help="Where to write the receipt; the entry goes beside it as .entry.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
def receipt(path: Path, index: int, out: Path, as_json: bool) -> None:
    """Write the receipt of one entry of an export: a single file that proves it stood in the signed log."""
    from tocsin.evidence.merkle import leaf_hash
    from tocsin.evidence.receipts import write_receipt

    beside = out.with_name(f"{out.name}.entry")
    must_be_new(out)
    must_be_new(beside)
    note = read_text(path / "checkpoint", _MAX_NOTE)
    try:
        size = int(note.split("\n", 2)[1])
        lines = (path / "entries.jsonl").read_bytes().split(b"\n")[:size]
        text = write_receipt([leaf_hash(one) for one in lines], index, note)
        out.write_text(text, encoding="utf-8", newline="\n")
        beside.write_bytes(lines[index])
    except (OSError, ValueError, IndexError) as error:
        raise Failure(f"No receipt could be made: {error}.") from error
    if as_json:
        line({"receipt": str(out), "entry": str(beside), "index": index})
        return
    click.echo(f"Wrote {out}, and the entry beside it as {beside.name}.")


def _vkey(key: str) -> str | None:
    """Return the verifier key given as text or in a file, or None."""
    if not key:
        return None
    if "+" in key and not Path(key).exists():
        return key
    lines = [one.strip() for one in read_text(Path(key), 65_536).splitlines()]
    found = [one for one in lines if one and not one.startswith("#")]
    if len(found) != 1:
        raise Failure(f"{key} must hold exactly one verifier key.")
    return found[0]


def _verify_receipt(
    path: Path, vkey: str | None, witnesses: tuple[str, ...], entry: Path | None, as_json: bool
) -> None:
    from tocsin.evidence.notes import NoteError, Verifier
    from tocsin.evidence.receipts import verify_receipt

    if vkey is None or entry is None:
        raise Failure("Verifying a receipt needs --key, the log's verifier key, and --entry, the entry's exact bytes.")
    try:
        keys = [Verifier.parse(one) for one in witnesses]
        found, checkpoint, _ = verify_receipt(
            read_text(path, _MAX_NOTE), read_file(entry, 65_535), Verifier.parse(vkey), keys
        )
    except NoteError as error:
        raise Failure(f"{path}: {error}") from error
    if as_json:
        line({"ok": True, "origin": checkpoint.origin, "index": found.index, "size": checkpoint.size})
        return
    click.echo(f"{entry} is entry {found.index} of the {checkpoint.size} entries that {checkpoint.origin} signed.")


def _call_logs(path: Path) -> list[Path]:
    """Return the logs of calls that a folder is or holds: a gateway keeps one for each of its processes."""
    from tocsin.evidence.call_log import is_log

    return [one for one in (path, *sorted(path.iterdir())) if one.is_dir() and is_log(one)]


def _verify_call_logs(logs: list[Path], vkey: str | None, earlier: str | None, as_json: bool) -> None:
    from tocsin.evidence.call_log import CallLogError, verify_log

    if len(logs) > 1 and (vkey is not None or earlier is not None):
        raise Failure("A key or an earlier checkpoint is of one log: name that log's own folder.")
    bad = False
    for log in logs:
        try:
            found = verify_log(log, vkey, earlier)
        except CallLogError as error:
            raise Failure(error) from error
        bad = bad or not found.ok
        if as_json:
            told = {"log": str(log), "ok": found.ok, "entries": found.entries, "signed": found.signed}
            line(told | {"origin": found.origin, "problems": list(found.problems), "trusted": found.trusted})
        elif found.ok:
            click.echo(f"{log.name}: {found.entries} entries follow each other; {found.origin} signed {found.signed}.")
        for problem in found.problems:
            click.echo(f"{log.name}: {problem}", err=True)
    if bad:
        raise Failure("This is not the log that was signed.")
    if not as_json:
        _say_trust(vkey is not None, earlier is not None)


def _say_trust(trusted: bool, earlier: bool) -> None:
    if not trusted:
        click.echo("No --key was given: the export agrees with itself, which a forger could arrange too.")
    if not earlier:
        click.echo("No --earlier checkpoint was given: a fork or a rollback would not show.")
