"""The five calls of the CyberTipline Reporting API. Each returns an :class:`Answer`; none repeats itself.

The sandbox is the default. The other address is taken only from an argument of its own, never from the credentials.
No credential, header or file byte is ever logged or put into a message.
"""

from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx

from tocsin.exchange.cybertip import answers
from tocsin.exchange.cybertip.answers import Answer, Outcome

SANDBOX: Final = "https://exttest.cybertip.org/ispws"
PRODUCTION: Final = "https://report.cybertip.org/ispws"

TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
_XML: Final = {"Content-Type": "text/xml; charset=utf-8"}
_LARGEST_SCHEMA: Final = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and password for the service. They say nothing about where reports go."""

    username: str
    password: str = field(repr=False)


class CyberTip:
    """A connection to the service. ``url`` is another address than the sandbox only for tests and production."""

    def __init__(
        self,
        credentials: Credentials,
        url: str = SANDBOX,
        *,
        timeout: httpx.Timeout = TIMEOUT,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        parts = urlsplit(url)
        at_home = parts.hostname in ("127.0.0.1", "localhost", "::1", "sandbox.test")
        if parts.scheme != "https" and not at_home:
            raise ValueError("Reports are sent by https only.")
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            auth=httpx.BasicAuth(credentials.username, credentials.password),
            timeout=timeout,
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": "Tocsin", "Accept": "text/xml, application/xml"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def status(self) -> Answer:
        """Ask whether the service is there and takes the credentials."""
        return self._call("GET", "/status")

    def xsd(self) -> bytes:
        """Fetch the schema of record. Raises OSError with a sentence when it cannot be had."""
        try:
            with self._http.stream("GET", f"{self.url}/xsd") as response:
                if response.status_code != 200:
                    raise OSError(f"The service answered {response.status_code} when asked for its schema.")
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > _LARGEST_SCHEMA:
                        raise OSError("What the service sent as its schema is too large to be one.")
                return bytes(body)
        except httpx.HTTPError as error:
            raise OSError(f"The service's schema cannot be fetched ({type(error).__name__}).") from error

    def submit(self, xml: bytes) -> Answer:
        """Open a report. An outcome *unknown* must never be repeated by a program."""
        answer = self._call("POST", "/submit", content=xml, headers=_XML)
        if answer.outcome is Outcome.DONE and answer.report_id is None:
            return _unreadable(answer, "The service accepted the report without giving its id.")
        return answer

    def upload(self, report_id: int, name: str, data: bytes) -> Answer:
        """Add a file. ``md5`` of the answer is the service's; compare it. Not safe to repeat when unknown."""
        sent = {"file": (name, data, "application/octet-stream")}
        answer = self._call("POST", "/upload", data={"id": str(report_id)}, files=sent)
        if answer.outcome is Outcome.DONE and not answer.file_id:
            return _unreadable(answer, "The service took the file without giving its id.")
        return answer

    def fileinfo(self, xml: bytes) -> Answer:
        """Say what a file is. Safe to repeat."""
        return self._call("POST", "/fileinfo", content=xml, headers=_XML)

    def finish(self, report_id: int) -> Answer:
        """Close a report: from here on it is filed. Safe to repeat: "finished before" is success."""
        answer = self._call("POST", "/finish", data={"id": str(report_id)})
        if answer.code == answers.ALREADY_FINISHED:
            return Answer(
                outcome=Outcome.DONE, code=answer.code, description=answer.description, report_id=report_id,
                status=answer.status, request_id=answer.request_id,
            )  # fmt: skip
        return answer

    def retract(self, report_id: int) -> Answer:
        """Undo a report that is not finished."""
        return self._call("POST", "/retract", data={"id": str(report_id)})

    def _call(self, method: str, path: str, **sent: Any) -> Answer:
        """Make one call and read its answer; what went wrong on the way becomes an outcome."""
        body = bytearray()
        try:
            with self._http.stream(method, self.url + path, **sent) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > answers.LARGEST:
                        break  # no answer of theirs is as large: it will be read as one that says nothing
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return Answer(outcome=Outcome.UNSENT, description=f"No connection ({type(error).__name__}).")
        except httpx.HTTPError as error:
            return Answer(outcome=Outcome.UNKNOWN, description=f"The answer never came ({type(error).__name__}).")
        except httpx.InvalidURL:
            return Answer(outcome=Outcome.PERSON, description="The service's address cannot be used.")
        request_id = response.headers.get("Request-ID", "")[:100]
        if response.status_code == 401:
            return Answer(
                outcome=Outcome.PERSON, code=2000, status=401, request_id=request_id,
                description="sign-in refused",
            )  # fmt: skip
        return answers.read(response.status_code, bytes(body), request_id)


def _unreadable(answer: Answer, sentence: str) -> Answer:
    return Answer(outcome=Outcome.UNKNOWN, status=answer.status, request_id=answer.request_id, description=sentence)
