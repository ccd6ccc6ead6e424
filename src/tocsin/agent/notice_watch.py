"""The rules of the notice in time: when being off the screen or covered counts, and what is said about it."""

from collections.abc import Callable

from tocsin.agent.notice import LOST_AFTER_S

GIVE_UP_AFTER_S = 60.0
_COVERED_FOR_S = 0.5
_RAISE_EVERY_S = 1.0
_RAISE_TIRED_S = 20.0
_SAY_EVERY_S = 30.0
_TIRES_AFTER = 5


class NoticeWatch:
    """Told several times a second how the bar stands; calls ``say`` with what a person should know.

    ``say`` gets *shown* once; *unmapped* after five seconds off the screen, *restored* when it is back, *lost* after
    a minute; *covered* and *raised*, each at most every half minute.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._shown = self._unmapped = self._lost = False
        self._off_since: float | None = None
        self._covered_since: float | None = None
        self._raised_at = self._said_at = float("-inf")
        self.raises = 0
        """How often in a row the bar raised itself and something stood over it again."""
        self._flapped = float("-inf")

    @property
    def seen(self) -> bool:
        """Whether the bar was on the screen at the last look."""
        return self._shown and self._off_since is None

    def look(self, now: float, *, viewable: bool, covered: bool = False) -> bool:
        """Take a look at ``now`` (seconds); return True when the bar should raise itself."""
        if not viewable:
            self._off(now)
            return False
        if self._off_since is not None or not self._shown:
            self._back(now)
        if not covered:
            self._covered_since, self.raises = None, 0
            return False
        if self._covered_since is None:
            self._covered_since = now
        every = _RAISE_EVERY_S if self.raises < _TIRES_AFTER else _RAISE_TIRED_S
        if now - self._covered_since < _COVERED_FOR_S or now - self._raised_at < every:
            return False
        self._raised_at, self.raises = now, self.raises + 1
        if now - self._said_at >= _SAY_EVERY_S:
            self._said_at = now
            self._say("covered")
            self._say("raised")
        return True

    def flapped(self, now: float) -> None:
        """Note that somebody took the bar off the screen and it was put back at once."""
        if self._shown and not self._unmapped and now - self._flapped >= _SAY_EVERY_S:
            self._flapped = now
            self._say("restored")

    def _off(self, now: float) -> None:
        if self._off_since is None:
            self._off_since = now
        gone = now - self._off_since
        if gone >= LOST_AFTER_S and not self._unmapped:
            self._unmapped = True
            self._say("unmapped")
        if gone >= GIVE_UP_AFTER_S and not self._lost:
            self._lost = True
            self._say("lost")

    def _back(self, now: float) -> None:
        self._off_since = None
        if not self._shown:
            self._shown = True
            self._say("shown")
        elif self._unmapped:
            self._say("restored")
        self._unmapped = False
