"""The review queue and reports in a real browser: by keyboard, logged before it is shown, legible on every screen."""

import importlib.util
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tocsin.hub import configuration
from tocsin.hub.reports import filing, workers
from tocsin.hub.sessions import current
from tocsin.hub.store.reports import Report

_NAME = "tocsin_tests_e2e_console"
_SPEC = importlib.util.spec_from_file_location(_NAME, Path(__file__).with_name("test_console.py"))
console: Any = importlib.util.module_from_spec(_SPEC)
sys.modules.setdefault(_NAME, console)
_SPEC.loader.exec_module(console)

pytestmark = pytest.mark.e2e
browser, desk = console.browser, console.desk


@pytest.fixture
def served(tmp_path: Path) -> Any:
    """The seeded hub, with somebody who reports and two people who confirm."""
    hub = console.Served(tmp_path / "data")
    jo = current(hub.hub, hub.seeded.cookies["jo"])
    now = datetime.now(UTC)
    with hub.hub.store.session() as session:
        given = {"email": "reports@platform.example", "platform": "Example", "industry": True}
        configuration.write(session, jo, "reporting", given, now)
        limits = {"minutes": 45, "items": 60, "break_minutes": 15, "two_person": True}
        configuration.write(session, jo, "review", limits, now)
    yield hub
    hub.stop()


def held_report(served: Any) -> str:
    """Let a report be drafted and held, as the pages and the worker would."""
    from tocsin.hub.reports import drafting
    from tocsin.hub.store.schema import Alert

    now, hub = datetime.now(UTC), served.hub
    ines, jo = (current(hub, served.seeded.cookies[name]) for name in ("ines", "jo"))
    facts = {"incident_type": "Child Sex Tourism", "incident_at": now, "reported": [{"identifier": "user-17"}]}
    with hub.store.session() as session:
        alert = session.get(Alert, served.seeded.alerts["vpn"])
        made = drafting.draft(session, hub, ines, alert, facts, [], now)
        drafting.ready(session, hub, ines, made, now)
        worker, _ = workers.add(session, jo, ines.unit_id, "w", now)
        filing.take(session, hub, worker, made, "a" * 32, "sandbox", now)
        told = {"state": "held", "reason": "ambiguous-submit", "sentence": "No answer came.", "hint_id": 4711}
        filing.tell(session, worker, made, "a" * 32, 1, told, now)
        return str(made.id)


def test_an_item_is_reviewed_by_keyboard_alone_and_every_look_is_logged(desk: Any, served: Any, tmp_path: Path) -> None:
    seed = console.load_seed()
    sat = desk()
    console.bring_key(sat.page, served, tmp_path)
    page = sat.open("/review")
    page.wait_for_selector("html.js")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(served.seeded.alerts["picture"]))
    page.focus("#reason")
    page.keyboard.type("Triage of this alert")
    page.keyboard.press("Enter")
    expect(page.locator("#passphrase")).to_be_visible()
    page.focus("#passphrase")
    page.keyboard.type(seed.PASSPHRASE)
    page.keyboard.press("Enter")
    canvas = page.locator(".pictures canvas")
    expect(canvas).to_have_count(1, timeout=120_000)
    expect(canvas).to_have_css("filter", re.compile(r"blur\(24px\) grayscale\(1\)"))
    assert canvas.bounding_box()["width"] < 300
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("i")
    expect(page.locator(".pictures .hold")).to_be_focused()
    with page.expect_response(lambda r: r.url.endswith("/views")) as told:
        page.keyboard.down(" ")
    assert told.value.status == 201
    expect(canvas).to_have_css("filter", "grayscale(1)")
    page.keyboard.up(" ")
    expect(canvas).to_have_css("filter", re.compile("blur"))
    page.keyboard.press("v")
    page.keyboard.press("1")
    expect(page.locator("#v-note")).to_be_focused()
    page.keyboard.type("Looked at it, and it is what the list says.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#detail .message.done")).to_contain_text("This is the next one")
    with served.hub.store.reading() as session:
        from sqlalchemy import select

        from tocsin.hub.store.reports import View

        looks = [(view.item, view.how, view.reason) for view in session.scalars(select(View).order_by(View.id))]
    assert looks == [(0, "words", "Triage of this alert"), (1, "grey", "Triage of this alert")]


