"""Security headers on every answer: nothing from elsewhere, no inline code, no framing, no caching of private pages.

The console lives with this: scripts and styles come as files, evidence is unsealed in the page by plain
JavaScript and WebCrypto, and unsealed pictures and videos are shown from ``blob:`` addresses.
"""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CSP: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

ALWAYS: Final = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), usb=(), payment=(), display-capture=()",
    "X-Robots-Tag": "noindex, nofollow",
}
HSTS: Final = "max-age=31536000"


class SecurityHeaders:
    """ASGI middleware that adds the headers; ``tls`` says whether browsers reach the hub by HTTPS."""

    def __init__(self, app: ASGIApp, tls: bool = False) -> None:
        self._app = app
        self._tls = tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, headers added. Static files may be kept by browsers; everything else must not be."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        public = scope["path"].startswith("/static/")

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers[name] = value
                if self._tls:
                    headers["Strict-Transport-Security"] = HSTS
                if not public:
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, receive, sending)
