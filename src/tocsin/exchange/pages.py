"""What every hash exchange comes down to: pages of rows, where to go on after a cut, and what may go wrong."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from tocsin.matching.lists.entry import Entry, Rejected

Mark = Mapping[str, Any]
"""A checkpoint, or where to go on: plain JSON that only the source that gave it understands. It holds no secret."""


class ExchangeError(Exception):
    """An exchange that could not be asked; the message is a sentence for the person who meets it, without secrets."""


class Refused(ExchangeError):  # noqa: N818 - it says what the exchange did
    """The exchange does not accept the credentials or the question: asking again will not help.

    ``code`` is the HTTP status, or 0 where nothing was asked (a key is missing).
    """

    def __init__(self, sentence: str, code: int = 0) -> None:
        super().__init__(sentence)
        self.code = code

    @property
    def about_us(self) -> bool:
        """Whether it is the credentials that are refused (or missing), not what was sent."""
        return self.code in (0, 401, 403)


class Unreachable(ExchangeError):  # noqa: N818 - as above
    """The exchange did not answer, is overloaded or broke off: asking again may help ``after`` some seconds."""

    def __init__(self, sentence: str, after: float = 0.0) -> None:
        super().__init__(sentence)
        self.after = after


class Lost(Unreachable):
    """The answer was lost: the exchange may or may not have taken what was sent."""


class Unusable(ExchangeError):  # noqa: N818 - it says what the exchange did
    """An answer that is no whole page of this exchange: nothing of it is taken."""


class Expired(ExchangeError):  # noqa: N818 - it says what the exchange did
    """A paging link that the exchange no longer knows: the range is to be read from its beginning."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page. ``resume``: go on from here once the page is kept; ``checkpoint``: only with the last of a range.

    ``restart``: the range begins anew with this page. ``full``: all the exchange has is being read, so that what is
    not among it is gone. ``other`` counts kinds of signal that are not matched here, and what a filter left out.
    """

    rows: Sequence[Entry | Rejected]
    resume: Mark | None = None
    checkpoint: Mark | None = None
    full: bool = False
    restart: bool = False
    other: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opinion:
    """A person's verdict on one entry of an exchange: ``good`` when the match was true.

    ``entry`` is the entry's id, ``kind`` and ``value`` (hex) the hash that matched, ``extra`` what the list kept.
    """

    entry: str
    kind: str
    value: str
    good: bool
    extra: Mapping[str, Any] = field(default_factory=dict)


class Source(Protocol):
    """One exchange to read from, and to tell verdicts to."""

    def pages(self, checkpoint: Mark | None, resume: Mark | None) -> Iterator[Page]:
        """Yield the pages of what changed since ``checkpoint``, from ``resume`` on. Raises ExchangeError."""
        ...

    def tell(self, opinion: Opinion) -> bool:
        """Send one verdict upstream; False when this exchange takes none of this kind. Raises ExchangeError."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A hash to be given to an exchange, or taken back: its kind (``pdq``, ``md5`` of a video), its value (hex).

    ``remote`` is what the exchange called it when it took it, where it calls it anything.
    """

    kind: str
    value: str
    remote: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an exchange answered for one hash; ``reason`` why it was not taken."""

    taken: bool
    remote: str = ""
    reason: str = ""


@runtime_checkable
class Sink(Protocol):
    """An exchange that takes hashes. ``most`` go together in one call.

    ``repeatable`` tells that the same hash sent twice is the same said twice; else one whose answer was lost is looked
    for (:meth:`find`) and never sent again by itself.
    """

    most: int
    repeatable: bool

    def give(self, hashes: Sequence[Outgoing], tags: Sequence[str]) -> Sequence[Receipt]:
        """Send hashes, once; a receipt for each. Raises ExchangeError, Lost among them."""
        ...

    def find(self, one: Outgoing) -> str:
        """Return what the exchange calls a hash that was given before, or nothing. Raises ExchangeError."""
        ...

    def take_back(self, hashes: Sequence[Outgoing]) -> Sequence[Receipt]:
        """Withdraw hashes that were given; saying it twice does no harm. Raises ExchangeError."""
        ...


def counted(value: object) -> int | None:
    """Return a count or a time as a whole number of a sane size, or None."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**40:
        return None
    return value
