"""Following conversations: who says what in each thread, which signals show, and how they add up.

No order among signals is required. They add up by their combination, towards the same pair of people, and fade
with a half-life. Words that fit an ordinary reason (peers, family, teaching, selling, news, games) weigh against.
How like reviewed examples the last messages of a thread read adds to its signals, or takes away from them.
"""

import re
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tocsin.model import Quote, Speaker
from tocsin.text import phrases, scoring, wording
from tocsin.text.normalise import normalise
from tocsin.text.patterns import NUMBER_WORDS
from tocsin.text.phrases import Hit, Phrases
from tocsin.text.scoring import Assessment, Sighting
from tocsin.text.wording import Ids, Model

MAX_THREADS = 256
MAX_MESSAGES = 120
MAX_SIGHTINGS = 240
MAX_CHARACTERS = 4000
MAX_RECENT = 8
"""Messages whose wording is read together: about as many as a reviewed example has."""
_RECENT_WITHIN = timedelta(hours=scoring.HALF_LIFE_HOURS)
_JOIN_WITHIN = timedelta(seconds=90)
_JOIN_WORDS = 14
_BARE_AGE = re.compile(r"^\s*(?:um+|uh|lol|haha|hi|hey|ok|yeah|well|eh|ah|pues|po|e)?[\s,.!]*([a-z]+|\d{1,2})\b", re.I)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a thread."""

    text: str
    speaker: Speaker
    at: datetime
    observation: str = ""


@dataclass(frozen=True, slots=True)
class Recent:
    """One of the last messages, its number in the thread, and its features (``wording``)."""

    number: int
    message: Message
    features: Ids


@dataclass(slots=True)
class Thread:
    """What is remembered of one conversation; bounded."""

    messages: deque[Message] = field(default_factory=lambda: deque(maxlen=MAX_MESSAGES))
    sightings: deque[Sighting] = field(default_factory=lambda: deque(maxlen=MAX_SIGHTINGS))
    recent: deque[Recent] = field(default_factory=lambda: deque(maxlen=MAX_RECENT))
    known: OrderedDict[str, None] = field(default_factory=OrderedDict)
    asked: tuple[int, Speaker] | None = None
    count: int = 0

    def is_repeat(self, key: str) -> bool:
        """Tell whether this text was already read in this thread, and remember it."""
        if key in self.known:
            self.known.move_to_end(key)
            return True
        self.known[key] = None
        while len(self.known) > MAX_MESSAGES * 2:
            self.known.popitem(last=False)
        return False


class Conversations:
    """All threads that are being followed. Not thread-safe; one instance serves one device or stream."""

    def __init__(self, packs: Phrases | None = None, model: Model | None = None) -> None:
        self._packs = packs or phrases.default()
        self._model = model or wording.default()
        self._threads: OrderedDict[str, Thread] = OrderedDict()

    def __len__(self) -> int:
        return len(self._threads)

    def add(self, thread: str, message: Message) -> Assessment | None:
        """Take one message; return how the thread now stands, or None if it was read before or says nothing new."""
        state = self._threads.setdefault(thread, Thread())
        self._threads.move_to_end(thread)
        while len(self._threads) > MAX_THREADS:
            self._threads.popitem(last=False)
        text = message.text[:MAX_CHARACTERS]
        if not text.strip() or state.is_repeat(_key(text, message.speaker)):
            return None
        sightings = list(self._sightings(state, message, text))
        adds = self._wording(state, message, text)
        state.count += 1
        state.messages.append(message)
        state.sightings.extend(sightings)
        if adds <= 0 and not any(sighting.signal in scoring.MOVING for sighting in sightings):
            return None
        return scoring.assess(state.sightings, message.at, adds)

    def spoken(self, thread: str) -> tuple[tuple[int, Quote], ...]:
        """Return the words of a thread that read most like the risky examples, with their messages' numbers."""
        state = self._threads.get(thread)
        recent = tuple(state.recent) if state else ()
        found = self._model.explain([(one.message.speaker, one.message.text[:MAX_CHARACTERS]) for one in recent])
        return tuple(
            (one.number, Quote(said.text[:MAX_CHARACTERS], said.speaker, said.at, ((words.start, words.end),)))
            for words in found
            for one in (recent[words.message],)
            for said in (one.message,)
        )

    def messages(self, thread: str) -> tuple[Message, ...]:
        """Return the messages remembered of a thread, oldest first."""
        state = self._threads.get(thread)
        return tuple(state.messages) if state else ()

    def _wording(self, state: Thread, message: Message, text: str) -> float:
        """Remember a message's features; return what the last messages' wording is worth."""
        while state.recent and message.at - state.recent[0].message.at > _RECENT_WITHIN:
            state.recent.popleft()
        state.recent.append(Recent(state.count, message, wording.features(text, message.speaker)))
        return scoring.worth(self._model.likeness([one.features for one in state.recent]), len(state.recent))

    def _sightings(self, state: Thread, message: Message, text: str) -> Iterable[Sighting]:
        before = state.messages[-1] if state.messages else None
        joined, shift = text, 0
        if before is not None and _belong_together(before, message):
            joined, shift = f"{before.text} {text}", len(before.text) + 1
        for hit in _strongest(self._packs.find(joined)):
            if hit.end <= shift:
                continue
            yield _sighting(hit, message, text, shift, state.count)
            if hit.entry.signal == "age-asked":
                state.asked = (state.count, message.speaker)
        bare = _bare_age(state, message, text)
        if bare is not None:
            yield bare


