"""Known media, the whole road: a listed picture on the screen or on disk reaches the officer, who sees where it was."""

import hashlib
import io
import re
import shutil
import time
from collections.abc import Iterator

import numpy as np
import officer
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from tocsin.demo import listing, picture
from tocsin.demo.desktop import until
from tocsin.demo.stage import Stage
from tocsin.hub.store.schema import AuditEntry, FindingRecord

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not shutil.which("Xvfb") or not shutil.which("chromium"), reason="needs Xvfb and Chromium"),
]
WAIT_S = 120


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage(tls=True) as made:
        made.prepare()
        made.start_hub()
        made.desktop.__enter__()
        made.enrol()
        made.start_agent()
        made.accept_notice()
        made.desktop.browse(made.pages.url + "/chat.html?live")
        made.pages.show(by="other", text="hiya, look at my new painting", timeout=WAIT_S)
        until(lambda: made.health() == "ok", WAIT_S, "a heartbeat that says ok")
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with officer.browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def page(stage: Stage, browser: Browser) -> Page:
    shown = officer.open_page(browser, stage.url, viewport={"width": 1280, "height": 900})
    officer.sign_in(shown, stage.cast.officer)
    return shown


def findings(stage: Stage, name: str = listing.LIST) -> list[FindingRecord]:
    """Every finding that names an entry of a list, oldest first."""
    with stage._reading() as session:
        rows = session.scalars(select(FindingRecord).order_by(FindingRecord.seq)).all()
        return [row for row in rows if row.matches and row.matches[0]["list"] == name]


def test_a_listed_picture_in_a_page_reaches_the_officer_who_sees_where_it_was(stage: Stage, page: Page) -> None:
    page.goto("/alerts")
    stage.pages.show(by="other", picture=picture.NAME, timeout=WAIT_S)
    row = page.locator("#alerts a.row", has_text=f"Known media: list {listing.LIST}, 1")
    expect(row).to_contain_text(", for review", timeout=WAIT_S * 1000)
    officer.wait_for_evidence(stage, row.get_attribute("data-alert"))
    row.press("Enter")  # a row may still change in place
    expect(page.locator("#alert-title")).to_contain_text("Known media")
    matches = page.locator("#matches")
    expect(matches).to_contain_text(f"On list {listing.LIST}, entry {listing.ENTRY}, by")
    expect(page.locator("#detail")).to_contain_text("Bears on clause 6, for review.")
    assert not re.search(r"\b(breach|violation|offence|offender|illegal)\b", page.locator("#detail").inner_text(), re.I)

    officer.open_words(page, stage.cast, "triage of known media in the end-to-end test")
    table = page.locator("#evidence table.found", has_text="A picture on the screen").first
    said = re.search(r"by PDQ at distance (\d+) of 256", table.inner_text())
    assert said is not None
    assert int(said.group(1)) <= 31
    canvas = page.locator(".pictures canvas").first
    expect(canvas).to_have_css("filter", re.compile(r"blur\(24px\) grayscale\(1\)"))
    page.locator(".pictures button.hold").first.focus()
    page.keyboard.down(" ")
    expect(canvas).to_have_css("filter", "grayscale(1)")
    page.keyboard.up(" ")
    expect(canvas).to_have_css("filter", re.compile("blur"))


def blocks() -> bytes:
    """A harmless picture like nothing else in the demonstration: coloured blocks, as a PNG file."""
    coarse = np.random.default_rng(7).integers(0, 255, (9, 12, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(coarse).resize((600, 450), Image.Resampling.BICUBIC).save(out, "PNG")
    return out.getvalue()


def test_a_file_on_a_list_made_a_moment_ago_rings_when_it_is_saved(stage: Stage, page: Page) -> None:
    data, file = blocks(), stage.home / "Downloads" / "holiday blocks.png"
    listing.make(stage.data / "hub" / "lists" / "blocks", data, "blocks-7", "blocks (harmless)")
    until(
        lambda: b"tocsin_list_entries 2.0" in stage.fetch("/metrics")[1], WAIT_S, "the hub's taking up of the new list"
    )
    begun = time.monotonic()
    part = file.with_suffix(".part")
    part.write_bytes(data)
    part.replace(file)
    found = until(lambda: findings(stage, "blocks (harmless)"), WAIT_S, "a finding about the saved file")[0]
    print(f"a saved file was a finding at the hub after {time.monotonic() - begun:.2f} s")
    officer.wait_for_evidence(stage, found.alert_id)
    page.goto(f"/alerts/{found.alert_id}")
    page.wait_for_selector("html.js")
    expect(page.locator("#alert-title")).to_have_text("Known media: list blocks (harmless), 1 file, for review")
    expect(page.locator("#matches")).to_contain_text("entry blocks-7, by SHA-256.")
    assert file.name not in page.content()
    officer.open_words(page, stage.cast, "triage of a saved file in the end-to-end test")
    table = page.locator("#evidence table.found").first
    expect(table).to_contain_text(str(file))
    expect(table).to_contain_text(hashlib.sha256(data).hexdigest())

    with stage._reading() as session:
        told = session.scalars(select(AuditEntry.entry).where(AuditEntry.action == "match")).all()
    assert any("blocks-7" in entry for entry in told)
    for path, held in officer.files_of(stage.data / "hub"):
        if "lists" not in path.parts:
            assert file.name.encode() not in held, f"{path.name} holds the file's name"
            assert hashlib.sha256(data).hexdigest().encode() not in held, f"{path.name} holds the file's digest"


def test_the_pages_save_puts_the_picture_among_the_downloads(stage: Stage) -> None:
    stage.pages.show(by="other", picture=picture.NAME, save=True, timeout=WAIT_S)
    saved = stage.home / "Downloads" / picture.NAME
    until(saved.is_file, WAIT_S, "a saved picture")
    until(
        lambda: [found for found in findings(stage) if found.matches[0]["by"] == "sha256"],
        WAIT_S,
        "a finding about the saved picture",
    )


def test_the_administrator_sees_the_list_and_no_hash(stage: Stage, browser: Browser) -> None:
    shown = officer.open_page(browser, stage.url)
    shown.goto("/sign-in")
    account = stage.cast.administrator
    shown.get_by_label("E-mail address").fill(account.email)
    shown.get_by_label("Password").fill(account.password)
    shown.get_by_role("button", name="Continue").click()
    shown.locator("input[name=code]").fill(account.code())
    shown.locator("main button").first.click()
    shown.wait_for_url(re.compile(r"/people"))
    shown.goto("/lists")
    expect(shown.locator("main")).to_contain_text(listing.LIST)
    expect(shown.locator("main")).to_contain_text("verified")
    assert not re.search(r"[0-9a-f]{32}", shown.locator("main").inner_text())
