"""The hub's own secret: it seals what a copy of the database must not give away, and keys its digests.

It lies in the data folder, so that the database (often on another machine, often copied) is worth less alone.
"""

import hashlib
import hmac
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from tocsin.evidence.keys import write_private


class HubSecret:
    """A Fernet key (AES-128-CBC with HMAC-SHA-256) and, derived from it, a key for digests."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)
        self._digest_key = hashlib.sha256(b"tocsin digests\x00" + key).digest()

    @staticmethod
    def load_or_create(path: Path) -> "HubSecret":
        """Read the secret at ``path``, or make one there, readable by its owner only."""
        try:
            return HubSecret(path.read_bytes().strip())
        except FileNotFoundError:
            key = Fernet.generate_key()
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(path, key + b"\n")
            return HubSecret(key)

    def seal(self, text: str) -> str:
        """Return ``text`` sealed, as printable characters."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Return what :meth:`seal` sealed. Raises ValueError if it was altered or sealed by another secret."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise ValueError("A sealed value does not fit this hub's secret; was the key folder exchanged?") from error

    def digest(self, label: str, value: str) -> str:
        """Return 32 hex digits that name ``value`` to this hub and cannot be guessed back without its secret."""
        return hmac.new(self._digest_key, f"{label}\x00{value}".encode(), hashlib.sha256).hexdigest()[:32]
