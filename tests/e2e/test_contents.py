"""Several contents of one alert in a real browser, by keyboard alone; and a review queue that moves by itself."""

import importlib.util
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from tocsin.hub import configuration, contents
from tocsin.hub.sessions import current
from tocsin.hub.store.schema import Alert, Person

_NAME = "tocsin_tests_e2e_console"
_SPEC = importlib.util.spec_from_file_location(_NAME, Path(__file__).with_name("test_console.py"))
console: Any = importlib.util.module_from_spec(_SPEC)
sys.modules.setdefault(_NAME, console)
_SPEC.loader.exec_module(console)

pytestmark = pytest.mark.e2e
browser, desk, served = console.browser, console.desk, console.served


def ring_contents(served: Any, *entries: str) -> str:
    """Let one alert arrive that gathers a picture for each of these entries of a list."""
    seed = console.load_seed()
    for entry in entries:
        made = served.ring(**seed.KNOWN | {"matches": [seed.LISTED | {"entry": entry}], "path": f"{entry}.png"})
    return str(made)


def status_of(served: Any, alert_id: str) -> tuple[str, str | None]:
    with served.hub.store.reading() as session:
        alert = session.scalars(select(Alert).where(Alert.id == alert_id)).unique().one()
        return alert.status, alert.verdict


