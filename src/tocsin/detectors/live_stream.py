"""Live stream: what is seen on air and said beside it, added up over frames. It never acts on one frame.

What it finds rises on a ladder (packs/ladder.yaml): noted; a person is asked to look; the platform is asked to hold the
stream for a person. Each finding says on which rung the stream stands and why. It never says that a stream must end.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import ClassVar

from tocsin.detectors import making
from tocsin.detectors.conversation import Conversation
from tocsin.detectors.known_media import audible, confidence, severity
from tocsin.detectors.ladder import NAMES, NOTE, RING, Ladder, Rule
from tocsin.model import (
    Category,
    Example,
    Finding,
    Fingerprints,
    Frame,
    Kind,
    Label,
    Line,
    Match,
    MediaSeen,
    Observation,
    Print,
    Signal,
    Speaker,
    TextSeen,
)

AGAIN_AFTER = timedelta(minutes=10)
"""On the same rung, what was told is told again only after this."""
_MOST_STREAMS = 4096
_MOST_THINGS = 64
_MOST_MATCHES = 100
_MOST_PAID = 1000
_OF_PAYMENT = frozenset({"live-video-for-pay", "gift-or-money"})
"""Signals of a chat that speaks of payment."""
_MOST_SURE = {NOTE: 0.5}
Thing = tuple[str, str, str]
"""What is counted over frames: ("known-media", list, entry) or ("classifier", its name, its label)."""


@dataclass(slots=True)
class _Seen:
    """One thing's frames of late, and the strongest that was said of it."""

    frames: deque[int]
    match: Match | None = None
    label: Label | None = None
    sure: float = 0.0
    how_bad: int = 0


@dataclass(slots=True)
class _Stream:
    """What is remembered of one stream."""

    frame: int = 0
    things: OrderedDict[Thing, _Seen] = field(default_factory=OrderedDict)
    chat: Finding | None = None
    rung: int = 0
    how_bad: int = 0
    told: dict[Thing, tuple[int, datetime]] = field(default_factory=dict)
    cleared: dict[Thing, datetime] = field(default_factory=dict)
    paid: dict[str, bool] = field(default_factory=dict)

    @property
    def payments(self) -> int:
        """How many payments count: those for review, and where the chat speaks of payment those of who wrote in it."""
        spoken = self.chat is not None and any(signal.name in _OF_PAYMENT for signal in self.chat.signals)
        return len(self.paid) if spoken else sum(self.paid.values())


