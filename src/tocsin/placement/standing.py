"""Standing: the order in force on this computer, and how it changes: varied, discharged, ended."""

import threading
from datetime import datetime
from pathlib import Path

from tocsin.evidence.keys import read_bounded
from tocsin.orders import OrderError, Permission, SignedOrder, permit, verify
from tocsin.placement.config import PlacementError
from tocsin.placement.disk import Disk

_MAX = 2 << 20


class Standing:
    """The signed order, verified against the roots pinned at enrolment before every use. Thread-safe."""

    def __init__(self, path: Path, roots: tuple[str, ...], label: str = "") -> None:
        self._path, self._roots, self._label = path, roots, label
        self._lock = threading.Lock()
        self._permission: Permission | None = None
        self.discharged = ""
        try:
            self._order = verify(read_bounded(path, _MAX).decode("utf-8"), roots)
        except (OSError, UnicodeDecodeError) as problem:
            raise PlacementError(f"The order {path} cannot be read: {problem}.") from problem
        except OrderError as problem:
            raise PlacementError(f"The order {path} is refused, so nothing is collected: {problem}") from problem

    @property
    def signed(self) -> SignedOrder:
        """The order in force."""
        return self._order

    def permission(self, now: datetime) -> Permission:
        """Return what the order permits now."""
        with self._lock:
            held = self._permission
            if held is None or now >= held.until or not held.active:
                held = self._permission = permit(self._order.order, now)
            return held

    def over(self, now: datetime) -> str:
        """Return why collection has to stop for good, as a sentence, or nothing."""
        if self.discharged:
            return self.discharged
        if self._order.order.state(now) == "ended":
            return self.permission(now).reason
        return ""

    def discharge(self, sentence: str) -> None:
        """Note that the authority ended the order before its time."""
        self.discharged = sentence

    def vary(self, text: str) -> bool:
        """Take a varied order that replaces this one; True when it is another. Raises PlacementError, keeps the old."""
        try:
            new = verify(text, self._roots)
        except OrderError as problem:
            raise PlacementError(f"A changed order was refused and the old one stays: {problem}") from problem
        if new.digest == self._order.digest:
            return False
        old = self._order.order
        if new.order.replaces != old.id:
            raise PlacementError("A changed order was refused: it does not say that it replaces the one in force.")
        if new.order.subject != old.subject:
            raise PlacementError("A changed order was refused: it is about another person.")
        if new.order.kind != old.kind:
            raise PlacementError("A changed order was refused: it is of another kind than the one in force.")
        if self._label and self._label not in [device.label for device in new.order.devices]:
            raise PlacementError("A changed order was refused: it does not name this device.")
        Disk().replace(self._path, text.encode("utf-8"))
        with self._lock:
            self._order, self._permission = new, None
        return True
