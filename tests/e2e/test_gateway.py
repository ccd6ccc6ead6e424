"""A platform's whole chain with real processes: what is uploaded, said, paid and streamed reaches people, who decide.

``tocsin up``, ``tocsin gateway``, ``tocsin report worker``, ffmpeg and Chromium are the real ones; the authority's
service is the sandbox of the tests. Every picture is a made landscape.
"""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import officer
import pytest
from hooks import receiving
from lxml import etree
from platform_chain import INCIDENT, PATIENCE_S, WAIT_S, Chain, tocsin
from playwright.sync_api import Page, expect
from sqlalchemy import select
from streaming import FFMPEG, landscape

from tocsin.demo.desktop import chromium, until
from tocsin.demo.stage import Stage
from tocsin.evidence.sealing import key_file, new_identity, recipient_of
from tocsin.hub.store.reports import View

_NAME = "tocsin_tests_reporting_sandbox"
_SPEC = importlib.util.spec_from_file_location(_NAME, Path(__file__).parents[1] / "reporting" / "sandbox.py")
sandbox: Any = importlib.util.module_from_spec(_SPEC)
sys.modules.setdefault(_NAME, sandbox)
_SPEC.loader.exec_module(sandbox)

XSD = Path(__file__).resolve().parents[3] / "shared" / "reference" / "cybertipline.xsd"
LIST, BANK = "demo-pictures", "DEMO_PICTURES"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not Path(chromium()).exists(), reason="needs Chromium"),
    pytest.mark.skipif(not FFMPEG, reason="ffmpeg is not installed"),
]


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    folder = tmp_path_factory.mktemp("platform")
    listed = []
    (folder / "pictures").mkdir()
    for number in (5, 7, 9, 11):
        listed.append(folder / "pictures" / f"landscape-{number}.png")
        landscape(number).save(listed[-1])
    tocsin("lists", "build", LIST, "--from", folder / "pictures", "--severity", 4, "--out", folder / "list")
    with Stage(tls=True) as stage, officer.browser() as opened:
        stage.prepare()
        stage.start_hub()
        made = Chain(stage, folder, listed, opened)
        _under_a_policy(made)
        made.start_gateway()
        _reporting(made)
        _bring_key(made, made.page("officer"))
        yield made
        made.api.close()


def _under_a_policy(chain: Chain) -> None:
    """Write and sign the policy, add it at the hub, and enrol the gateway under it."""
    made, cast = chain.folder, chain.stage.cast
    chain.reporting_key, reporting = new_identity()
    policy = made / "policy.yaml"
    keys = ("--recipient", recipient_of(cast.identity), "--recovery", new_identity()[1])
    tocsin("order", "new", "platform-policy", "--example", *keys, "--out", policy)
    more = f"recipients:\n  - name: Example reporting worker\n    age: {reporting}\n    role: officer\n"
    policy.write_text(policy.read_text().replace("recipients:\n", more, 1))
    tocsin("order", "keygen", "--out", made / "authority.key")
    tocsin("order", "sign", policy, "--key", made / "authority.key", "--out", made / "policy.json")
    order = chain.ask("officer", "/api/v1/orders", {"signed": (made / "policy.json").read_text()})
    token = chain.ask("officer", f"/api/v1/orders/{order['id']}/token", {})["token"]
    where = ("--hub", chain.stage.url, "--token", token, "--label", "gateway-1", "--data", chain.data)
    said = tocsin("gateway", "enrol", *where, "--order", made / "policy.json")
    assert "Enrolled as 'gateway-1'" in said


def _reporting(chain: Chain) -> None:
    """Let the administrator say who reports, and make the worker's token."""
    page = chain.page("administrator")
    page.goto("/reporting")
    page.fill("#platform", "Example Video Service")
    page.fill("#email", "reports@video.example")
    page.get_by_label("A second person approves each report").check()
    page.locator("form[action='/reporting/reporter'] button.main").click()
    expect(page.locator(".message.done")).to_contain_text("Saved")
    page.fill("#name", "worker 1")
    page.get_by_role("button", name="Make its token").click()
    expect(page.locator("#token")).to_be_visible()
    chain.token = page.locator("#token").inner_text().strip()


@contextmanager
def authority() -> Iterator[tuple[Any, str]]:
    """The authority's service of the tests, over HTTP on this machine: (the service, its address)."""
    service = sandbox.Sandbox(lambda: datetime.now(UTC), xsd=XSD.read_bytes())
    with sandbox.served(service) as address:
        yield service, address