def test_contents_are_decided_by_keyboard_at_their_pictures_and_in_their_rows(
    desk: Any, served: Any, tmp_path: Path
) -> None:
    alert = ring_contents(served, "lighthouse-1", "lighthouse-2", "lighthouse-3")
    sat = desk()
    console.bring_key(sat.page, served, tmp_path)
    page = sat.open(f"/review/{alert}")
    page.fill("#reason", "Triage of this alert")
    page.keyboard.press("Enter")
    page.fill("#passphrase", console.load_seed().PASSPHRASE)
    page.keyboard.press("Enter")
    labels = page.locator("figure[data-content] .of-content")
    expect(labels).to_have_count(3, timeout=120_000)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("i")
    hold = page.locator(".pictures .hold")
    expect(hold.nth(0)).to_be_focused()
    page.keyboard.press("3")
    expect(labels.nth(0)).to_have_text("Content 1: benign")
    expect(hold.nth(0)).to_be_focused()
    page.keyboard.press("1")
    expect(labels.nth(0)).to_have_text("Content 1: true, a concern")
    page.keyboard.press("u")
    expect(labels.nth(0)).to_have_text("Content 1: not decided")
    page.keyboard.press("1")
    page.keyboard.press("i")
    page.keyboard.press("3")
    expect(labels.nth(1)).to_have_text("Content 2: benign")
    expect(page.locator("#decided")).to_contain_text("2 of 3 decided")
    page.keyboard.press("c")
    expect(page.locator(".content[data-content='3']")).to_be_focused()
    page.keyboard.press("3")
    expect(page.locator("#go-on")).to_be_focused()
    expect(page.locator("#decided")).to_contain_text("Closed as true, a concern")
    assert status_of(served, alert) == ("closed", "true-concern")
    expect(page.locator(".pictures canvas")).to_have_count(3)
    page.keyboard.press("u")
    expect(page.locator("#decided")).to_contain_text("2 of 3 decided")
    assert status_of(served, alert) == ("acknowledged", None)
    page.keyboard.press("c")
    page.keyboard.press("3")
    expect(page.locator("#go-on")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/review/(?!" + alert + ")"))


def test_a_second_person_looks_and_confirms_content_by_content(desk: Any, served: Any, tmp_path: Path) -> None:
    alert_id = ring_contents(served, "lighthouse-1", "lighthouse-2", "lighthouse-3")
    hub, now = served.hub, datetime.now(UTC)
    ines = served.seeded.people["ines"]
    with hub.store.session() as session:
        limits = {"minutes": 45, "items": 60, "break_minutes": 15, "two_person": True}
        configuration.write(session, current(hub, served.seeded.cookies["jo"]), "review", limits, now)
        alert = session.get_one(Alert, alert_id)
        for number, verdict in ((1, "true-concern"), (2, "benign"), (3, "true-concern")):
            contents.decide(session, hub, alert, session.get_one(Person, ines.id), now, number, verdict)
    first = desk("ines").open(f"/review/{alert_id}")
    expect(first.locator("#decided")).to_contain_text("it waits for a second person")
    sat = desk("marek")
    console.bring_key(sat.page, served, tmp_path)
    page = sat.open("/review?show=confirm")
    page.wait_for_selector("html.js")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    row = page.locator("#contents .content")
    expect(page.locator("#decided")).to_contain_text("2 of 3 wait for your word")
    page.keyboard.press("c")
    page.keyboard.press("1")
    expect(page.locator("#contents .message.wrong")).to_contain_text("have to have looked")
    expect(row.nth(0)).to_be_focused()
    page.focus("#reason")
    page.keyboard.type("A second look at this")
    page.keyboard.press("Enter")
    page.fill("#passphrase", console.load_seed().PASSPHRASE)
    page.keyboard.press("Enter")
    expect(page.locator("figure[data-content] .of-content")).to_have_count(3, timeout=120_000)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("c")
    expect(row.nth(0)).to_be_focused()
    page.keyboard.press("1")
    expect(row.nth(0)).to_contain_text("confirmed by Marek Lind")
    expect(row.nth(2)).to_be_focused()
    assert status_of(served, alert_id) == ("closed", "true-concern")
    page.keyboard.press("2")
    expect(page.locator("#decided")).to_contain_text("2 of 3 decided")
    assert status_of(served, alert_id) == ("acknowledged", None)
    page.keyboard.press("c")
    page.keyboard.press("3")
    expect(page.locator("#decided")).to_contain_text("Closed as true, a concern, and confirmed")
    expect(page.locator("#go-on")).to_be_focused()


def test_the_queue_moves_by_itself_and_the_focus_stays(desk: Any, served: Any) -> None:
    page = desk().open("/review")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    rows = page.locator("#queue .row")
    waiting = rows.count()
    page.keyboard.press("j")
    page.keyboard.press("j")
    held = served.seeded.alerts["picture"]
    row = page.locator(f"#queue [data-alert='{held}']")
    expect(row).to_be_focused()
    made = served.ring(thread="feedfeedfeedfeed", severity=5)
    expect(page.locator(f"#queue [data-alert='{made}']")).to_be_visible()
    order = rows.evaluate_all("all => all.map((row) => Number(row.dataset.severity))")
    assert order == sorted(order, reverse=True)
    expect(rows).to_have_count(waiting + 1)
    expect(page.locator("[data-count=review]")).to_have_text(str(waiting + 1))
    expect(row).to_be_focused()
    other = desk("marek").open(f"/review/{held}")
    other.keyboard.press("a")
    expect(row).to_contain_text("Marek Lind has it")
    expect(row).to_be_focused()
    expect(page.locator("[data-count=review]")).to_have_text(str(waiting))
    page.keyboard.press("j")
    expect(row).to_have_count(0)
    other.goto(f"{served.url}/review/{made}")
    other.keyboard.press("a")
    expect(page.locator(f"#queue [data-alert='{made}']")).to_have_count(0)


def test_who_is_at_an_item_hears_that_somebody_else_took_or_closed_it(desk: Any, served: Any) -> None:
    top = served.seeded.alerts["top"]
    page = desk().open(f"/review/{top}")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    other = desk("marek").open(f"/alerts/{top}")
    other.keyboard.press("a")
    expect(page.locator("#elsewhere")).to_have_text("Marek Lind has it.")
    expect(page.locator(f"#queue [data-alert='{top}']")).to_contain_text("Marek Lind has it")
    expect(other.locator("#detail .message.done")).to_be_visible()
    other.keyboard.press("f")
    other.keyboard.type("Looked at it together.")
    other.click("text=Close the alert")
    expect(page.locator("#elsewhere")).to_have_text("Marek Lind closed it: benign.")
    expect(page.locator("#detail h1")).to_be_visible()
