"""The six hours around an alert, drawn: bands of coverage and gaps, ticks for findings, and the same in words."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tocsin.console import words
from tocsin.hub import bodies
from tocsin.hub.timeline import SILENCE, Stretch

WIDTH = 1000
HEIGHT = 44
_GAPS = ("silent", "gap", "blind", "unsupported", "stopped")
_WORKING = ("quiet", "working")
_KINDS = {
    "working": "working",
    "quiet": "in use",
    "idle": "idle",
    "silent": "silent",
    "blind": "blind",
    "unsupported": "unsupported",
    "stopped": "stopped",
    "enrolled": "enrolled",
    "start": "agent",
    "stop": "agent",
    "notice": "notice",
    "order": "order",
    "degraded": "reduced",
    "gap": "gap",
    "clock": "clock",
    "warning": "warning",
    "dead-letter": "not sent",
    "finding": "finding",
}
_SENTENCES = {
    "working": "The gateway worked.",
    "idle": "Nobody at the device, or it was locked.",
    "silent": "Not heard from. Not observed says nothing either way.",
    "blind": "In use, and nothing was seen.",
    "unsupported": "The device could not be observed as it was set up.",
    "stopped": "Collection was stopped.",
    "enrolled": "The device was enrolled.",
    "start": "The agent started.",
    "stop": "The agent stopped",
    "notice": "The notice was",
    "order": "The order is",
    "degraded": "Working at reduced strength:",
    "gap": "Records that could not be kept were counted",
    "clock": "The device's clock changed.",
    "warning": "Something could not be examined",
    "dead-letter": "A record could not be sent",
}


CODE_OF = {
    "stop": "reason",
    "degraded": "step",
    "gap": "reason",
    "warning": "what",
    "dead-letter": "kind",
    "unsupported": "what",
    "start": "boot_reason",
}


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time as a rectangle."""

    kind: str
    x: float
    y: float
    w: float
    h: float
    title: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A finding as a mark; ``this`` when it belongs to the alert that is open."""

    x: float
    y: float
    h: float
    title: str
    this: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the timeline in words."""

    at: datetime
    until: datetime | None
    kind: str
    text: str
    this: bool = False


@dataclass(frozen=True, slots=True)
class Strip:
    """All that the drawing and the list beside it need."""

    bands: list[Band] = field(default_factory=list)
    ticks: list[Tick] = field(default_factory=list)
    hours: list[datetime] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    summary: str = ""
    platform: bool = False


def draw(
    rows: Sequence[Stretch],
    begins: datetime,
    ends: datetime,
    now: datetime,
    most_lines: int = 60,
    *,
    platform: bool = False,
) -> Strip:
    """Draw the rows of hub/timeline.py between two moments; what lies after ``now`` stays empty.

    ``platform``: a service's gateway, of which one says that it worked, not that somebody used it.
    """
    if platform:
        rows = [replace(row, coverage=None, kind="working" if row.kind == "quiet" else row.kind) for row in rows]
    span = (ends - begins).total_seconds()

    def x(at: datetime) -> float:
        return round(max(0.0, min(1.0, (at - begins).total_seconds() / span)) * WIDTH, 1)

    bands: list[Band] = []
    ticks: list[Tick] = []
    for row in rows:
        if row.kind == "finding":
            tall = 12 + 6 * row.severity
            title = f"Severity {row.severity}: {words.signal_list(row.signals)}"
            ticks.append(Tick(max(0.0, x(row.begins) - 2), HEIGHT - tall, tall, title, row.here))
            continue
        left, right = x(row.begins), x(row.ends)
        width = max(right - left, 3.0 if row.kind in _GAPS else 0.0)
        if width == 0.0:
            continue
        title = _text(row)
        if row.kind in _WORKING:
            share = 1.0 if row.coverage is None else row.coverage
            height = max(4.0, round(HEIGHT * share, 1))
            bands.append(Band("seen", left, HEIGHT - height, width, height, title))
        elif row.kind == "idle":
            bands.append(Band("idle", left, HEIGHT - 12, width, 12, title))
        elif row.kind in _GAPS:
            bands.append(Band("gap", left, 0, width, HEIGHT, title))
    ticks.sort(key=lambda tick: tick.this)
    hours = [begins + (ends - begins) * i / 6 for i in range(6)]
    summary = _summary(rows, min(ends, now) - begins)
    return Strip(bands, ticks, hours, _lines(rows, most_lines), summary, platform)


