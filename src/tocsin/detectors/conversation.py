"""Conversation: signs of contact with a child that add up over a conversation, whoever says what in which order.

It reports a thread once, and again only when the severity rises or a new signal joins, at most once a minute.
Single phrases that matter alone are the *phrases* detector's.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from tocsin.detectors import making
from tocsin.model import SIGNALS, Direction, Example, Finding, Kind, Observation, Quote, Signal, Speaker, TextSeen
from tocsin.text.conversation import Conversations, Message
from tocsin.text.scoring import PUBLIC, Assessment
from tocsin.text.speakers import Layout
from tocsin.text.wording import Model

_MAX_THREADS = 256
_MAX_QUOTES = 12
_MAX_LINES = 400
_AGAIN_AFTER = timedelta(seconds=10)
_SIGNALS = (
    "age-asked", "age-under-18", "secrecy", "isolation", "private-app", "gift-or-money", "picture-request",
    "live-video-for-pay", "meeting-travel", "adults-near", "exclusivity", "threat",
)  # fmt: skip
Spoken = tuple[tuple[int, Quote], ...]
"""Words that read like the risky examples: number of the message, and the quote."""
_WHO = {Speaker.SUBJECT: "from this device", Speaker.OTHER: "to this device", Speaker.UNKNOWN: "speaker not known"}


@dataclass(slots=True)
class _Place:
    """What is kept of one thread besides its messages."""

    layout: Layout = field(default_factory=Layout)
    severity: int = 0
    names: frozenset[str] = frozenset()
    at: datetime | None = None


class Conversation:
    """Follows every thread that is shown and reports those whose signals add up."""

    name: ClassVar[str] = "conversation"
    version: ClassVar[str] = "1.1"
    reads: ClassVar[frozenset[Kind]] = frozenset({Kind.TEXT})

    def __init__(self, model: Model | None = None, who: Mapping[Speaker, str] = _WHO) -> None:
        """``who`` are the words by which ``why`` tells who said a thing."""
        self._conversations, self._who = Conversations(model=model), who
        self._places: OrderedDict[str, _Place] = OrderedDict()

    def examine(self, seen: Observation) -> Iterable[Finding]:
        """Return a finding when what was read makes its thread worth a person's look."""
        if not isinstance(seen.body, TextSeen):
            return
        thread = seen.thread or f"{seen.app}|{seen.title}"
        place = self._place(thread)
        best: Assessment | None = None
        body = TextSeen(seen.body.lines[:_MAX_LINES], seen.body.frame)
        for said in place.layout.utterances(body, seen.title):
            message = Message(said.text, said.speaker, seen.at, seen.id)
            assessment = self._conversations.add(thread, message)
            if assessment is not None and assessment.warns:
                best = assessment
        if best is not None and self._is_new(place, best, seen.at):
            spoken = self._conversations.spoken(thread) if best.wording > 0 else ()
            yield self._finding(seen, place, best, spoken)

    def _place(self, thread: str) -> _Place:
        place = self._places.setdefault(thread, _Place())
        self._places.move_to_end(thread)
        while len(self._places) > _MAX_THREADS:
            self._places.popitem(last=False)
        return place

    def _is_new(self, place: _Place, found: Assessment, now: datetime) -> bool:
        if found.severity > place.severity:
            return True
        joined = {name for name, _, _ in found.signals} - place.names
        return bool(joined) and (place.at is None or now - place.at >= _AGAIN_AFTER)

    def _finding(self, seen: Observation, place: _Place, found: Assessment, spoken: Spoken) -> Finding:
        names = {name for name, _, _ in found.signals}
        refines = place.severity > 0
        place.severity, place.names, place.at = max(place.severity, found.severity), place.names | names, seen.at
        return making.finding(
            self,
            seen,
            category=found.category,
            severity=found.severity,
            confidence=found.confidence,
            why=_why(found, spoken, self._who),
            signals=tuple(Signal(name, Direction.of(who), sure) for name, who, sure in found.signals),
            not_seen=tuple(name for name in _SIGNALS if name not in names),
            benign=found.benign,
            quotes=_quotes(found, spoken),
            refines=refines,
        )

    @staticmethod
    def examples() -> tuple[Example, ...]:
        """Return harmless conversations that must and must not fire."""
        me, they = Speaker.SUBJECT, Speaker.OTHER
        return (
            Example(
                "a stated age, then asking whether parents are home, secrecy, another app",
                making.said(
                    "Mia",
                    (me, "how was the game?"),
                    (they, "good lol we won"),
                    (they, "im 13 btw"),
                    (me, "are your parents home right now?"),
                    (me, "keep this between us ok, add me on telegram"),
                ),
                True,
            ),
            Example(
                "two of the same age",
                making.said(
                    "Ana", (me, "im 13 u?"), (they, "14"), (me, "u coming to the park after school"), (they, "yes!!")
                ),
                False,
            ),
            Example(
                "a parent",
                making.said(
                    "Home",
                    (they, "hi dad, practice ends at 5"),
                    (me, "ok love, ill pick you up from school. mum is home for dinner"),
                    (they, "can i have money for the trip"),
                    (me, "yes, ask your mum too"),
                ),
                False,
            ),
            Example(
                "a coach",
                making.said(
                    "Team", (me, "training is moved to 6, parents please sign the consent form"), (they, "thanks coach")
                ),
                False,
            ),
        )


def _quotes(found: Assessment, spoken: Spoken) -> tuple[Quote, ...]:
    """Return the messages that the assessment rests on, oldest first, spans of one message together."""
    together: dict[int, list[Quote]] = {}
    for sighting in found.sightings:
        together.setdefault(sighting.message, []).append(sighting.quote)
    for number, quote in spoken:
        together.setdefault(number, []).append(quote)
    merged = []
    for number in sorted(together):
        quotes = together[number]
        spans = tuple(sorted({span for quote in quotes for span in quote.spans}))
        merged.append(Quote(quotes[0].text, quotes[0].speaker, quotes[0].at, spans))
    return tuple(merged[-_MAX_QUOTES:])


def _why(found: Assessment, spoken: Spoken, who_says: Mapping[Speaker, str]) -> str:
    """Return the sentence a person can check: what was seen, in which exact words."""
    strongest: dict[str, str] = {}
    for name, who, _ in found.signals if found.sightings else ():
        for sighting in reversed(found.sightings):
            if PUBLIC.get(sighting.signal, sighting.signal) == name and sighting.speaker is who:
                start, end = sighting.quote.spans[0]
                strongest[name] = f"{SIGNALS[name]} (“{sighting.quote.text[start:end]}”, {who_says[who]})"
                break
        else:
            strongest[name] = SIGNALS[name]
    reasons = list(strongest.values())
    if spoken:
        words = ", ".join(f"“{quote.text[start:end]}”" for _, quote in spoken for start, end in quote.spans)
        reasons.append(f"wording like that of reviewed examples ({words})")
    if not strongest:
        return f"{reasons[0][:1].upper()}{reasons[0][1:]}, without any sign that has a name." if reasons else ""
    return f"{found.because[:1].upper()}{found.because[1:]}: {making.listed(reasons)}."