class LiveStream:
    """Weighs the frames of live streams and the chat beside them, and says on which rung of the ladder each stands."""

    name: ClassVar[str] = "live-stream"
    version: ClassVar[str] = "1.0"
    reads: ClassVar[frozenset[Kind]] = frozenset({Kind.FRAME, Kind.TEXT})

    def __init__(self, ladder: Ladder | None = None) -> None:
        self._ladder = ladder or Ladder.read()
        self._chat: Conversation | None = None
        self._streams: OrderedDict[str, _Stream] = OrderedDict()

    def examine(self, seen: Observation) -> Iterable[Finding]:
        """Return a finding when a stream has risen on the ladder, or shows something further on the same rung."""
        body = seen.body
        if isinstance(body, MediaSeen):
            if body.place != "stream":
                return
            stream = self._stream(seen)
            things = self._frame(stream, body)
        elif isinstance(body, TextSeen) and seen.sensor.startswith("stream"):
            stream = self._stream(seen)
            things = self._said(stream, seen)
        else:
            return
        yield from self._told(stream, things, seen)

    def paid(self, seen: Observation, payments: Iterable[str], *, for_review: bool) -> list[Finding]:
        """Take in payments (by their ids) to the account that streams; return what they raise.

        ``for_review``: the payer's payments show indicators. Otherwise the payer wrote in the stream's chat, and the
        payments count only beside a chat that warned of payment.
        """
        stream = self._stream(seen)
        counted = stream.payments
        for name in payments:
            if name in stream.paid or len(stream.paid) < _MOST_PAID:
                stream.paid[name] = stream.paid.get(name, False) or for_review
        if counted or not stream.payments:
            return []  # the first that counts raises the stream; more of them are no news
        chat: list[Thing] = [("chat", "", "")] if stream.chat else []
        return list(self._told(stream, [*chat, *stream.things], seen))

    def calm(self, thread: str, at: datetime) -> None:
        """Take in that a person has looked at a stream and sees no concern: it stands on the ground again.

        What it has shown so far is not told again for a while; what is shown or said for the first time is.
        """
        stream = self._streams.get(thread)
        if stream is not None:
            stream.cleared = dict.fromkeys(stream.things, at)
            stream.rung, stream.how_bad, stream.chat, stream.told = 0, 0, None, {}

    def recall(self, thread: str, rung: int) -> None:
        """Take back what ``calm`` was told: the stream stands on ``rung``, and all that it shows is news."""
        stream = self._streams.get(thread)
        if stream is not None:
            stream.cleared, stream.told, stream.rung = {}, {}, max(stream.rung, rung)

    def ready(self) -> None:
        """Load what reading a chat needs, which takes a while the first time."""
        if self._chat is None:
            chat = Conversation()
            list(chat.examine(replace(making.observation(None), kind=Kind.TEXT, body=TextSeen((Line("hello"),)))))
            self._chat = chat

    def _stream(self, seen: Observation) -> _Stream:
        name = seen.thread or f"{seen.app}|{seen.title}"
        stream = self._streams.setdefault(name, _Stream())
        self._streams.move_to_end(name)
        while len(self._streams) > _MOST_STREAMS:
            self._streams.popitem(last=False)
        return stream

    def _frame(self, stream: _Stream, body: MediaSeen) -> list[Thing]:
        """Count what a frame shows. A frame's number counts the frames looked at, also those that showed nothing."""
        stream.frame = body.prints.frames[0].number if body.prints.frames else stream.frame + 1
        things: list[Thing] = []
        for match in audible(body.matches)[:_MOST_MATCHES]:
            thing = ("known-media", match.list, match.entry)
            held = self._held(stream, thing)
            held.sure = max(held.sure, confidence(match, body.prints))
            if held.match is None or match.distance <= held.match.distance:
                held.match, held.how_bad = match, severity(match)
            things.append(thing)
        for label in body.labels[:_MOST_THINGS]:
            thing = ("classifier", label.classifier, label.name)
            held = self._held(stream, thing)
            held.label, held.how_bad = label, label.severity
            held.sure = max(held.sure, label.score * label.precision)
            things.append(thing)
        return things

    def _held(self, stream: _Stream, thing: Thing) -> _Seen:
        held = stream.things.get(thing)
        if held is None:
            held = stream.things[thing] = _Seen(deque(maxlen=self._ladder.within))
            while len(stream.things) > _MOST_THINGS:
                stream.things.popitem(last=False)
        stream.things.move_to_end(thing)
        if not held.frames or held.frames[-1] != stream.frame:
            held.frames.append(stream.frame)
        return held

    def _said(self, stream: _Stream, seen: Observation) -> list[Thing]:
        """Let the conversation detector read the chat; what it warns of stays with the stream."""
        self.ready()
        assert self._chat is not None
        found = list(self._chat.examine(seen))
        if not found:
            return []
        stream.chat = max((*found, *([stream.chat] if stream.chat else [])), key=lambda one: one.severity)
        return [("chat", "", "")]

    def _told(self, stream: _Stream, things: list[Thing], seen: Observation) -> Iterable[Finding]:
        """Return a finding where what was just seen puts the stream on a rung it has not been told on lately."""
        ranked = [
            (found, thing)
            for thing in things
            if not self._cleared(stream, thing, seen.at) and (found := self._rung(stream, thing)) is not None
        ]
        if not ranked:
            return
        (rule, count), thing = max(ranked, key=lambda one: (one[0][0].rung, self._how_bad(stream, one[1])))
        how_bad = self._how_bad(stream, thing)
        before = stream.told.get(thing)
        higher = rule.rung > stream.rung or (rule.rung == stream.rung and how_bad > stream.how_bad)
        fresh = before is None or rule.rung > before[0] or seen.at - before[1] >= AGAIN_AFTER
        if not higher and not (fresh and (rule.rung >= RING or not stream.rung)) and thing[0] != "chat":
            return
        refines = stream.rung > 0
        if higher:
            stream.rung, stream.how_bad = rule.rung, max(how_bad, stream.how_bad)
        stream.told[thing] = (rule.rung, seen.at)
        yield self._finding(stream, thing, rule, count, seen, refines)

    def _rung(self, stream: _Stream, thing: Thing) -> tuple[Rule, int] | None:
        """Return the highest rule that something fits, and in how many frames it was seen."""
        of = thing[0]
        for rule in self._ladder.rules:
            if rule.of != of or self._how_bad(stream, thing) < rule.severity or (rule.with_chat and not stream.chat):
                continue
            if rule.beside == "payment" and not stream.payments:
                continue
            if of == "chat":
                return rule, 0
            count = sum(frame > stream.frame - rule.within for frame in stream.things[thing].frames)
            if count >= rule.frames:
                return rule, count
        return None

    @staticmethod
    def _cleared(stream: _Stream, thing: Thing, at: datetime) -> bool:
        since = stream.cleared.get(thing)
        return since is not None and at - since < AGAIN_AFTER

    @staticmethod
    def _how_bad(stream: _Stream, thing: Thing) -> int:
        if thing[0] == "chat":
            return stream.chat.severity if stream.chat else 0
        return stream.things[thing].how_bad

    def _finding(
        self, stream: _Stream, thing: Thing, rule: Rule, count: int, seen: Observation, refines: bool
    ) -> Finding:
        chat = stream.chat if rule.of == "chat" or rule.with_chat else None
        held = stream.things.get(thing)
        sure = chat.confidence if held is None and chat else held.sure if held else 0.5
        if held is not None and count > 1:
            sure = 1 - (1 - sure) ** min(count, 4)
        signals = [Signal(f"rung-{NAMES[rule.rung]}")]
        matches: tuple[Match, ...] = ()
        if held is not None and held.match is not None:
            signals.insert(0, Signal("known-hash", confidence=held.sure))
            matches = (held.match,)
        elif held is not None:
            signals.insert(0, Signal("classifier", confidence=min(1.0, held.sure)))
        if chat is not None:
            signals += chat.signals
        return making.finding(
            self,
            seen,
            category=_category(held, chat),
            severity=max(self._how_bad(stream, thing), chat.severity if chat else 1),
            confidence=round(min(_MOST_SURE.get(rule.rung, 0.99), sure), 4),
            why=_why(rule, count, held, chat, stream.payments if rule.beside == "payment" else 0),
            signals=tuple(signals),
            benign=tuple(dict.fromkeys((*(chat.benign if chat else ()), *(("read-error",) if held else ())))),
            quotes=chat.quotes if chat else (),
            refines=refines,
            matches=matches,
        )

    @staticmethod
    def examples() -> tuple[Example, ...]:
        """Return harmless examples that must and must not fire."""
        listed = Match(list="Example list", entry="7", by="pdq", distance=4, severity=4)
        good = replace(listed, list="Known good", negative=True)
        label = Label(classifier="own", name="x", category="live-stream-concern", severity=4, score=0.9, precision=0.9)
        host, viewer = Speaker.SUBJECT, Speaker.OTHER
        chat = making.said("s", (viewer, "im 13"), (host, "are your parents home right now?"), (host, "keep it secret"))
        return (
            Example("one listed frame is noted", (_shown(1, listed),), True),
            Example("a listed picture stays on air", tuple(_shown(n, listed) for n in range(1, 6)), True),
            Example("the classifier in four frames", tuple(_shown(n, label=label) for n in range(1, 5)), True),
            Example("signs in the chat", tuple(replace(one, sensor="stream-chat") for one in chat), True),
            Example("frames on no list", tuple(_shown(n) for n in range(1, 20)), False),
            Example("a frame that a known-good list knows as well", (_shown(1, listed, good),), False),
            Example("the classifier once", (_shown(1, label=label), *(_shown(n) for n in range(2, 9))), False),
            Example(
                "listed media on a screen, which is another detector's", (_shown(1, listed, place="screen"),), False
            ),
        )


