"""A rectangle on a screen or in a picture."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle in screen pixels: left, top, width, height."""

    x: int
    y: int
    w: int
    h: int

    @property
    def right(self) -> int:
        """First column past the rectangle."""
        return self.x + self.w

    @property
    def bottom(self) -> int:
        """First row past the rectangle."""
        return self.y + self.h

    def overlap(self, other: "Rect") -> float:
        """Return the share, 0 to 1, that both have in common of what they cover together."""
        across = min(self.right, other.right) - max(self.x, other.x)
        down = min(self.bottom, other.bottom) - max(self.y, other.y)
        common = max(0, across) * max(0, down)
        covered = self.w * self.h + other.w * other.h - common
        return common / covered if covered > 0 else 0.0
