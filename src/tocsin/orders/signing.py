"""Signing an order with Ed25519 over its RFC 8785 canonical JSON, and trusting one only from a known authority."""

import base64
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785

from tocsin.evidence.keys import DeviceKey, KeyFileError, fingerprint, read_private_pem, unbase64, verify_signature
from tocsin.orders.document import OrderError, from_json, load_json
from tocsin.orders.order import Order
from tocsin.orders.reading import parse, read

FORMAT = "tocsin/signed-order@1"
PLACEHOLDER = "<<"
"""What marks the places of a template where the real order's words go."""


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """An order whose signature was checked.

    ``digest`` is the SHA-256 (hex) of the order's canonical JSON, ``signer`` the authority's raw public key in
    base64, ``fingerprint`` what people compare, ``text`` the signed JSON as received.
    """

    order: Order
    digest: str
    signer: str
    fingerprint: str
    text: str


def keygen(passphrase: str | None = None) -> bytes:
    """Make an authority's key: PKCS8 PEM Ed25519, encrypted when a passphrase is given."""
    return DeviceKey.generate().pem(passphrase)


def public_key(key_pem: bytes, passphrase: str | None = None) -> str:
    """Return the base64 public key (the *root* that agents and hubs trust) of a private key. Raises KeyFileError."""
    return DeviceKey(read_private_pem(key_pem, passphrase)).public


def sign(text: str, key_pem: bytes, passphrase: str | None = None) -> str:
    """Sign an order document (YAML) and return the signed order (JSON).

    Raises OrderError for a document that is refused or still holds placeholders, naming the lines, and
    KeyFileError for a key that cannot be read.
    """
    unfilled = placeholders(text)
    if unfilled:
        lines = ("line " if len(unfilled) == 1 else "lines ") + ", ".join(map(str, unfilled))
        raise OrderError(f"{lines}: the order still holds placeholders (<<...>>); write the real order's words there.")
    order = parse(text)
    key = DeviceKey(read_private_pem(key_pem, passphrase))
    fields = order.as_dict()
    signature = base64.b64encode(key.sign(rfc8785.dumps(fields))).decode("ascii")
    signed = {"format": FORMAT, "order": fields, "key": key.public, "sig": signature}
    return json.dumps(signed, ensure_ascii=False, indent=1) + "\n"


def placeholders(text: str) -> list[int]:
    """Return the lines (from 1) on which a placeholder remains; comment lines do not count."""
    lines = enumerate(text.splitlines(), 1)
    return [number for number, line in lines if PLACEHOLDER in line and not line.lstrip().startswith("#")]


def verify(signed: str, roots: Collection[str] | None = None) -> SignedOrder:
    """Check a signed order and return it. Raises OrderError.

    ``roots`` are the authority keys (base64) that are trusted; None accepts any signer, which only a person
    who compares the fingerprint may do. An order that has ended, or not begun, verifies: ask ``permit``.
    """
    raw = load_json(signed)
    if not isinstance(raw, Mapping) or raw.get("format") != FORMAT:
        raise OrderError(f"This is not a signed order: it does not say format {FORMAT}.")
    if set(raw) != {"format", "order", "key", "sig"}:
        raise OrderError("A signed order has exactly the fields format, order, key and sig; this one has not.")
    key, sig = raw["key"], raw["sig"]
    if not isinstance(key, str) or unbase64(key, 32) is None:
        raise OrderError("The signed order does not carry an Ed25519 public key in base64.")
    if not isinstance(sig, str) or unbase64(sig, 64) is None:
        raise OrderError("The order is not signed: its sig is not an Ed25519 signature in base64.")
    data = _canonical(raw["order"])
    if not verify_signature(key, sig, data):
        raise OrderError("The order was altered after it was signed, or is not signed by the key it names.")
    if roots is not None and key not in ([roots] if isinstance(roots, str) else roots):
        raise OrderError(f"The order is signed by {fingerprint(key)}, which is not an authority that is trusted here.")
    order = read(from_json(raw["order"], "order"))
    return SignedOrder(order, hashlib.sha256(data).hexdigest(), key, fingerprint(key), signed)


def _canonical(order: Any) -> bytes:
    try:
        return rfc8785.dumps(order)
    except (rfc8785.CanonicalizationError, UnicodeError, RecursionError) as error:
        raise OrderError("The order in this file cannot be written as canonical JSON.") from error


__all__ = ["FORMAT", "KeyFileError", "SignedOrder", "keygen", "placeholders", "public_key", "sign", "verify"]