def rung_of(finding: Finding) -> int:
    """Return the rung a finding of this detector names: 1 note, 2 ring, 3 hold."""
    names: Mapping[str, int] = {f"rung-{name}": height for height, name in NAMES.items()}
    return max((names.get(signal.name, 0) for signal in finding.signals), default=0)


def _category(held: _Seen | None, chat: Finding | None) -> Category:
    if held is not None and held.match is not None:
        return Category.KNOWN_MEDIA
    if held is not None and held.label is not None and held.label.category == Category.SELF_GENERATED:
        return Category.SELF_GENERATED
    return Category.LIVE_STREAM if held is not None or chat is None else chat.category


def _why(rule: Rule, count: int, held: _Seen | None, chat: Finding | None, payments: int) -> str:
    because = rule.because.replace("{seen}", str(count)).replace("{frames}", str(rule.frames))
    because = because.replace("{within}", str(rule.within))
    what = {NOTE: "Noted", RING: "For a person to look at"}.get(rule.rung, "To be held for a person to look at")
    told = f"{what}: {because}."
    if held is not None and held.match is not None:
        match = held.match
        kind = f", of category {match.category} ({match.scheme})" if match.category else ""
        framed = ", without its border" if match.stripped else ""
        told += f" The nearest is {match.distance} bits from entry {match.entry} of list “{match.list}”{kind}{framed}."
    elif held is not None and held.label is not None:
        label = held.label
        told += (
            f" {label.classifier} said “{label.name}” ({label.score:.2f}); its makers measured {label.precision:.0%}"
        )
        told += " of what it says so to be right."
    if payments:
        told += (
            f" While it was watched the account that streams was paid {payments} {'times' if payments > 1 else 'time'}"
        )
        told += " by accounts whose payments are for review or that wrote in the chat."
    return f"{told} {chat.why}" if chat is not None else told


def _shown(number: int, *matches: Match, label: Label | None = None, place: str = "stream") -> Observation:
    frame = Frame(2.0 * number, "0f" * 32, 80, number)
    prints = Fingerprints(media="picture", prints=(Print("0f" * 32, 80),), frames=(frame,))
    labels = (label,) if label is not None else ()
    media = MediaSeen(prints=prints, matches=matches, place=place, name="rtmp://example/live", labels=labels)
    seen = making.observation(None)
    return replace(seen, kind=Kind.FRAME, body=media, sensor="stream", at=seen.at + timedelta(seconds=2 * number))