def test_an_upload_is_reviewed_by_keyboard_reported_and_filed_once(chain: Chain) -> None:
    if not XSD.is_file():
        pytest.skip("NCMEC's schema is not beside the repository (shared/reference)")
    before = chain.alerts()
    told = chain.upload(5, "user-17")
    assert [each["bank_content_id"] for each in told["pdq"][BANK]], told
    alert = chain.alert(before, "known-media-match")
    chain.upload(7, "user-18")
    other = chain.alert(before | {alert.id}, "known-media-match")

    page = chain.page("officer")
    page.goto("/review")
    page.wait_for_selector("html.js")
    row = page.locator(f"#queue a[data-alert='{alert.id}']")
    expect(row).to_be_visible()
    for _ in range(50):  # more than there are rows, however many come meanwhile
        page.keyboard.press("j")
        if page.evaluate("document.activeElement.dataset.alert") == alert.id:
            break
    expect(row).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(alert.id))
    chain.unlock(page, "Triage of a matching upload")
    canvas = page.locator(".pictures canvas")
    expect(canvas).to_have_count(1, timeout=120_000)
    expect(canvas).to_have_css("filter", re.compile(r"blur\(24px\) grayscale\(1\)"))
    expect(page.locator("#evidence table.found", has_text="What the service said")).to_contain_text("user-17")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("i")
    with page.expect_response(lambda r: r.url.endswith("/views")) as looked:
        page.keyboard.down(" ")
    assert looked.value.status == 201
    expect(canvas).to_have_css("filter", "grayscale(1)")
    page.keyboard.up(" ")
    page.keyboard.press("v")
    page.keyboard.press("1")
    page.keyboard.type("Looked at it; it is the listed picture.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#detail .message.done")).to_contain_text("This is the next one")
    page.goto(f"/review/{other.id}")
    page.wait_for_selector("html.js")
    page.keyboard.press("a")
    expect(page.locator("#detail .message.done")).to_contain_text("You have it")

    page.goto(f"/alerts/{alert.id}")
    page.click(".act >> text=Report…")
    page.select_option("#incident_type", INCIDENT)
    page.fill("#identifier", "user-17")
    page.locator("input[name=send-0]").check()
    page.click("text=Save the draft")
    expect(page.locator(".message.done")).to_contain_text("Drafted")
    expect(page).to_have_url(re.compile("/reports/[0-9a-f]{8}"))
    page.click("text=Hand to a second person")
    expect(page.locator("main")).to_contain_text("A second person approves this; you drafted it.")
    report = page.url.partition("?")[0]
    second = chain.page("supervisor")
    second.goto(report)
    expect(second.locator("main")).to_contain_text("Read what it says, below; then you can approve it.")
    second.click("text=Give the reason and read")
    second.click("text=Approve and send")
    expect(second.locator("h1")).to_contain_text("waits for the worker")
    unseen = chain.report(other.id, chain.evidence_of(other.id), "user-18")

    with authority() as (service, address):
        _worker(chain, address)
        _worker(chain, address)
        assert service.wrongs == []
        assert service.filed() == {"user-17": 1, "user-18": 1}
        viewed = {
            held.user: [etree.fromstring(xml).findtext("fileViewedByEsp") for xml in held.details.values()]
            for held in service.reports.values()
        }
        assert viewed == {"user-17": ["true"], "user-18": [None]}
        names = [etree.fromstring(xml).findtext("originalFileName") for xml in service.reports[4001].details.values()]
        assert names == ["holiday.jpg"]
    with chain.stage._reading() as session:
        looks = session.scalars(select(View).where(View.how.in_(("grey", "colour", "played")))).all()
        assert [(each.alert_id, each.item) for each in looks] == [(alert.id, 1)]
    page.goto(report)
    expect(page.locator("main")).to_contain_text("Filed")
    expect(page.locator("main")).to_contain_text("as number 4001, with 1 file.")
    page.goto("/reports?show=filed")
    expect(page.locator("main")).to_contain_text("R-1")
    page.goto(f"/reports/{unseen}")
    expect(page.locator("main")).to_contain_text("nobody: the report does not say that it was viewed")


def _bring_key(chain: Chain, page: Page) -> None:
    """Keep the reviewer's key in this browser, as one does on the first day."""
    page.goto("/key")
    page.set_input_files("#key-in", str(chain.stage.cast.key_file))
    page.fill("#old-pass", chain.stage.cast.passphrase)
    page.click("text=Bring it in")
    expect(page.locator("[data-part=held]")).to_be_visible(timeout=120_000)


