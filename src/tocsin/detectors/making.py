"""What detectors share: making findings, and observations for their examples."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from tocsin.model import Detector, Finding, Kind, Line, Observation, ProcessSeen, Speaker, StateSeen, TextSeen

_EXAMPLE_START = datetime(2026, 1, 5, 18, 0, tzinfo=UTC)


def finding(detector: Detector, seen: Observation, **rest: Any) -> Finding:
    """Return a finding of ``detector`` about ``seen``, with a fresh id; ``rest`` are Finding's other fields."""
    return Finding(
        id=uuid.uuid4().hex,
        at=seen.at,
        detector=detector.name,
        version=detector.version,
        observation=seen.id,
        app=seen.app,
        title=seen.title,
        thread=seen.thread,
        **rest,
    )


def observation(body: ProcessSeen | None, app: str = "", title: str = "") -> Observation:
    """Return an example observation of a program, or of a window's title."""
    return Observation(
        id="example",
        kind=Kind.PROCESS if body else Kind.STATE,
        at=_EXAMPLE_START,
        sensor="example",
        body=body or StateSeen("focus"),
        app=app,
        title=title,
    )


def said(thread: str, *messages: tuple[Speaker, str]) -> tuple[Observation, ...]:
    """Return an example conversation: one observation a message, twenty seconds apart."""
    return tuple(
        Observation(
            id=f"{thread}-{number}",
            kind=Kind.TEXT,
            at=_EXAMPLE_START + timedelta(seconds=20 * number),
            sensor="example",
            body=TextSeen((Line(text, speaker=speaker),)),
            app="chat",
            title=thread,
            thread=thread,
        )
        for number, (speaker, text) in enumerate(messages)
    )


def listed(words: list[str]) -> str:
    """Return words as a person lists them: ``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
