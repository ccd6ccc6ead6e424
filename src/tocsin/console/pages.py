"""Rendering: the template environment, the frame's facts, static files with their version in the path."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from tocsin.console import words
from tocsin.hub.sessions import Who

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
}

router = APIRouter(include_in_schema=False)


@cache
def static_version() -> str:
    """Return a short digest of every static file: it stands in their paths, so that browsers may keep them for good."""
    total = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            total.update(path.relative_to(STATIC).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:16]


@cache
def _files() -> Mapping[str, Path]:
    return {p.relative_to(STATIC).as_posix(): p for p in STATIC.rglob("*") if p.is_file() and p.suffix in _TYPES}


@router.get("/static/{digest}/{path:path}")
def static(digest: str, path: str) -> Response:
    """Serve a vendored or own static file; only files that were there at the start have a path."""
    found = _files().get(path)
    if found is None:
        return Response("There is no such file.", 404, media_type="text/plain")
    fresh = "public, max-age=31536000, immutable" if digest == static_version() else "no-cache"
    return FileResponse(found, media_type=_TYPES[found.suffix], headers={"Cache-Control": fresh})


@router.get("/favicon.ico")
def favicon() -> Response:
    """Send browsers that ask for the old name to the mark."""
    return RedirectResponse(f"/static/{static_version()}/mark.svg", 308)


def when(at: datetime | None, how: str = "moment") -> Markup:
    """Return a ``<time>`` in UTC; the page's script shows it in the reader's own zone. ``how``: see js/times.js."""
    if at is None:
        return Markup('<span class="soft">never</span>')
    at = at.astimezone(UTC)
    text = at.strftime("%H:%M:%S UTC") if how in ("clock", "minute", "ago") else at.strftime("%Y-%m-%d %H:%M UTC")
    iso = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Markup('<time datetime="{}" data-as="{}" title="{} UTC">{}</time>').format(
        iso, how, at.strftime("%Y-%m-%d %H:%M:%S"), text
    )


@cache
def environment() -> Environment:
    """Return the template environment: everything escaped, nothing undefined."""
    env = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    env.globals.update(
        words=words,
        when=when,
        static=f"/static/{static_version()}",
        version=version("tocsin"),
        query=lambda **parts: urlencode({k: v for k, v in parts.items() if v not in ("", None)}),
    )
    return env


def fragment(name: str, **facts: Any) -> str:
    """Return a piece of a page as text, for live events."""
    return environment().get_template(name).render(**facts)


def page(request: Request, name: str, who: Who | None = None, status: int = 200, /, **facts: Any) -> HTMLResponse:
    """Render a page. The frame around it needs ``who`` and ``frame`` (console/frame.py)."""
    html = environment().get_template(name).render(**({"who": who, "path": request.url.path, "frame": None} | facts))
    return HTMLResponse(html, status, headers={"Cache-Control": "no-store"})


def go(address: str) -> RedirectResponse:
    """Send the browser on after a form was taken."""
    return RedirectResponse(address, 303)