def _worker(chain: Chain, address: str) -> None:
    """Let the reporting worker go over what is due, in a process of its own."""
    folder, certificate = chain.folder, chain.stage.certificate
    assert certificate is not None
    (folder / "token").write_text(chain.token)
    (folder / "reporting.key").write_text(key_file(chain.reporting_key))
    (folder / "ncmec.json").write_text('{"username": "u", "password": "p"}')
    for name in ("token", "reporting.key", "ncmec.json"):
        (folder / name).chmod(0o600)
    argv = [
        sys.executable, "-m", "tocsin", "report", "worker", "--hub", chain.stage.url, "--certificate", certificate[0],
        "--token-file", folder / "token", "--credentials", folder / "ncmec.json", "--key", folder / "reporting.key",
        "--data", folder / "worker", "--service", address, "--once",
    ]  # fmt: skip
    done = subprocess.run([*map(str, argv)], capture_output=True, text=True, check=False, timeout=WAIT_S)
    assert done.returncode == 0, done.stderr


def test_a_conversation_gives_an_alert_whose_words_only_the_key_opens(chain: Chain) -> None:
    before = chain.alerts()
    at = datetime.now(UTC) - timedelta(minutes=2)
    said = [
        ("u-12", "im 13 btw, just started year 9"),
        ("u-77", "cool. are your parents home right now?"),
        ("u-77", "dont tell anyone we talk, ok"),
    ]
    messages = [
        {"id": f"m{n}", "author": who, "at": (at + timedelta(seconds=20 * n)).isoformat(), "text": text}
        for n, (who, text) in enumerate(said)
    ]
    people = [{"id": "u-77", "age_band": "adult"}, {"id": "u-12", "age_band": "13-15"}]
    answer = chain.api.post("/v1/messages", json={"thread": "room-1", "participants": people, "messages": messages})
    assert answer.status_code == 200, answer.text
    found = answer.json()["findings"]
    assert {one["participant"] for one in found} == {"u-77"}
    assert any(one["recorded"] for one in found)
    alert = chain.alert(before, "grooming-signal")
    page = chain.page("officer")
    page.goto(f"/review/{alert.id}")
    assert "year 9" not in page.content()
    chain.unlock(page, "Triage of a conversation")
    thread = page.locator("#evidence [data-part=thread]")
    expect(thread.locator(".msg", has_text="just started year 9")).to_have_count(1, timeout=120_000)
    expect(thread.locator(".msg.hit")).not_to_have_count(0)
    expect(page.locator("#words h2")).to_have_text("What the service saw")
    expect(page.locator("#evidence table.found", has_text="What the service said").first).to_contain_text("u-77")


def test_payments_go_to_review_and_to_support_apart(chain: Chain) -> None:
    def at(days: float) -> str:
        return (datetime.now(UTC) - timedelta(days=days)).isoformat()

    sums = {"amount": "40.00", "currency": "GBP"}
    strangers = {
        "account": "acct-1",
        "age_band": "adult",
        "payments": [{"id": f"p{n}", "at": at(80 - 5 * n), "to": f"r{n % 5}", **sums} for n in range(12)],
        "receivers": [{"id": f"r{n}", "country": "PH", "kind": "person", "tie": "none"} for n in range(5)],
        "purchases": [
            {"id": f"b{n}", "at": at(80 - 15 * n), "kind": kind}
            for n, kind in enumerate(("vpn", "screen-capture", "live-video"))
        ],
    }
    young = {
        "account": "acct-2",
        "age_band": "13-15",
        "payments": [
            {"id": f"g{n}", "at": at(20 - n / 2), "to": "new", "amount": 60, "currency": "EUR", "means": "gift-card"}
            for n in range(4)
        ],
    }
    before = chain.alerts()
    outcomes = [chain.api.post("/v1/payments", json=one).json()["outcome"] for one in (strangers, young)]
    assert outcomes == ["review", "support"]
    review, support = (chain.alert(before, category) for category in ("payment-indicator", "support-indicator"))
    page = chain.page("officer")
    page.goto("/review")
    expect(page.locator(f"#queue a[data-alert='{review.id}']")).to_be_visible()
    expect(page.locator(f"#queue a[data-alert='{support.id}']")).to_have_count(0)
    page.click("a.chip >> text=Somebody may need support")
    expect(page.locator(f"#queue a[data-alert='{review.id}']")).to_have_count(0)
    expect(page.locator("#queue a.row")).to_have_count(1)
    page.locator("#queue a.row").click()
    expect(page.locator("#alert-title")).to_contain_text("Somebody may need support")
    page.wait_for_selector("html.js")
    page.keyboard.press("a")
    expect(page.locator("#detail .message.done")).to_contain_text("You have it")
    page.goto(f"/reports/new?alert={support.id}")
    expect(page.locator("main")).to_contain_text("somebody who may need support, not a suspect")