def _strongest(hits: list[Hit]) -> Iterable[Hit]:
    """Let the same words count for one signal of risk only: the strongest; context is not touched."""
    risks = [hit for hit in hits if hit.entry.signal in scoring.WEIGHTS]
    for hit in hits:
        if hit.entry.signal in scoring.WEIGHTS and any(
            other.entry.weight > hit.entry.weight
            and other.entry.signal != hit.entry.signal
            and other.start < hit.end
            and hit.start < other.end
            for other in risks
        ):
            continue
        yield hit


def _sighting(hit: Hit, message: Message, text: str, shift: int, number: int) -> Sighting:
    span = (max(0, hit.start - shift), hit.end - shift)
    return Sighting(
        signal=hit.entry.signal,
        entry=hit.entry.id,
        weight=hit.entry.weight,
        alone=hit.entry.alone,
        speaker=message.speaker,
        at=message.at,
        message=number,
        quote=Quote(text, message.speaker, message.at, (span,)),
    )


def _bare_age(state: Thread, message: Message, text: str) -> Sighting | None:
    """Read a short answer that begins with a number as an age, when the other has just asked for one."""
    if state.asked is None or len(text.split()) > 8:
        return None
    number, asker = state.asked
    if state.count - number > 3 or (asker is message.speaker and asker is not Speaker.UNKNOWN):
        return None
    found = _BARE_AGE.match(normalise(text).text)
    if found is None:
        return None
    word = found.group(1)
    age = int(word) if word.isdigit() else NUMBER_WORDS.get(word, 0)
    if not 5 <= age <= 79:
        return None
    signal = "age-under-18" if age < 18 else "adult-age"
    quote = Quote(text, message.speaker, message.at, (found.span(1),))
    return Sighting(signal, "bare-age", 0.9, False, message.speaker, message.at, state.count, quote)


def _belong_together(before: Message, after: Message) -> bool:
    return (
        before.speaker is after.speaker
        and after.at - before.at <= _JOIN_WITHIN
        and len(before.text.split()) <= _JOIN_WORDS
        and len(after.text.split()) <= _JOIN_WORDS
    )


def _key(text: str, speaker: Speaker) -> str:
    return f"{speaker}:{''.join(char for char in normalise(text).text if char > '/')}"
