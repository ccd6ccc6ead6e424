"""Phrases: single lines that matter alone, whatever stands around them. All other phrases count in *conversation*."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import ClassVar

from tocsin.detectors import making
from tocsin.model import SIGNALS, Direction, Example, Finding, Kind, Observation, Quote, Signal, Speaker, TextSeen
from tocsin.text import phrases
from tocsin.text.normalise import normalise
from tocsin.text.phrases import Hit
from tocsin.text.scoring import PUBLIC
from tocsin.text.severity import Rule, judge
from tocsin.text.speakers import Layout, Utterance

_MAX_THREADS = 256
_MAX_LINES = 400
_MAX_REMEMBERED = 200
_QUIETING = frozenset(
    {
        "benign-quotation",
        "benign-surprise",
        "benign-game",
        "benign-shop",
        "benign-professional",
        "benign-family",
        "benign-remittance",
    }
)

_PAID_VIDEO = frozenset({"live-video-for-pay", "child-spoken-of", "pay", "live-video"})


class _Seen:
    """What is kept of one thread: its layout, the lines already reported, the severity and signals reported."""

    __slots__ = ("layout", "lines", "names", "severity")

    def __init__(self) -> None:
        self.layout = Layout()
        self.lines: OrderedDict[str, None] = OrderedDict()
        self.severity = 0
        self.names: set[str] = set()


class Phrases:
    """Reports a line whose phrases are marked ``alone`` in their pack, or fit a row of the phrases table."""

    name: ClassVar[str] = "phrases"
    version: ClassVar[str] = "1.0"
    reads: ClassVar[frozenset[Kind]] = frozenset({Kind.TEXT})

    def __init__(self) -> None:
        self._packs = phrases.default()
        self._threads: OrderedDict[str, _Seen] = OrderedDict()

    def examine(self, seen: Observation) -> Iterable[Finding]:
        """Return a finding for each new line that matters alone."""
        if not isinstance(seen.body, TextSeen):
            return
        thread = self._thread(seen.thread or f"{seen.app}|{seen.title}")
        body = TextSeen(seen.body.lines[:_MAX_LINES], seen.body.frame)
        for said in thread.layout.utterances(body, seen.title):
            hits = self._packs.find(said.text)
            rule = _rule(hits)
            if rule is None or not _is_new(thread, said, hits, rule):
                continue
            yield self._finding(seen, thread, said, hits, rule)

    def _thread(self, name: str) -> _Seen:
        thread = self._threads.setdefault(name, _Seen())
        self._threads.move_to_end(name)
        while len(self._threads) > _MAX_THREADS:
            self._threads.popitem(last=False)
        return thread

    def _finding(self, seen: Observation, thread: _Seen, said: Utterance, hits: list[Hit], rule: Rule) -> Finding:
        used = [hit for hit in hits if _public(hit) in SIGNALS]
        names = sorted({_public(hit) for hit in used})
        spans = tuple(sorted({(hit.start, hit.end) for hit in used}))
        quoted = making.listed([f"“{said.text[start:end]}”" for start, end in spans[:4]])
        refines = thread.severity > 0
        thread.severity = max(thread.severity, rule.severity)
        thread.names.update(names)
        direction = Direction.of(said.speaker)
        return making.finding(
            self,
            seen,
            category=rule.category,
            severity=rule.severity,
            confidence=0.8 if direction is not Direction.UNKNOWN else 0.7,
            why=f"{rule.because[:1].upper()}{rule.because[1:]}: {quoted}.",
            signals=tuple(
                Signal(name, direction, max(hit.entry.weight for hit in used if _public(hit) == name)) for name in names
            ),
            benign=("joke", "quotation"),
            quotes=(Quote(said.text, said.speaker, seen.at, spans),),
            refines=refines,
        )

    @staticmethod
    def examples() -> tuple[Example, ...]:
        """Return harmless lines that must and must not fire."""
        they, me = Speaker.OTHER, Speaker.SUBJECT
        return (
            Example(
                "a threat to share", making.said("x", (they, "pay me or i will send it to all your friends")), True
            ),
            Example("a single weak phrase", making.said("x", (me, "send me a pic")), False),
            Example("work", making.said("x", (me, "I'll send it to the whole team after lunch")), False),
            Example("news", making.said("x", (me, "the article says they threaten to post it to your friends")), False),
        )


def _rule(hits: list[Hit]) -> Rule | None:
    """Return the row that a line's phrases fit, or None for a line that does not matter alone."""
    if any(hit.entry.signal in _QUIETING for hit in hits):
        return None
    names = {_public(hit) for hit in hits if hit.entry.weight >= 0.7}
    alone = any(hit.entry.alone for hit in hits)
    together = {hit.entry.signal for hit in hits} >= _PAID_VIDEO
    return judge("phrases", names) if alone or together else None


def _public(hit: Hit) -> str:
    return PUBLIC.get(hit.entry.signal, hit.entry.signal)


def _is_new(thread: _Seen, said: Utterance, hits: list[Hit], rule: Rule) -> bool:
    """Tell whether a line was not reported before in this thread and adds severity or a signal."""
    key = "".join(normalise(said.text).text.split())
    if key in thread.lines:
        return False
    thread.lines[key] = None
    while len(thread.lines) > _MAX_REMEMBERED:
        thread.lines.popitem(last=False)
    names = {_public(hit) for hit in hits if _public(hit) in SIGNALS}
    return rule.severity > thread.severity or not names <= thread.names