def test_nothing_is_shown_when_the_look_cannot_be_written_down(desk: Any, served: Any, tmp_path: Path) -> None:
    seed = console.load_seed()
    sat = desk()
    console.bring_key(sat.page, served, tmp_path)
    page = sat.open(f"/review/{served.seeded.alerts['picture']}")
    page.fill("#reason", "Triage of this alert")
    page.click("text=Give the reason and open")
    page.fill("#passphrase", seed.PASSPHRASE)
    page.click("#evidence button:has-text('Unlock')")
    canvas = page.locator(".pictures canvas")
    expect(canvas).to_have_count(1, timeout=120_000)
    page.route("**/views", lambda route: route.fulfill(status=403, json={"sentence": "Say why first."}))
    page.locator(".pictures .hold").focus()
    with page.expect_response(lambda r: r.url.endswith("/views")):
        page.keyboard.down(" ")
    expect(page.locator("[data-part=status]")).to_contain_text("could not be written down. Say why first.")
    expect(canvas).to_have_css("filter", re.compile("blur"))
    page.keyboard.up(" ")


def test_victims_and_recipients_are_added_by_keyboard_and_outlive_a_mistake(desk: Any, served: Any) -> None:
    page = desk("ines").open(f"/reports/new?alert={served.seeded.alerts['vpn']}")
    page.select_option("#incident_type", label="Child Sex Trafficking")
    page.fill("#identifier", "user-17")
    for number, name in enumerate(("Ann", "Lou"), 1):
        page.get_by_role("button", name="Add a victim").focus()
        page.keyboard.press("Enter")
        row = page.locator("#victim-rows .person")
        expect(row).to_have_count(number)
        expect(row.nth(number - 1).get_by_label("Your service's identifier")).to_be_focused()
        row.nth(number - 1).get_by_label("First name").fill(name)
    page.locator("#victim-rows .person").nth(1).get_by_label("Age").fill("ten")
    page.get_by_role("button", name="Add a recipient").click()
    expect(page.locator("#recipient-rows .person")).to_have_count(1)
    expect(page.locator("#recipient-rows").get_by_label("Your service's identifier")).to_be_focused()
    page.keyboard.type("user-44")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Victim 2: give the age")
    expect(page.get_by_role("alert")).to_be_in_viewport()
    rows = page.locator("#victim-rows .person")
    expect(rows.nth(0).get_by_label("First name")).to_have_value("Ann")
    expect(page.locator("#recipient-rows").get_by_label("Your service's identifier")).to_have_value("user-44")
    rows.nth(0).get_by_role("button", name="Remove").click()
    expect(rows).to_have_count(2)
    rows.nth(0).get_by_role("button", name="Remove it with what is typed?").click()
    expect(rows).to_have_count(1)
    rows.nth(0).get_by_label("Age").fill("10")
    page.get_by_role("button", name="Save the draft").click()
    page.get_by_role("button", name="Give the reason and read").click()
    said = page.locator("[aria-label='What it says']")
    for text in ("Lou", "10", "user-44", "user-17"):
        expect(said).to_contain_text(text)
    expect(said).not_to_contain_text("Ann")


def test_a_report_is_drafted_and_approved_from_an_alert(desk: Any, served: Any) -> None:
    page = desk("marek").open(f"/alerts/{served.seeded.alerts['vpn']}")
    page.click(".act >> text=Report…")
    page.select_option("#incident_type", "Child Sex Tourism")
    page.fill("#identifier", "user-17")
    page.click("text=Save the draft")
    expect(page.locator(".message.done")).to_contain_text("Drafted")
    page.click("text=Approve and send")
    expect(page.locator("h1")).to_contain_text("waits for the worker")


def test_the_pages_are_named_labelled_legible_and_fit(desk: Any, served: Any) -> None:
    report = held_report(served)
    alert = served.seeded.alerts
    pages = {
        "ines": ["/reports", f"/reports/{report}", f"/reports/new?alert={alert['vpn']}", "/review",
                 f"/review/{alert['picture']}"],
        "ruth": ["/review?show=confirm", f"/review/{alert['closed-1']}"],
        "jo": ["/reporting"],
    }  # fmt: skip
    troubles = {}
    for scheme, width, height in (("light", 1280, 720), ("dark", 390, 844)):
        for who, paths in pages.items():
            sat = desk(who, color_scheme=scheme, viewport={"width": width, "height": height}, reduced_motion="reduce")
            for path in paths:
                page = sat.open(path)
                page.wait_for_selector("html.js")
                found = page.evaluate(console.CHECK) + page.evaluate(console.CONTRAST)
                if found:
                    troubles[f"{path} {scheme}"] = found
    assert troubles == {}, json.dumps(troubles, indent=1)
    with served.hub.store.reading() as session:
        assert session.get(Report, report).state == "held"
