"""The one connection the agent makes: to the hub it is enrolled at, with the certificate it was enrolled with.

No proxy, no netrc, no redirects, no other certificate authority: data goes to the enrolled authority only (A9).
"""

import base64
import hashlib
import ipaddress
import secrets
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

import httpx

from tocsin.evidence.journal import canonical
from tocsin.evidence.keys import DeviceKey
from tocsin.placement.config import Config, PlacementError

TIMEOUT = httpx.Timeout(12.0, connect=5.0)
_LIMITS = httpx.Limits(max_connections=2, max_keepalive_connections=2, keepalive_expiry=120.0)


def checked_hub(url: str) -> str:
    """Return the hub's address without a trailing slash. Raises PlacementError for all but https, or http at home."""
    parts = urlsplit(url)
    try:
        port_ok = parts.port is None or parts.port > 0
    except ValueError:
        port_ok = False
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_ok or parts.query or parts.username:
        raise PlacementError(f"{url[:200]!r} is not a hub's address; write it as https://hub.example.org:8420")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise PlacementError("Without TLS the agent speaks only to a hub on the same machine; use an https address.")
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Say whether a host name or address is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def certificate_of(url: str, timeout: float = 60.0) -> str:
    """Fetch the certificate that the hub shows, as PEM, without trusting it: the caller pins or compares it.

    Empty for plain http. Raises PlacementError when the hub cannot be reached.
    """
    parts = urlsplit(url)
    if parts.scheme == "http":
        return ""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    host, port = parts.hostname or "", parts.port or 443
    try:
        with (
            socket.create_connection((host, port), timeout=timeout) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            found = secure.getpeercert(binary_form=True)
    except (OSError, ValueError) as problem:
        raise PlacementError(f"The hub at {url} cannot be reached: {problem}.") from problem
    if not found:
        raise PlacementError(f"The hub at {url} shows no certificate.")
    return ssl.DER_cert_to_PEM_cert(found)


def certificate_fingerprint(pem: str) -> str:
    """Return what people compare: the certificate's SHA-256 in groups, as browsers and openssl show it."""
    if not pem:
        return "none (plain http on this machine)"
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()
    return "SHA256:" + ":".join(digest[i : i + 2] for i in range(0, 64, 2))


def pinned(pem: str) -> ssl.SSLContext:
    """Return a TLS context that trusts this very certificate and nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False  # the certificate itself is pinned; its names add nothing
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=pem)
    return context


def client(hub: str, certificate: str) -> httpx.Client:
    """Open a client that can only speak to ``hub``."""
    verify: ssl.SSLContext | bool = pinned(certificate) if certificate else False
    return httpx.Client(
        base_url=hub,
        verify=verify,
        trust_env=False,
        follow_redirects=False,
        timeout=TIMEOUT,
        limits=_LIMITS,
        headers={"user-agent": "Tocsin agent"},
    )


def connect(config: Config) -> httpx.Client:
    """Open a client to the hub this computer is enrolled at."""
    return client(config.hub, config.certificate)


def signed_headers(key: DeviceKey, device: str, path: str, body: bytes | None = None) -> dict[str, str]:
    """Return the headers that prove which device asks, and, where there is a ``body``, that it sent this one."""
    nonce = secrets.token_hex(16)
    signed = {"device": device, "path": path, "nonce": nonce}
    if body is not None:
        signed["digest"] = hashlib.sha256(body).hexdigest()
    sig = key.sign(canonical(signed))
    return {
        "X-Tocsin-Device": device,
        "X-Tocsin-Nonce": nonce,
        "X-Tocsin-Signature": base64.b64encode(sig).decode("ascii"),
    }


def object_of(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object that was answered, empty for anything else; never raises."""
    try:
        raw = response.json()
    except (ValueError, RecursionError):
        return {}
    return raw if isinstance(raw, dict) else {}


def sentence_of(response: httpx.Response) -> str:
    """Return what the hub says about a refusal, bounded; never raises."""
    raw = object_of(response)
    return str(raw.get("sentence") or raw.get("error") or "")[:300]
