"""The worker's connection to the hub: what it asks, what it tells, and the errors in between."""

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

import httpx

from tocsin.placement.wire import checked_hub, object_of, pinned, sentence_of


class DeskError(RuntimeError):
    """The hub cannot be reached or says no; the message is a sentence. Try again later."""


class SupersededError(DeskError):
    """The hub does not count this attempt any more."""


class Desk(Protocol):
    """What the worker needs of the hub."""

    def queue(self, journal: str, environment: str) -> list[dict[str, Any]]:
        """Return what may be done now."""
        ...

    def take(self, report: str, journal: str, environment: str) -> dict[str, Any]:
        """Ask for the permission to submit a report, and for all that is in it."""
        ...

    def evidence(self, report: str, digest: str) -> bytes:
        """Fetch sealed evidence."""
        ...

    def tell(self, report: str, told: Mapping[str, Any]) -> str:
        """Tell what became of an attempt; return the report's state at the hub."""
        ...


class HubDesk:
    """The hub over HTTPS, with the token of a reporting worker."""

    def __init__(
        self, url: str, token: str, certificate: str = "", *, transport: httpx.BaseTransport | None = None
    ) -> None:
        base = checked_hub(url)
        self._http = httpx.Client(
            base_url=f"{base}/api/v1/reporting",
            verify=pinned(certificate) if certificate else True,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(60.0, connect=10.0),
            headers={"Authorization": f"Bearer {token}", "User-Agent": "Tocsin reporting worker"},
            transport=transport,
        )

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def queue(self, journal: str, environment: str) -> list[dict[str, Any]]:
        """Return what may be done now. Raises DeskError."""
        answer = object_of(self._call("GET", "/queue", params={"journal": journal, "environment": environment}))
        reports = answer.get("reports")
        return [each for each in reports if isinstance(each, dict)] if isinstance(reports, list) else []

    def take(self, report: str, journal: str, environment: str) -> dict[str, Any]:
        """Ask for a report. Raises DeskError, and SupersededError where it is not for filing now."""
        sent = {"journal": journal, "environment": environment}
        return object_of(self._call("POST", f"/reports/{quote(report, safe='')}/take", json=sent))

    def evidence(self, report: str, digest: str) -> bytes:
        """Fetch sealed evidence. Raises DeskError."""
        return self._call("GET", f"/reports/{quote(report, safe='')}/evidence/{quote(digest, safe='')}").content

    def tell(self, report: str, told: Mapping[str, Any]) -> str:
        """Tell what became of an attempt. Raises DeskError, and SupersededError for one that does not count."""
        return str(
            object_of(self._call("POST", f"/reports/{quote(report, safe='')}/state", json=dict(told))).get("state")
        )

    def _call(self, method: str, path: str, **sent: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **sent)
        except httpx.HTTPError as error:
            raise DeskError(f"The hub cannot be reached ({type(error).__name__}).") from error
        if response.status_code >= 400:
            sentence = sentence_of(response) or f"The hub answered {response.status_code}."
            superseded = response.status_code == 409 and path.startswith("/reports/")
            raise (SupersededError if superseded else DeskError)(sentence)
        return response
