import itertools
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tocsin.agent.chain import Bounds
from tocsin.agent.disk import Disk
from tocsin.agent.journal import Journal
from tocsin.evidence.keys import DeviceKey

BOOT = "11111111-2222-3333-4444-555555555555"


class FakeClock:
    """A clock the test moves."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
        self.mono = 1_000_000_000

    def now(self) -> datetime:
        return self.at

    def monotonic_ns(self) -> int:
        return self.mono

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.mono += int(seconds * 1e9)


class PowerCut(BaseException):
    """The machine went dark: nothing after this line ran."""


class FaultyDisk(Disk):
    """A disk that fills up (``full``) or goes dark after ``cut_after`` more bytes."""

    def __init__(self) -> None:
        self.full = False
        self.cut_after: int | None = None
        self.broken_sync = False

    def create(self, path: Path, size: int) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().create(path, size)

    def replace(self, path: Path, data: bytes, mode: int = 0o600) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super().replace(path, data, mode)

    def write(self, fd: int, data: bytes, offset: int) -> None:
        if self.cut_after is not None:
            part = data[: self.cut_after]
            self.cut_after -= len(part)
            if len(part) < len(data):
                super().write(fd, part, offset)
                raise PowerCut
        super().write(fd, data, offset)

    def sync(self, fd: int) -> None:
        if self.broken_sync:
            raise OSError(5, "Input/output error")
        super().sync(fd)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk()


@pytest.fixture(scope="session")
def device_key() -> DeviceKey:
    return DeviceKey.from_seed(bytes(range(32)))


@pytest.fixture
def small() -> Bounds:
    return Bounds(segment=8192, total=6 * 8192, reserve=2048, history=1)


@pytest.fixture
def open_journal(
    tmp_path: Path, clock: FakeClock, device_key: DeviceKey, small: Bounds, disk: FaultyDisk
) -> Iterator[Callable[..., Journal]]:
    """Open (again) the journal in the test's folder."""
    opened: list[Journal] = []
    numbers = itertools.count()

    def open_(**changes: object) -> Journal:
        next(numbers)
        given = {"bounds": small, "disk": disk, "boot": BOOT} | changes
        journal = Journal(tmp_path / "journal", device_key, "device-1", clock, **given)  # type: ignore[arg-type]
        opened.append(journal)
        return journal

    yield open_
    for journal in opened:
        try:
            journal.close()
        except OSError:
            continue


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))
