"""``tocsin stream``: watch live streams or recordings for what hash lists know; one JSON line a finding."""

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.cli.speaking import Failure, line

if TYPE_CHECKING:
    from tocsin.detectors.ladder import Ladder
    from tocsin.detectors.live_stream import LiveStream
    from tocsin.gateway.streams.addresses import Rules
    from tocsin.gateway.streams.classifier import Manifest
    from tocsin.gateway.streams.lookups import Lookups
    from tocsin.gateway.streams.pool import Pool, PoolSettings
    from tocsin.gateway.streams.sealed import SealedFolder
    from tocsin.gateway.streams.watch import Terms, Watch
    from tocsin.gateway.streams.weighing import Event, Weighing
    from tocsin.matching.road import Lists

PATH = click.Path(path_type=Path)


@click.command(epilog="Example:  tocsin stream rtmp://media.example.org/live/key --list lists/agency --json")
@click.argument("urls", nargs=-1, required=True)
@click.option("--list", "folders", type=PATH, multiple=True, required=True, help="A list's folder, or one of lists.")
@click.option("--key", "key_file", type=PATH, help="A key file that opens sealed lists.")
@click.option("--seal-to", "recipients", multiple=True, help="An age recipient (age1…) of what is sealed; repeat it.")
@click.option("--out", type=PATH, default=Path("sealed"), show_default=True, help="Where sealed seconds are put.")
@click.option("--before", type=click.FloatRange(0, 120), default=20.0, show_default=True, help="Seconds sealed before.")
@click.option("--after", type=click.FloatRange(0, 60), default=5.0, show_default=True, help="Seconds sealed after.")
@click.option("--seconds", type=click.FloatRange(0), default=0.0, help="Watch for so long; without it, to the end.")
@click.option(
    "--give-up", type=click.FloatRange(0), default=60.0, show_default=True, help="Seconds without connection."
)
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes that decode.")
@click.option("--share", type=click.FloatRange(0.001, 1), default=0.05, show_default=True, help="Of a core, a stream.")
@click.option("--scenes/--no-scenes", default=True, help="Look at changes of scene between keyframes too.")
@click.option("--allow-private", is_flag=True, help="Watch addresses of this machine and network too.")
@click.option("--ladder", type=PATH, help="A ladder of your own, as packs/ladder.yaml.")
@click.option("--classifier", type=PATH, help="The manifest of a classifier of your own (ONNX).")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout, one a finding.")
def command(
    urls: tuple[str, ...],
    folders: tuple[Path, ...],
    key_file: Path | None,
    recipients: tuple[str, ...],
    out: Path,
    before: float,
    after: float,
    seconds: float,
    give_up: float,
    workers: int,
    share: float,
    scenes: bool,
    allow_private: bool,
    ladder: Path | None,
    classifier: Path | None,
    as_json: bool,
) -> None:
    """Watch live streams or recordings: rtmp, rtmps, http, https (HLS too), udp and srt addresses, or files.

    An address on this machine or network needs --allow-private. A stream pushed to us is waited for with ?listen, as
    in rtmp://127.0.0.1:1935/live/key?listen. Exits 0 (nothing found), 1 (something found), 2 (an error, or a part of a
    stream was not watched).
    """
    from tocsin.cli.list_keys import key_of
    from tocsin.detectors.ladder import Ladder, LadderError
    from tocsin.evidence.sealing import SealingError
    from tocsin.gateway.streams.addresses import AddressError, Rules, parse
    from tocsin.gateway.streams.classifier import ClassifierError, Manifest
    from tocsin.gateway.streams.pool import PoolSettings
    from tocsin.gateway.streams.sealed import SealedFolder
    from tocsin.gateway.streams.watch import Terms
    from tocsin.matching.lists import ListError
    from tocsin.matching.road import Lists

    try:
        rules = Rules(allow_private=allow_private, files=True)
        for url in urls:
            parse(url, rules)
        run = _Run(
            urls,
            rules,
            Lists.open(folders, key_of(key_file)),
            PoolSettings(workers=workers, share=share, scenes=scenes, classifier=str(classifier or "")),
            Terms(before=before, after=after, seconds=seconds, give_up=give_up),
            Ladder.read(ladder),
            Manifest.read(classifier) if classifier else None,
            SealedFolder(out, recipients) if recipients else None,
            as_json,
        )
    except (AddressError, ClassifierError, LadderError, ListError, SealingError, OSError) as error:
        raise Failure(error) from error
    raise SystemExit(asyncio.run(run.all()))


class _Run:
    """Every stream of one call, watched at the same time."""

    def __init__(
        self,
        urls: tuple[str, ...],
        rules: "Rules",
        lists: "Lists",
        pool: "PoolSettings",
        terms: "Terms",
        ladder: "Ladder",
        manifest: "Manifest | None",
        sealed: "SealedFolder | None",
        as_json: bool,
    ) -> None:
        self._urls, self._rules, self._lists, self._settings = urls, rules, lists, pool
        self._terms, self._ladder, self._manifest, self._sealed = terms, ladder, manifest, sealed
        self._as_json, self._found = as_json, 0

    async def all(self) -> int:
        """Watch all to their ends; return the exit code."""
        from tocsin.detectors.live_stream import LiveStream
        from tocsin.gateway.streams.lookups import Lookups
        from tocsin.gateway.streams.pool import Pool

        lookups = Lookups(lambda batch: self._lists.match(batch))
        detector = LiveStream(self._ladder)
        async with Pool(self._settings) as pool, contextlib.AsyncExitStack() as last:
            last.push_async_callback(lookups.close)
            watches = [self._watch(number, url, pool, lookups, detector) for number, url in enumerate(self._urls)]
            await asyncio.gather(*(watch.run() for watch in watches))
        for watch in watches:
            self._over(watch)
        for problem in self._lists.problems:
            click.echo(f"Warning: {problem}", err=True)
        return 1 if self._found else 0 if all(watch.complete for watch in watches) else 2

    def _watch(self, number: int, url: str, pool: "Pool", lookups: "Lookups", detector: "LiveStream") -> "Watch":
        from tocsin.gateway.streams.addresses import parse
        from tocsin.gateway.streams.source import Ways
        from tocsin.gateway.streams.watch import Watch
        from tocsin.gateway.streams.weighing import Weighing
        from tocsin.model import SystemClock

        clock = SystemClock()

        def weighing(watch: "Watch") -> "Weighing":
            return Weighing(
                stream=str(number + 1),
                shown=watch.address.shown,
                lookups=lookups,
                detector=detector,
                recording=self._sealed,
                clock=clock,
                piece=watch.piece,
                tell=self._tell,
                manifest=self._manifest,
                after=self._terms.after,
            )

        return Watch(parse(url, self._rules), pool, Ways(self._rules), self._terms, clock, weighing)

    def _tell(self, event: "Event") -> None:
        from tocsin.gateway.streams.telling import event_json

        self._found += 1
        if self._as_json:
            line(event_json(event))
            return
        told = event_json(event)
        click.echo(
            f"{told['found_at']}  {told['rung']:4}  severity {told['severity']}  {told['address']}: {told['why']}"
        )
        if "sealed" in told:
            click.echo(f"    sealed: {told['sealed']['path']}")

    def _over(self, watch: "Watch") -> None:
        told = watch.told()
        if watch.complete:
            if not self._as_json:
                click.echo(f"{told['address']}: {told['looked']:,} frames looked at, watched to its end.")
            return
        click.echo(f"{told['address']}: not watched whole. {' '.join(told['gaps'])}", err=True)
