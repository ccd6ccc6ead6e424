"""Where connections to exchanges may go: over TLS to public addresses, resolved once and pinned.

Whoever may add an exchange over the API could otherwise have the gateway call services inside its own network.
"""

import ipaddress
import socket
from typing import Any

import httpx

from tocsin.exchange.calling import NotCalled
from tocsin.gateway.fetching import is_public


class Guarded(httpx.HTTPTransport):
    """Connects over https to the public address that a name had when it was checked, and nowhere else."""

    def __init__(self, **given: Any) -> None:
        super().__init__(trust_env=False, **given)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request. Raises NotCalled where it may not go."""
        host = request.url.host
        if request.url.scheme != "https":
            raise NotCalled("only https is spoken with an exchange added over the API", request=request)
        address = public_address(host, request.url.port or 443)
        if address is None:
            raise NotCalled("its name has no public address, or one that is not public", request=request)
        request.extensions = {**request.extensions, "sni_hostname": host}
        request.url = request.url.copy_with(host=address)
        return super().handle_request(request)


def public_address(host: str, port: int) -> str | None:
    """Return an address of a host, or None unless all of its addresses are public."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [ipaddress.ip_address(one[4][0]) for one in found]
    except (OSError, ValueError, UnicodeError):
        return None
    if not addresses or not all(is_public(address) for address in addresses):
        return None
    return str(addresses[0])
