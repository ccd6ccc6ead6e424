"""``tocsin demo``: hub, a virtual desktop with a scripted chat, and a real agent that watches it openly."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.cli.speaking import Failure

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from tocsin.demo.stage import Stage


@click.command(epilog="Example:  tocsin demo --port 8420")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep everything in this folder and take it up again next time. Without it nothing is left behind.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8420, show_default=True, help="The console's port.")
@click.option("--seconds", type=click.IntRange(1), help="Stop by itself after this long.")
def command(data: Path | None, port: int, seconds: int | None) -> None:
    """See it work: a scripted, harmless chat on a virtual desktop, watched by a real agent, alerts in a real console.

    Everything is real except the script. Ctrl-C stops all that was started.
    """
    from rich.console import Console

    from tocsin.demo.desktop import DesktopError
    from tocsin.demo.stage import Stage
    from tocsin.placement.config import PlacementError

    screen = Console()
    screen.print("[bold]Tocsin[/bold] demonstration. Everything is real except the script.\n")
    try:
        with _interruptible(), Stage(data, port=port) as stage:
            _set(stage, screen)
            _tell(stage, screen)
            _watch(stage, screen, seconds)
            screen.print("Stopping …")
    except KeyboardInterrupt:
        screen.print("\nStopped.")
    except (DesktopError, PlacementError, TimeoutError, RuntimeError, OSError) as problem:
        raise Failure(problem) from problem


def _set(stage: "Stage", screen: "Console") -> None:
    """Bring everything up, a line a step."""
    steps = (
        ("people, keys, an EXAMPLE order and a list of one harmless picture", stage.prepare),
        ("the hub and its console", stage.start_hub),
        ("a virtual desktop", stage.desktop.__enter__),
        ("the supervised computer's enrolment", stage.enrol),
        ("the agent", stage.start_agent),
        ("its notice, accepted by a real click", stage.accept_notice),
        ("a browser with a scripted chat", lambda: stage.desktop.browse(stage.pages.url + "/chat.html")),
    )
    for what, step in steps:
        with screen.status(f"Starting {what} …"):
            begun = time.monotonic()
            step()
        screen.print(f"  [green]✓[/green] {what}  [dim]{time.monotonic() - begun:.1f} s[/dim]")


def _tell(stage: "Stage", screen: "Console") -> None:
    """Say where to look and how to get in."""
    from rich.table import Table

    cast = stage.cast
    table = Table.grid(padding=(0, 2))
    for name, value in (
        ("Console", f"[bold]{stage.url}[/bold]"),
        ("  e-mail address", cast.officer.email),
        ("  password", cast.officer.password),
        ("  second factor", f"the code below; or add this key to an authenticator: {cast.officer.secret}"),
        ("  evidence key", str(cast.key_file)),
        ("  its passphrase", cast.passphrase),
        ("Supervised computer", f"[bold]{stage.pages.url}[/bold]"),
    ):
        table.add_row(name, value)
    screen.print()
    screen.print(table, soft_wrap=True)
    screen.print(
        "\nAlerts arrive while you look; the chat begins anew when it is over. [bold]Ctrl-C[/bold] stops all.\n"
        "The picture that rings as known media is a painted lighthouse, drawn by this program: harmless, and on the "
        "demonstration's own list only to show the matching.\n"
    )


def _watch(stage: "Stage", screen: "Console", seconds: int | None) -> None:
    """Show the present code and what has been found until time is up, Ctrl-C, or a part ends by itself."""
    from rich.live import Live

    from tocsin.demo.scenes import Hand, PrivateMoments

    begun = time.monotonic()
    scenes = (Hand(stage.desktop.move), PrivateMoments(stage.private_window, stage.desktop.end))
    end = time.monotonic() + seconds if seconds else None
    pause = threading.Event()
    with Live(console=screen, refresh_per_second=2, transient=True) as live:
        while end is None or time.monotonic() < end:
            for name, child in (("hub", stage.hub), ("agent", stage.agent)):
                if child is not None and child.poll() is not None:
                    raise RuntimeError(f"the {name} ended by itself; its last words are in {stage.data / name}.log")
            for scene in scenes:
                scene.tick(time.monotonic() - begun)
            live.update(_line(stage))
            pause.wait(0.5)


def _line(stage: "Stage") -> "RenderableType":
    from rich.text import Text

    left = 30 - int(time.time()) % 30
    found = stage.alerts()
    text = Text("second factor ")
    text.append(stage.cast.officer.code(), style="bold")
    text.append(f"  (new in {left:2d} s)   ·   alerts so far ")
    text.append(str(found), style="bold red" if found else "bold")
    return text


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C stop everything wherever it was started: a shell's background job begins with it ignored."""
    import signal

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
