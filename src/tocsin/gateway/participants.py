"""Reading a conversation for each of its participants in turn, and telling which of them the signals come from.

On a service nobody is *the subject*: each author is read as the one who may be acting, the others as those it is said
to. A finding names the participant whose words carry the signals, by the service's own opaque id. It is a pattern for
a person to review, never a label on somebody.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from tocsin.detectors import Conversation, Phrases
from tocsin.model import (
    Category,
    Direction,
    Finding,
    Kind,
    Line,
    Observation,
    Quote,
    Signal,
    Speaker,
    TextSeen,
    utc_text,
)
from tocsin.text.severity import judge

MOST_AUTHORS: Final = 16
"""Authors of one conversation who are each read as the one who may be acting; further ones are told as not examined."""
LONGEST: Final = 3_800
"""Letters that are read at once; a longer message is read in parts."""
MINOR: Final = frozenset({"under-13", "13-15", "16-17"})
_ROLES: Final = MappingProxyType({"family": "relative", "professional": "professional", "staff": "professional"})
_WHO: Final = MappingProxyType(
    {
        Speaker.SUBJECT: "from this participant",
        Speaker.OTHER: "to this participant",
        Speaker.UNKNOWN: "speaker not known",
    }
)
_TURNED = {Direction.FROM_SUBJECT: Direction.TO_SUBJECT, Direction.TO_SUBJECT: Direction.FROM_SUBJECT}
_OPPOSITE = {Speaker.SUBJECT: Speaker.OTHER, Speaker.OTHER: Speaker.SUBJECT}
_AGED = frozenset({Category.GROOMING, Category.SEXTORTION, Category.LIVE_STREAM})


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody in a conversation, as the service states it: an opaque id, a role, an age band."""

    id: str
    role: str = "member"
    age_band: str = "unknown"


@dataclass(frozen=True, slots=True)
class Said:
    """One message: its id, whose it is, when and what."""

    id: str
    author: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Attributed:
    """A finding, the message at which it arose, and the participant whose words carry its signals ('' = not known)."""

    finding: Finding
    said: Said
    participant: str


class Readers:
    """The detectors of one conversation: for each author a view, and a reader of their own lines. Not thread-safe."""

    def __init__(self, thread: str, authors: Iterable[str]) -> None:
        self._thread = thread
        self._views = {author: Conversation(who=_WHO) for author in sorted(set(authors))[:MOST_AUTHORS]}
        self._lines = {author: Phrases() for author in self._views}
        self._others = Phrases()

    def knows(self, author: str) -> bool:
        """Tell whether this author is read as the one who may be acting (or cannot be, for there are too many)."""
        return author in self._views or len(self._views) >= MOST_AUTHORS

    @property
    def authors(self) -> tuple[str, ...]:
        """Who is read as the one who may be acting."""
        return tuple(self._views)

    def warm(self) -> None:
        """Load the phrases and the model of wording."""
        self.read(Said("", "", datetime.now(UTC), "hello"))

    def read(self, said: Said) -> list[Attributed]:
        """Read one message; return what it gives rise to, at most one finding a participant and detector."""
        own = self._seen(said, Speaker.SUBJECT)
        lines = self._lines.get(said.author, self._others)
        found = [Attributed(finding, said, said.author) for finding in lines.examine(own)]
        viewed: dict[str, Attributed] = {}
        for author, view in self._views.items():
            seen = own if author == said.author else self._seen(said, Speaker.OTHER)
            for finding in view.examine(seen):
                told = self._attributed(finding, said, author)
                if told is not None and (told.participant not in viewed or told.participant == author):
                    viewed[told.participant] = told
        return found + list(viewed.values())

    def _attributed(self, finding: Finding, said: Said, subject: str) -> Attributed | None:
        """Say whose signals these are; None where another participant's own view tells it."""
        speaker = _acting(finding)
        if speaker is Speaker.SUBJECT:
            return Attributed(finding, said, subject)
        if speaker is Speaker.UNKNOWN:
            return Attributed(finding, said, "")
        others = [author for author in self._views if author != subject]
        return Attributed(_turned(finding), said, others[0]) if len(others) == 1 else None

    def _seen(self, said: Said, speaker: Speaker) -> Observation:
        return Observation(
            id=sha256(f"{self._thread}\n{said.id}".encode()).hexdigest()[:24],
            kind=Kind.TEXT,
            at=said.at,
            sensor="messages",
            body=TextSeen(tuple(Line(part, speaker=speaker) for _, part in parts(said.text))),
            app="messages",
            thread=self._thread,
        )


