"""Hash lists, the exact index, and the one road on which a file, a picture or a frame is matched."""

from tocsin.matching.index import HashIndex, Hits

__all__ = ["HashIndex", "Hits"]
