"""The command line: one file per command, loaded only when it is called, so that ``--help`` is instant."""

import contextlib
import errno
import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import click

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("tocsin.cli.up", "Start the hub and its console."),
    "demo": ("tocsin.cli.demo", "See it work: hub, a virtual desktop and a real agent."),
    "order": ("tocsin.cli.order", "Write, sign, verify and show orders."),
    "agent": ("tocsin.cli.agent", "Enrol and run the agent on a supervised computer."),
    "hash": ("tocsin.cli.hash", "Hash files, pictures and videos."),
    "lists": ("tocsin.cli.lists", "Build and keep lists of known media."),
    "match": ("tocsin.cli.match", "Compare files and folders with hash lists."),
    "gateway": ("tocsin.cli.gateway", "Serve lookups, messages and live streams to internet services."),
    "stream": ("tocsin.cli.stream", "Watch live streams and recordings."),
    "report": ("tocsin.cli.report", "File reports to the authority, and refer evidence to others."),
    "evidence": ("tocsin.cli.evidence", "Open and verify sealed evidence."),
    "audit": ("tocsin.cli.audit", "Verify and export the audit log."),
    "bench": ("tocsin.cli.bench", "Run the measurements of docs/benchmarks.md."),
}
"""Command name → (module holding a click command named ``command``, one line of help)."""


class _Lazy(click.Group):
    """A group that imports a command's module only when that command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or None when there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; whatever goes wrong ends with 2, since 1 means that something was found."""
        try:
            with _terminable():
                return super().invoke(ctx)
        except click.ClickException as problem:
            problem.exit_code = 2  # type: ignore[misc]
            raise
        except (click.Abort, KeyboardInterrupt):
            click.echo("Stopped.", err=True)
            ctx.exit(2)
        except click.exceptions.Exit:
            raise
        except BrokenPipeError:  # whoever read the output has left, and was not told the rest
            _forget_output()
            ctx.exit(2)
        except Exception as problem:
            if sys.flags.dev_mode:
                raise
            if isinstance(problem, OSError) and problem.errno == errno.ENOSPC:
                click.echo("Error: There is no room left where the output is written; it is not whole.", err=True)
                _forget_output()
                ctx.exit(2)
            click.echo(f"Error: {problem} ({type(problem).__name__}). This is a fault in Tocsin; ", err=True, nl=False)
            click.echo("python -X dev -m tocsin … shows where.", err=True)
            ctx.exit(2)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List commands with their one-line help without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_) for name, (_, help_) in COMMANDS.items()])


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let a polite request to end (SIGTERM) tidy up as Ctrl-C does; a command may still set its own way."""
    ours = threading.current_thread() is threading.main_thread() and (
        signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if ours:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _forget_output() -> None:
    """Let what is still to be written to stdout go nowhere, so that the program's end does not fail over it."""
    with contextlib.suppress(OSError, ValueError):
        stdout = sys.stdout.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stdout)
        os.close(nowhere)


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example:  tocsin demo",
)
@click.version_option(package_name="tocsin")
def main() -> None:
    """Tocsin recognises signs of child sexual exploitation and puts each before the right person."""