def _lines(rows: Sequence[Stretch], most: int) -> list[Line]:
    lines: list[Line] = []
    found = [row.begins for row in rows if row.kind == "finding"]
    for row in sorted(rows, key=lambda each: each.begins):
        length = row.ends - row.begins
        if row.kind in (*_WORKING, "idle") and length < timedelta(minutes=1):
            continue
        until = row.ends if length > timedelta(seconds=1) else None
        line = Line(row.begins, until, _KINDS.get(row.kind, row.kind), _text(row, found), row.here)
        if lines and lines[-1].text == line.text and lines[-1].kind == line.kind and not row.here:
            lines[-1] = Line(lines[-1].at, row.ends, line.kind, line.text)
        else:
            lines.append(line)
    return lines[-most:]


def _text(row: Stretch, found: Sequence[datetime] = ()) -> str:
    if row.kind == "finding":
        return f"{words.signal_list(row.signals)} (severity {row.severity})"
    if row.kind == "quiet":
        if row.coverage is None:
            return "In use."
        quiet = "" if any(row.begins <= at <= row.ends for at in found) else "No finding. "
        return f"{quiet}{row.coverage * 100:.0f} % of active time observed."
    sentence = _SENTENCES.get(row.kind, row.kind)
    if row.kind == "degraded":
        return f"{sentence} {words.STEPS.get(row.code, row.code)}."
    if row.kind in ("notice", "order"):
        return f"{sentence} {row.code.replace('-', ' ') or 'not stated'}."
    if row.kind == "warning" and row.code == "runs-as-root":
        return "The agent runs as the computer's administrator."
    if row.kind in ("stop", "gap", "warning", "dead-letter"):
        counts = ", ".join(f"{n} {kind}" for kind, n in row.counts.items())
        extra = "; ".join(part for part in (row.code.replace("-", " "), counts) if part)
        return f"{sentence}: {extra}." if extra else f"{sentence}."
    return sentence


def _summary(rows: Sequence[Stretch], passed: timedelta) -> str:
    quiet = [row for row in rows if row.kind == "quiet"]
    active = sum((row.ends - row.begins).total_seconds() for row in quiet)
    seen = sum((row.ends - row.begins).total_seconds() * (1 if row.coverage is None else row.coverage) for row in quiet)
    dark = sum(
        (row.ends - row.begins).total_seconds() for row in rows if row.kind in _GAPS and row.ends - row.begins > SILENCE
    )
    worked = sum((row.ends - row.begins).total_seconds() for row in rows if row.kind == "working")
    findings = sum(row.kind == "finding" for row in rows)
    first = rows[0].begins if rows else None
    parts = [f"{findings} finding{'' if findings == 1 else 's'}"]
    if active:
        parts.append(f"in use for {words.span(active)}, {seen / active * 100:.0f} % of it observed")
    if worked:
        parts.append(f"the gateway worked for {words.span(worked)}")
    parts.append(f"silent for {words.span(dark)}" if dark else "no silence")
    if first is None:
        return f"The journal holds nothing for these {words.span(passed.total_seconds())}: not observed."
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def line_of(kind: str, at: datetime, body: dict[str, Any]) -> Line:
    """Return one journal entry in words."""
    code = bodies.code(body, CODE_OF.get(kind, "state"))
    row = Stretch(kind=kind, begins=at, ends=at, code=code, counts=bodies.counts(body))
    return Line(at, None, _KINDS.get(kind, kind), _text(row))