def parts(text: str) -> Iterator[tuple[int, str]]:
    """Yield a message in parts that are read at once, each with where it begins; cut at white space if there is any."""
    start = 0
    while start < len(text) or start == 0:
        end = min(len(text), start + LONGEST)
        if end < len(text):
            space = text.rfind(" ", start + LONGEST // 2, end)
            end = space + 1 if space > 0 else end
        yield start, text[start:end]
        start = end or 1


def with_ages(told: Attributed, participants: Mapping[str, Participant]) -> Finding:
    """Return the finding weighed with what the service states of ages and roles.

    A stated age changes how bad it would be if true, and which benign explanations fit; never how likely it is.
    """
    finding = told.finding
    actor = participants.get(told.participant, Participant(told.participant))
    to = [one for one in participants.values() if one.id != told.participant]
    benign = list(finding.benign)
    if actor.role in _ROLES:
        benign.append(_ROLES[actor.role])
    if finding.category not in _AGED or not any(one.age_band in MINOR for one in to):
        return replace(finding, benign=tuple(dict.fromkeys(benign)))
    if actor.age_band in MINOR:
        benign.append("age-peer")
        why = f"{finding.why} The service states that this participant, too, is under 18."
        return replace(finding, benign=tuple(dict.fromkeys(benign)), why=why)
    names = {signal.name for signal in finding.signals} | {"age-under-18"}
    rule = judge(finding.detector, names)
    signals = finding.signals
    if all(signal.name != "age-under-18" for signal in signals):
        signals = (*signals, Signal("age-under-18", Direction.TO_SUBJECT))
    return replace(
        finding,
        severity=max(finding.severity, rule.severity) if rule else finding.severity,
        signals=signals,
        not_seen=tuple(name for name in finding.not_seen if name != "age-under-18"),
        benign=tuple(dict.fromkeys(benign)),
        why=f"{finding.why} The service states that somebody it is said to is under 18.",
    )


def context(held: Sequence[Said], participant: str) -> list[dict[str, str]]:
    """Return messages as the lines around a finding about ``participant``."""
    return [
        {
            "text": one.text,
            "speaker": str(Speaker.SUBJECT if one.author == participant else Speaker.OTHER),
            "at": utc_text(one.at),
        }
        for one in held
    ]


def _acting(finding: Finding) -> Speaker:
    """Return who carries the signals, as the view's subject or another; a stated age is never one of them."""
    acting = [signal for signal in finding.signals if signal.name != "age-under-18"]
    own = sum(signal.confidence for signal in acting if signal.direction is Direction.FROM_SUBJECT)
    other = sum(signal.confidence for signal in acting if signal.direction is Direction.TO_SUBJECT)
    if own == other == 0:
        own = sum(quote.speaker is Speaker.SUBJECT for quote in finding.quotes)
        other = sum(quote.speaker is Speaker.OTHER for quote in finding.quotes)
    if own == other == 0:
        return Speaker.UNKNOWN
    return Speaker.SUBJECT if own >= other else Speaker.OTHER


def _turned(finding: Finding) -> Finding:
    """Return the finding as the other participant's own: what came from the one now comes to the other."""
    return replace(
        finding,
        signals=tuple(replace(one, direction=_TURNED.get(one.direction, one.direction)) for one in finding.signals),
        quotes=tuple(_turned_quote(quote) for quote in finding.quotes),
        why=_exchanged(finding.why),
    )


def _turned_quote(quote: Quote) -> Quote:
    return replace(quote, speaker=_OPPOSITE.get(quote.speaker, quote.speaker))


def _exchanged(why: str) -> str:
    """Exchange *from* and *to* in the words that :data:`_WHO` put behind quotations."""
    mark = "\0"
    why = why.replace("”, from this participant)", mark).replace("”, to this participant)", "”, from this participant)")
    return why.replace(mark, "”, to this participant)")
