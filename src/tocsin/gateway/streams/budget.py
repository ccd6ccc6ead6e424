"""What one stream may cost, and what is left out first when it costs more, or when the machine falls behind.

In this order: the classifier; changes of scene; every second keyframe, then three of four, then seven of eight. Hashing
the keyframes that remain is never given up. Whatever is left out is counted.
"""

import time
from collections import Counter
from dataclasses import dataclass, field

LEVELS = ("everything", "no classifier", "no scene changes", "every 2nd keyframe", "every 4th", "every 8th")
"""How much is left out, from nothing to most of it."""
LATE, PROMPT = 1.0, 0.25
"""Seconds behind the stream from which more is left out, and below which less may be."""
BUSY = 0.5
"""From this share of a core, used by all the streams of one process, changes of scene are left out."""
FOR_SCENES = 0.15
"""And changes of scene, of all the streams of one process together, have at most this share of a core."""
CALM = 10.0
"""Seconds that must pass calmly before less is left out."""
OPENING = 5.0
"""Seconds after its beginning in which a stream may be behind."""
BURST = 1.0
"""Seconds of the processor that a stream may use at once, when it had used little before."""
LONGEST_WAIT = 1.0
"""Seconds that a stream waits before some more of it is read: long waits would look like a decoder that hangs."""
_SAVED = 4.0


class Load:
    """What all the streams of one process use of a core, and what is left in it for changes of scene.

    Until a second has been measured a process counts as busy: streams begun together must not all look at once.
    """

    def __init__(self) -> None:
        self._at, self._used, self._share = time.monotonic(), time.process_time(), 1.0
        self._left, self._filled = 0.0, self._at

    def share(self) -> float:
        """Return the share of a core that was used of late; all of it where changes of scene have had their part."""
        now = time.monotonic()
        if now - self._at >= 1.0:
            used = time.process_time()
            self._share = (used - self._used) / (now - self._at)
            self._at, self._used = now, used
        self._left = min(FOR_SCENES, self._left + (now - self._filled) * FOR_SCENES)
        self._filled = now
        return self._share if self._left > 0 else 1.0

    def spend(self, seconds: float) -> None:
        """Take in what a change of scene has cost."""
        self._left -= seconds


@dataclass(slots=True)
class Pace:
    """What a stream may cost in all, reading and opening it too: ``share`` of one core, and ``BURST`` seconds at once.

    Leaving things out does not bound what a stream costs that comes faster than it plays, or is no stream at all: it
    is made to wait. Whether that makes it late is for :class:`Budget` to see.
    """

    share: float = 0.05
    _left: float = BURST
    _at: float | None = None
    _used: float = 0.0

    def wait(self, now: float, used: float) -> float:
        """Return how many seconds to wait; ``used`` is the processor time spent so far, in all."""
        if self._at is None:
            self._at, self._used = now, used
        earned = max(0.0, now - self._at) * self.share
        self._left = min(BURST, self._left + earned) - max(0.0, used - self._used)
        self._at, self._used = now, used
        return min(LONGEST_WAIT, -self._left / self.share) if self._left < 0 else 0.0


@dataclass(slots=True)
class Budget:
    """A stream's allowance of processor time: ``share`` of one core. ``shed`` counts what was left out, by kind."""

    share: float = 0.05
    level: int = 0
    shed: Counter[str] = field(default_factory=Counter)
    _left: float = 0.2
    _at: float | None = None
    _began: float = 0.0
    _changed: float = 0.0
    _troubled: float = 0.0
    _keyframes: int = 0

    def note(self, now: float, spent: float, lag: float) -> None:
        """Take in what was just spent (seconds of the processor) and how far behind the stream is (seconds)."""
        if self._at is None:
            self._at = self._changed = self._troubled = self._began = now
        most = _SAVED * self.share
        self._left = min(most, self._left + max(0.0, now - self._at) * self.share) - spent
        self._left = max(self._left, -most)
        self._at = now
        opened = now - self._began >= OPENING  # a stream that was just opened is behind by what opening took
        troubled = self._left < 0 or (lag > LATE and opened)
        if troubled or lag > PROMPT:
            self._troubled = now
        if troubled and self.level < len(LEVELS) - 1 and (now - self._changed >= 1.0 or not self.level):
            self.level, self._changed = self.level + 1, now
            self._left = most / 2  # what was spent before is no reason to leave out still more
        elif self.level and now - max(self._troubled, self._changed) >= CALM:
            self.level, self._changed = self.level - 1, now

    def classifier(self) -> bool:
        """Tell whether a frame may be classified; count it where not."""
        return self._or_shed(self.level < 1, "classifier")

    def scenes(self, found: int, load: float = 0.0) -> bool:
        """Tell whether ``found`` likely changes of scene may be looked at; count them where not.

        ``load`` is the share of a core that the process uses for all its streams: keyframes come first.
        """
        return self._or_shed(self.level < 2 and load < BUSY, "scenes", found)

    def keyframe(self) -> bool:
        """Tell whether this keyframe may be looked at; count it where not."""
        self._keyframes += 1
        every = 1 << max(0, self.level - 2)
        return self._or_shed(self._keyframes % every == 0, "keyframes")

    def _or_shed(self, may: bool, kind: str, count: int = 1) -> bool:
        if not may:
            self.shed[kind] += count
        return may
