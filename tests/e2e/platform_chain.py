"""A platform for end-to-end tests: its hub and people, its gateway, and what they do, all of it in real processes."""

import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import officer
from click.testing import CliRunner
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from streaming import free_port, landscape, make_stream, pushing

from tocsin.cli import main
from tocsin.demo.desktop import until
from tocsin.demo.stage import Stage
from tocsin.hub.store.schema import Alert, EvidenceRecord, FindingRecord

WAIT_S = 120
PATIENCE_S = 120
INCIDENT = "Child Pornography (possession, manufacture, and distribution)"
SCOPES = "lookup,messages,payments,streams,webhooks"


def tocsin(*arguments: object) -> str:
    """Run a short command to its end and return what it printed."""
    done = CliRunner().invoke(main, [str(each) for each in arguments])
    assert done.exit_code == 0, f"{arguments}: {done.output} {done.exception!r}"
    return str(done.stdout)


@dataclass
class Chain:
    """The platform: its hub and people, its gateway, and what the tests found out on the way."""

    stage: Stage
    folder: Path
    listed: list[Path]
    browser: Browser
    pages: dict[str, Page] = field(default_factory=dict)
    api: httpx.Client = field(default_factory=httpx.Client)
    gateway: "subprocess.Popen[bytes] | None" = None
    key: str = ""
    reporting_key: str = ""
    token: str = ""

    @property
    def data(self) -> Path:
        return self.folder / "gateway"

    def page(self, who: str) -> Page:
        """Return somebody's browser, signed in by hand once."""
        if who not in self.pages:
            page = officer.open_page(self.browser, self.stage.url, viewport={"width": 1280, "height": 900})
            account = getattr(self.stage.cast, who)
            page.goto("/sign-in")
            page.get_by_label("E-mail address").fill(account.email)
            page.get_by_label("Password").fill(account.password)
            page.get_by_role("button", name="Continue").click()
            page.locator("input[name=code]").fill(account.code())
            page.locator("main button").first.click()
            page.wait_for_url(re.compile("/(alerts|people)"))
            page.wait_for_selector("html.js")
            self.pages[who] = page
        return self.pages[who]

    def ask(self, who: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask the hub's API as somebody who is signed in."""
        page = self.page(who)
        csrf = page.request.get("/api/v1/session").json()["csrf"]
        answer = page.request.post(path, data=body, headers={"X-CSRF-Token": csrf})
        assert answer.ok, answer.text()
        return dict(answer.json())

    def alerts(self) -> frozenset[str]:
        """The alerts there are, by id."""
        with self.stage._reading() as session:
            return frozenset(session.scalars(select(Alert.id)))

    def alert(self, besides: frozenset[str], *categories: str) -> Alert:
        """Wait for another alert, of one of these categories, whose evidence has arrived."""

        def found() -> Alert | None:
            with self.stage._reading() as session:
                held = select(FindingRecord.alert_id).join(
                    EvidenceRecord, EvidenceRecord.digest == FindingRecord.evidence
                )
                query = select(Alert).where(
                    Alert.category.in_(categories),
                    Alert.id.not_in(besides),
                    Alert.id.in_(held.where(EvidenceRecord.status == "stored")),
                )
                return session.scalars(query.order_by(Alert.number.desc())).unique().first()

        return until(found, WAIT_S, f"an alert of category {categories} with its evidence")

    def start_gateway(self) -> None:
        """Start the gateway, with a key for the platform that calls it."""
        log = self.folder / "gateway.log"
        log.unlink(missing_ok=True)
        argv = [sys.executable, "-m", "tocsin", "gateway", "--data", str(self.data), "--port", "0", "--allow-private"]
        argv += ["--listen-ports", "1024-65535"]
        gateway = self.stage.processes.start([*argv, "--list", str(self.folder / "list")], log=log)
        self.gateway = gateway

        def address() -> str | None:
            found = re.search(r"up at (http://\S+)", log.read_text())
            assert found or gateway.poll() is None, log.read_text()
            return found[1] if found else None

        if not self.key:
            asked = ("platform", "--scope", SCOPES, "--data", self.data, "--json")
            self.key = json.loads(tocsin("gateway", "key", "new", *asked))["key"]
        self.api.close()
        self.api = httpx.Client(
            base_url=until(address, WAIT_S, "the gateway's start"), headers={"X-API-Key": self.key}, timeout=WAIT_S
        )

    def stop_gateway(self) -> None:
        """Ask the gateway to end."""
        assert self.gateway is not None
        assert self.stage.processes.stop(self.gateway, patience=WAIT_S) == 0

    def upload(self, number: int, account: str) -> dict[str, Any]:
        """Upload a listed picture, saved anew as a JPEG that was made smaller."""
        made = self.folder / f"upload-{number}.jpg"
        landscape(number).resize((280, 210)).save(made, quality=80)
        asked = {"item": f"post-{number}", "account": account}
        answer = self.api.post("/m/lookup", params=asked, files={"photo": ("holiday.jpg", made.read_bytes())})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def stream(self, folder: str, listed: int, name: str, *, rung: str = "hold") -> str:
        """Let a stream on which a listed picture is shown be pushed until its seconds are sealed; return its id."""
        (self.folder / folder).mkdir()
        video = make_stream(self.folder / folder, self.listed[listed], on=1.0, off=5.0)
        address = f"rtmp://127.0.0.1:{free_port()}/live/key"
        begun = self.api.post("/v1/streams", json={"url": f"{address}?listen", "name": name, "after": 0})
        assert begun.status_code == 201, begun.text
        stream = str(begun.json()["id"])

        def rose() -> bool:
            events = self.api.get(f"/v1/streams/{stream}").json()["events"]
            return any(one["rung"] in (rung, "hold") and one.get("sealed") for one in events)

        whole, began = False, time.monotonic()
        while not whole and time.monotonic() - began < WAIT_S:  # again while nobody listens yet
            with pushing(video, "-f", "flv", address) as pusher:
                until(lambda: rose() or pusher.poll() is not None, WAIT_S, "a finding on a higher rung")
                whole = rose() or pusher.poll() == 0
        until(rose, WAIT_S, "a finding on a higher rung")
        assert self.api.delete(f"/v1/streams/{stream}").status_code == 200
        return stream

    def close(self, page: Page, alert: str, verdict: str) -> None:
        """Close an alert in the review queue, by keyboard."""
        page.goto(f"/review/{alert}")
        page.wait_for_selector("html.js")
        page.keyboard.press("v")
        page.keyboard.press(verdict)
        expect(page.locator("#v-note")).to_be_focused()
        page.keyboard.type("Looked at the stream itself.")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("said="), timeout=PATIENCE_S * 1000)

    def unlock(self, page: Page, reason: str) -> None:
        """Say why, and open the item with the key, by keyboard alone."""
        page.focus("#reason")
        page.keyboard.type(reason)
        page.keyboard.press("Enter")
        expect(page.locator("#passphrase")).to_be_visible()
        page.focus("#passphrase")
        page.keyboard.type(self.stage.cast.passphrase)
        page.keyboard.press("Enter")

    def report(self, alert: str, digest: str, user: str) -> str:
        """Draft a report as the reviewer and approve it as the second person, over the API."""
        facts = {"incident_type": INCIDENT, "incident_at": datetime.now(UTC).isoformat()}
        facts["reported"] = [{"identifier": user}]
        body = {"alert": alert, "facts": facts, "files": [{"evidence": digest}]}
        made = self.ask("officer", "/api/v1/reports", body)["id"]
        self.ask("officer", f"/api/v1/reports/{made}/ready", {})
        self.ask("supervisor", f"/api/v1/alerts/{alert}/consult", {"reason": "Second look at this report"})
        self.ask("supervisor", f"/api/v1/reports/{made}/approve", {})
        return str(made)

    def evidence_of(self, alert: str) -> str:
        with self.stage._reading() as session:
            return str(session.scalar(select(FindingRecord.evidence).where(FindingRecord.alert_id == alert)))
