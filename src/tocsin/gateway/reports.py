"""Reports of this gateway's findings, as its hub keeps them: asked for and read over the wire, signed as the device.

The gateway holds no report. It hands a request on, and the hub's people decide on it.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

import httpx

from tocsin.exchange.cybertip.asked import Asked
from tocsin.gateway.enrolment import Enrolment
from tocsin.gateway.refusals import Refused
from tocsin.model import utc_text
from tocsin.placement import wire

_PATH: Final = "/api/v1/device/reports"
_PASSED: Final = frozenset({404, 409, 410, 413, 422})
"""Refusals of the hub's that the caller can do something about."""


PATIENCE: Final = httpx.Timeout(3.5, connect=1.5)
"""A caller waits for the answer: a hub that hangs is told within about 5 seconds."""


class Reports:
    """The calls about reports. Raises Refused: 409 where the gateway is not enrolled, 503 where no hub answers."""

    def __init__(self, enrolment: Enrolment | None) -> None:
        if enrolment is None:
            raise Refused(
                409,
                "The gateway is not enrolled at a hub, so it records nothing and there is nothing to report; enrol it "
                "with tocsin gateway enrol.",
            )
        self._config, self._key = enrolment.config, enrolment.key

    def ask(self, asked: Asked) -> tuple[dict[str, Any], bool]:
        """Ask for a report; return how it stands, and whether it is new."""
        told = asked.model_dump(mode="json", exclude_defaults=True)
        body = json.dumps(told, separators=(",", ":")).encode()
        status, answer = self._call("POST", _PATH, body)
        return answer, status == 201

    def listed(self, states: Sequence[str], after: int) -> dict[str, Any]:
        """Return the reports about this gateway's findings, by number, and where the next ones begin."""
        asked = [("state", each) for each in states] + ([("after", str(after))] if after else [])
        return self._call("GET", _PATH + (f"?{urlencode(asked)}" if asked else ""))[1]

    def changes(self, after: int, since: datetime) -> dict[str, Any]:
        """Return how this gateway's reports have changed state, past a number and since a moment."""
        asked = urlencode({"after": after, "since": utc_text(since)})
        return self._call("GET", f"{_PATH}/changes?{asked}")[1]

    def one(self, report: str) -> dict[str, Any]:
        """Return one report."""
        return self._call("GET", f"{_PATH}/{quote(report, safe='')}")[1]

    def take_back(self, report: str) -> dict[str, Any]:
        """Take a request back while it is a draft that no person has taken up."""
        return self._call("DELETE", f"{_PATH}/{quote(report, safe='')}")[1]

    def _call(self, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, Any]]:
        headers = wire.signed_headers(self._key, self._config.device, path, body)
        if body:
            headers["Content-Type"] = "application/json"
        try:
            with wire.connect(self._config) as client:
                client.timeout = PATIENCE
                answer = client.request(method, path, content=body or None, headers=headers)
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            raise _away() from error
        told = wire.object_of(answer)
        if answer.status_code in (200, 201) and told:
            return answer.status_code, told
        said = wire.sentence_of(answer)
        if answer.status_code == 429 and said:
            raise Refused(429, said, {"Retry-After": _seconds(answer.headers.get("retry-after", ""))})
        if answer.status_code in _PASSED and isinstance(told.get("sentence"), str):
            raise Refused(answer.status_code, said)
        if answer.status_code == 403 and isinstance(told.get("sentence"), str):
            raise Refused(409, f"The hub does not let this gateway: {said}")
        raise _away()


def _away() -> Refused:
    return Refused(503, "The hub cannot be reached, or does not answer; ask again later.", {"Retry-After": "30"})


def _seconds(text: str) -> str:
    return text if text.isascii() and text.isdigit() and len(text) < 6 else "60"