def test_a_live_stream_gives_an_alert_whose_seconds_play_muted_after_a_click(chain: Chain) -> None:
    before = chain.alerts()
    chain.stream("show", 2, "channel 3", rung="ring")
    alert = chain.alert(before, "live-stream-concern", "known-media-match")
    page = chain.page("officer")
    page.goto(f"/review/{alert.id}")
    chain.unlock(page, "Triage of a live stream")
    held = page.locator(".pictures figure", has_text=".mp4").first
    expect(held).to_be_visible(timeout=120_000)
    assert page.locator("#evidence video").count() == 0
    held.get_by_role("button", name="open the video").click()
    video_ = held.locator("video")
    until(lambda: video_.evaluate("v => v.readyState") >= 2, WAIT_S, "the first frame of the video")
    expect(video_).to_have_css("filter", re.compile(r"blur\(24px\) grayscale\(1\)"))
    assert video_.evaluate("v => [v.muted, v.paused]") == [True, True]
    assert video_.evaluate("v => [v.videoWidth, v.videoHeight]") == [320, 240]


def test_what_a_person_decides_on_a_held_stream_reaches_the_platform_and_so_does_what_is_taken_back(
    chain: Chain,
) -> None:
    before, page = chain.alerts(), chain.page("officer")
    kinds = ("stream.hold", "stream.release", "stream.confirmed")
    with receiving("a secret of the platform's own") as receiver:
        hook = {"url": receiver.url, "events": list(kinds), "secret": receiver.secret}
        added = chain.api.post("/v1/webhooks", json=hook)
        assert added.status_code == 201, added.text
        stream = chain.stream("held", 3, "channel 4")
        alert = chain.alert(before, "live-stream-concern", "known-media-match")
        by = f"alert A-{alert.number}"

        def told(*wanted: tuple[str, str]) -> None:
            until(lambda: receiver.events(*kinds)[1:] == list(wanted), PATIENCE_S, f"the platform heard of {wanted}")

        def rung() -> str:
            return str(chain.api.get(f"/v1/streams/{stream}").json()["rung"])

        until(lambda: receiver.events(*kinds) == [("stream.hold", "")], PATIENCE_S, "the ladder's own request")
        chain.close(page, alert.id, "4")
        told(("stream.release", by))
        until(lambda: rung() == "", PATIENCE_S, "the ground of the ladder")

        page.goto(f"/alerts/{alert.id}")
        page.wait_for_selector("html.js")
        page.keyboard.press("u")
        expect(page.locator(".message.done")).to_contain_text("Open again", timeout=PATIENCE_S * 1000)
        told(("stream.release", by), ("stream.hold", by))
        until(lambda: rung() == "hold", PATIENCE_S, "the rung where it stood")

        chain.close(page, alert.id, "1")
        told(("stream.release", by), ("stream.hold", by), ("stream.confirmed", by))
        assert {one["data"]["name"] for one in receiver.taken} == {"channel 4"}
        assert {one["data"]["stream"] for one in receiver.taken} == {stream}
        assert receiver.refused == 0
        assert chain.api.delete(f"/v1/webhooks/{added.json()['id']}").status_code == 200


def test_the_logs_of_hub_and_gateway_verify_and_hold_no_words(chain: Chain) -> None:
    before = chain.alerts()
    chain.upload(11, "user-21")
    chain.alert(before, "known-media-match")
    chain.stop_gateway()  # which signs the last state
    try:
        assert "entries follow each other" in tocsin("audit", "verify", chain.data / "audit")
    finally:
        chain.start_gateway()
    export = chain.folder / "export"
    hub = chain.stage.data / "hub"
    said = tocsin("audit", "export", "--data", hub, "--out", export, "--reason", "the end-to-end test")
    key = said.rpartition("Key: ")[2].strip()
    assert "are exactly those that" in tocsin("audit", "verify", export, "--key", key)
    words = (b"just started year 9", b"holiday.jpg", b"user-21")
    for path, content in (*officer.files_of(hub), *officer.files_of(chain.data)):
        assert not [word for word in words if word in content], f"{path.name} holds what was sealed"
