"""The two interfaces that everything hangs on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from tocsin.model.finding import Finding
from tocsin.model.observation import Kind, Observation


@runtime_checkable
class Sensor(Protocol):
    """Something that sees: agent sensors, gateway streams, lab readers."""

    def observations(self) -> Iterator[Observation]:
        """Yield observations as they happen, until closed."""
        ...


@dataclass(frozen=True, slots=True)
class Example:
    """A harmless sequence of observations beside a detector: must it fire or must it stay quiet?"""

    name: str
    seen: tuple[Observation, ...]
    fires: bool


@runtime_checkable
class Detector(Protocol):
    """Takes observations, gives findings. One instance serves one device or one stream; state lives in it.

    A detector that fails must not stop the others: the caller records a warning with the observation's id.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    reads: ClassVar[frozenset[Kind]]

    def examine(self, seen: Observation) -> Iterable[Finding]:
        """Return the findings that this observation gives rise to, usually none."""
        ...

    @staticmethod
    def examples() -> tuple[Example, ...]:
        """Return harmless examples that must and must not fire; they feed tests, demo and docs."""
        ...
