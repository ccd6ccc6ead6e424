"""``tocsin lists push`` and ``pull``: hash lists to and from an object store."""

from pathlib import Path

import click

from tocsin.cli.speaking import Failure, line

_FOLDER = click.Path(path_type=Path, file_okay=False)
_JSON = click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")


@click.command(epilog="Example:  tocsin lists push lists/known s3://tocsin/lists/known")
@click.argument("folder", type=_FOLDER, required=False)
@click.argument("url", metavar="URL", required=False)
@click.option("--withdraw", metavar="URL", help="Take a list back instead: whoever follows it lets go of it.")
@_JSON
def push(folder: Path | None, url: str | None, withdraw: str | None, as_json: bool) -> None:
    """Push a list to an object store; only what is new travels. Gateways follow it with --list URL."""
    from tocsin.gateway.cluster import mirror
    from tocsin.gateway.cluster.bucket import Bucket, BucketError
    from tocsin.matching.lists import HashList, ListError
    from tocsin.matching.lists.folder import STATE

    if (withdraw is None) == (folder is None or url is None) or (withdraw is not None and folder is not None):
        raise click.UsageError("give a FOLDER and a URL, or only --withdraw URL.")
    try:
        if withdraw is not None:
            mirror.withdraw(Bucket.open(withdraw))
            if as_json:
                line({"url": withdraw, "withdrawn": True})
            else:
                click.echo(f"The list at {withdraw} is withdrawn; whoever follows it lets go of it.")
            return
        assert folder is not None
        assert url is not None
        bucket = Bucket.open(url)
        if not (folder / STATE).is_file():
            HashList.open(folder)
        done = mirror.push(folder, bucket)
    except (BucketError, ListError, OSError) as error:
        raise Failure(error) from error
    if as_json:
        line({"url": url, "files": done.files, "bytes": done.bytes, "removed": done.removed})
    else:
        click.echo(f"{url} is as {folder} is now: {done.files:,} files went up ({done.bytes:,} bytes).")


@click.command(epilog="Example:  tocsin lists pull s3://tocsin/lists/known lists/copy")
@click.argument("url", metavar="URL")
@click.argument("folder", type=_FOLDER)
@_JSON
def pull(url: str, folder: Path, as_json: bool) -> None:
    """Fetch a list from an object store into a folder, or bring the copy there up to date."""
    from tocsin.gateway.cluster.bucket import Bucket, BucketError
    from tocsin.gateway.cluster.mirror import Copy
    from tocsin.matching.lists import ListError

    try:
        copy = Copy(Bucket.open(url), folder)
        changed = copy.follow()
    except (BucketError, ListError, OSError) as error:
        raise Failure(error) from error
    if copy.behind:
        raise Failure(f"Another program is just fetching the list into {folder}.")
    if as_json:
        line({"folder": str(folder), "changed": changed, "whole": copy.whole})
    elif not copy.whole:
        click.echo(f"The list at {url} was withdrawn; {folder} is empty now.")
    else:
        click.echo(f"{folder} is as {url} is now{'' if changed else ', and was before'}.")
