"""The gateway's own secret: it seals credentials at rest and signs the paging tokens of what is served."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from tocsin.evidence.keys import write_private

_MAC = 16


class GatewaySecret:
    """A Fernet key (AES-128-CBC with HMAC-SHA-256), in a file that only this user reads, and a key derived from it."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)
        self._token_key = hashlib.sha256(b"tocsin paging tokens\x00" + key).digest()

    @staticmethod
    def load_or_create(path: Path) -> "GatewaySecret":
        """Read the secret at ``path``, or make one there."""
        try:
            return GatewaySecret(path.read_bytes().strip())
        except FileNotFoundError:
            key = Fernet.generate_key()
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(path, key + b"\n")
            return GatewaySecret(key)

    def seal(self, held: Mapping[str, str]) -> str:
        """Return credentials sealed, as printable characters."""
        return self._fernet.encrypt(json.dumps(dict(held)).encode()).decode()

    def open(self, sealed: str) -> dict[str, str]:
        """Return what :meth:`seal` sealed. Raises ValueError if it was altered or sealed by another secret."""
        try:
            held: dict[str, str] = json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken as error:
            raise ValueError("Sealed credentials do not fit this gateway's secret; give them anew.") from error
        return held

    def token(self, held: Mapping[str, Any]) -> str:
        """Return a paging token: what it holds can be read, but not made up or changed."""
        body = json.dumps(dict(held), separators=(",", ":"), sort_keys=True).encode()
        return base64.urlsafe_b64encode(self._mac(body) + body).decode().rstrip("=")

    def read_token(self, token: str) -> dict[str, Any]:
        """Return what a token holds. Raises ValueError for one that was not made here."""
        try:
            raw = base64.urlsafe_b64decode(token[:4096] + "=" * (-len(token) % 4))
        except ValueError as error:
            raise ValueError("This paging token was not made here.") from error
        if not hmac.compare_digest(raw[:_MAC], self._mac(raw[_MAC:])):
            raise ValueError("This paging token was not made here.")
        held: dict[str, Any] = json.loads(raw[_MAC:])
        return held

    def _mac(self, body: bytes) -> bytes:
        return hmac.new(self._token_key, body, hashlib.sha256).digest()[:_MAC]
