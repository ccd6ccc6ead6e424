"""A CyberTipline made for tests: the documented order of calls, its codes and its expiry, and a fault for each call.

It runs inside an httpx transport, on a clock moved by hand, so that a day passes in a moment.
"""

import hashlib
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from lxml import etree

STEPS = ("submit", "upload", "fileinfo", "finish", "retract")
FAULTS = (
    "refused",  # no connection: nothing arrived
    "503",  # HTTP 503: not done
    "502",  # a go-between's error: done all the same
    "500-before",  # HTTP 500 and no word why: not done
    "500-after",  # HTTP 500 and no word why: done all the same
    "500-code",  # HTTP 500 with a server error by code: not done
    "1000",  # a server error by code: not done
    "lost-before",  # time-out, not done
    "lost-after",  # time-out, done
    "half",  # done, and half an answer
    "cut",  # done, and the connection breaks
    "crash-before",  # the worker dies before the call arrives
    "crash-after",  # the call is done and the worker dies
)
PERMANENT = ("4100", "3000", "9999")


class Crash(BaseException):
    """The worker's process ends here."""


@dataclass
class Held:
    """One report as the service keeps it. ``user`` is the espIdentifier in its XML."""

    id: int
    user: str
    xml: bytes
    opened: datetime
    changed: datetime
    state: str = "open"
    files: dict[str, str] = field(default_factory=dict)
    details: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Sandbox:
    """The service. ``plan`` is asked for a fault before each call: step → fault or ""."""

    now: Callable[[], datetime]
    plan: Callable[[str], str] = lambda step: ""
    check: Callable[[bytes], None] = lambda xml: None
    reports: dict[int, Held] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    unanswered: dict[str, int] = field(default_factory=dict)
    """Users whose submit was taken without the answer getting through, until a person has decided."""
    wrongs: list[str] = field(default_factory=list)
    """What must never happen, where it did."""
    xsd: bytes = b""
    """What ``GET /xsd`` gives."""

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.handle)

    def filed(self) -> Counter[str]:
        """Return how often a report of each user was filed."""
        return Counter(each.user for each in self.reports.values() if each.state == "finished")

    def decided(self, user: str) -> None:
        """Note that a person decided about a submit without an answer."""
        self.unanswered.pop(user, None)

    def handle(self, request: httpx.Request) -> httpx.Response:
        step = request.url.path.rsplit("/", 1)[-1]
        body = request.read()
        self.calls[step] += 1
        if not request.headers.get("authorization", "").startswith("Basic "):
            return httpx.Response(401)
        fault = self.plan(step)
        if fault:
            self.faults[step, fault] += 1
        if fault == "refused":
            raise httpx.ConnectError("refused")
        if fault == "crash-before":
            raise Crash(step)
        if fault in ("lost-before", "500-before"):
            if step == "submit":
                self.unanswered[_user(body)] = 0
            if fault == "500-before":
                return httpx.Response(500, text="<html>Internal Server Error</html>")
            raise httpx.ReadTimeout("slow")
        if fault == "503":
            return httpx.Response(503, text="busy")
        if fault == "500-code":
            return httpx.Response(500, content=_answer(1000, "said no").content)
        if fault in ("1000", *PERMANENT):
            return _answer(int(fault), "said no")
        answer = getattr(self, f"_{step}")(request, body)
        if fault and step == "submit" and answer.status_code == 200 and b">0<" in answer.content:
            self.unanswered[_user(body)] = max(self.reports)
        if fault == "lost-after":
            raise httpx.ReadTimeout("slow")
        if fault == "cut":
            raise httpx.RemoteProtocolError("cut")
        if fault == "crash-after":
            raise Crash(step)
        if fault == "502":
            return httpx.Response(502, text="bad gateway")
        if fault == "500-after":
            return httpx.Response(500, text="<html>Internal Server Error</html>")
        if fault == "half":
            return httpx.Response(200, content=answer.content[: len(answer.content) // 2])
        return answer

    def _status(self, request: httpx.Request, body: bytes) -> httpx.Response:
        return _answer(0, "up")

    def _xsd(self, request: httpx.Request, body: bytes) -> httpx.Response:
        return httpx.Response(200, content=self.xsd)

    def _submit(self, request: httpx.Request, body: bytes) -> httpx.Response:
        wrong = self._unfit(body, "report")
        if wrong:
            return wrong
        user = _user(body)
        self._expire()
        if user in self.unanswered:
            self.wrongs.append(f"{user}: submitted again before a person decided")
        if any(each.user == user and each.state in ("open", "finished") for each in self.reports.values()):
            self.wrongs.append(f"{user}: submitted while another is open or filed")
        made = Held(len(self.reports) + 4001, user, body, self.now(), self.now())
        self.reports[made.id] = made
        return _answer(0, "opened", f"<reportId>{made.id}</reportId>")

    def _upload(self, request: httpx.Request, body: bytes) -> httpx.Response:
        parts = _parts(request.headers["content-type"], body)
        report, wrong = self._open(parts["id"].decode())
        if wrong:
            return wrong
        md5 = hashlib.md5(parts["file"]).hexdigest()
        if md5 in report.files.values():
            self.wrongs.append(f"{report.user}: the same file twice")
        name = f"f{report.id}-{len(report.files)}"
        report.files[name] = md5
        report.changed = self.now()
        return _answer(0, "taken", f"<fileId>{name}</fileId><hash>{md5}</hash>")

    def _fileinfo(self, request: httpx.Request, body: bytes) -> httpx.Response:
        wrong = self._unfit(body, "fileDetails")
        if wrong:
            return wrong
        root = etree.fromstring(body)
        report, wrong = self._open(root.findtext("reportId"))
        if wrong:
            return wrong
        if root.findtext("fileId") not in report.files:
            return _answer(4100, "no such file")
        report.details[root.findtext("fileId")] = body
        report.changed = self.now()
        return _answer(0, "noted")

    def _finish(self, request: httpx.Request, body: bytes) -> httpx.Response:
        report, wrong = self._open(body.decode().removeprefix("id="))
        if wrong:
            return wrong
        if set(report.files) != set(report.details):
            self.wrongs.append(f"{report.user}: finished without details of a file")
        if any(each.user == report.user and each.state == "finished" for each in self.reports.values()):
            self.wrongs.append(f"{report.user}: filed twice")
        report.state = "finished"
        files = "".join(f"<fileId>{name}</fileId>" for name in report.files)
        text = f"<responseCode>0</responseCode><reportId>{report.id}</reportId><files>{files}</files>"
        return httpx.Response(200, text=f"<reportDoneResponse>{text}</reportDoneResponse>")

    def _retract(self, request: httpx.Request, body: bytes) -> httpx.Response:
        report, wrong = self._open(body.decode().removeprefix("id="))
        if wrong:
            return wrong
        report.state = "retracted"
        return _answer(0, "retracted")

    def _open(self, number: str | None) -> tuple[Held, httpx.Response | None]:
        self._expire()
        report = self.reports.get(int(number or 0))
        if report is None or report.state == "expired":
            return None, _answer(5001, "no such report")
        if report.state == "retracted":
            return report, _answer(5101, "retracted before")
        return report, _answer(5102, "finished before") if report.state == "finished" else None

    def _expire(self) -> None:
        for report in self.reports.values():
            old = self.now() - report.opened >= timedelta(hours=24) or self.now() - report.changed >= timedelta(hours=1)
            if report.state == "open" and old:
                report.state = "expired"

    def _unfit(self, body: bytes, root: str) -> httpx.Response | None:
        try:
            if etree.fromstring(body).tag != root:
                return _answer(4100, "wrong document")
            self.check(body)
        except etree.XMLSyntaxError:
            return _answer(4110, "malformed")
        except ValueError:
            return _answer(4100, "invalid")
        return None


@contextmanager
def served(sandbox: Sandbox) -> Iterator[str]:
    """Serve the sandbox over HTTP on this machine; give its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["content-length"])))

        def _answer(self, body: bytes) -> None:
            request = httpx.Request(
                self.command, f"http://sandbox.test{self.path}", headers=dict(self.headers), content=body
            )
            answer = sandbox.handle(request)
            self.send_response(answer.status_code)
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)


def _user(xml: bytes) -> str:
    found = re.search(rb"<espIdentifier>([^<]*)<", xml)
    return found[1].decode() if found else ""


def _answer(code: int, said: str, more: str = "") -> httpx.Response:
    text = f"<responseCode>{code}</responseCode><responseDescription>{said}</responseDescription>{more}"
    return httpx.Response(200, text=f"<reportResponse>{text}</reportResponse>", headers={"Request-ID": "r-1"})


def _parts(kind: str, body: bytes) -> dict[str, bytes]:
    message = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    return {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
        for part in message.get_payload()
    }
