"""The whole road: a chat line painted on a supervised screen reaches the officer's page, and the officer decides."""

import re
import shutil
from collections.abc import Iterator

import officer
import pytest
from playwright.sync_api import Page, expect

from tocsin.demo.desktop import until
from tocsin.demo.stage import Stage

WAIT_S = 120
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not shutil.which("Xvfb") or not shutil.which("chromium"), reason="needs Xvfb and Chromium"),
]


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
        yield made


@pytest.fixture(scope="module")
def page(stage: Stage) -> Iterator[Page]:
    with officer.browser() as opened:
        shown = officer.open_page(opened, stage.url, viewport={"width": 1280, "height": 720})
        officer.sign_in(shown, stage.cast.officer)
        yield shown


def graver(page: Page) -> list[dict[str, float | str]]:
    """The rows of severity 4 or more that have come."""
    return [row for row in officer.rows(page) if float(row["severity"]) >= 4]


def test_a_line_on_the_screen_becomes_a_row_that_the_officer_opens_and_decides(stage: Stage, page: Page) -> None:
    officer.watch_rows(page)
    for by, text in (
        ("other", "hiya, did you see the match"),
        ("subject", "only the second half"),
        ("other", "im 13, just started year 9"),
        ("subject", "are your parents home right now?"),
        ("subject", "dont tell anyone we talk"),
    ):
        stage.pages.show(by=by, text=text, timeout=WAIT_S)
    grave = [row["id"] for row in until(lambda: graver(page), WAIT_S, "an alert row of severity 4 or more")]
    officer.wait_for_evidence(stage, grave[0])

    page.locator(f"#alerts a.row[data-alert='{grave[0]}']").press("Enter")  # it may still change in place
    expect(page.locator("#alert-title")).to_be_visible()
    detail = page.locator("#detail")
    expect(detail).to_contain_text("under 18")
    expect(detail).to_contain_text("for review")
    assert not re.search(r"\b(breach|violation|offence|offender|groomer)\b", detail.inner_text(), re.IGNORECASE)
    assert "13" not in detail.locator("h1").inner_text()

    officer.open_words(page, stage.cast, "triage of a new alert in the end-to-end test")
    thread = page.locator("#evidence [data-part=thread]")
    expect(thread).to_contain_text("im 13")
    expect(thread.locator("mark").first).to_be_visible()

    page.get_by_role("button", name=re.compile("Acknowledge")).click()
    expect(page.locator("#detail")).to_contain_text("has it")
    page.locator("#close summary").click()
    page.locator("input[name=verdict][value=true-concern]").check()
    page.locator("#v-note").fill("Read with a colleague; the unit follows it up.")
    page.get_by_role("button", name="Close the alert").click()
    expect(page.locator("#detail")).to_contain_text("closed")


def test_the_hub_never_learns_the_words(stage: Stage) -> None:
    words = (b"just started year 9", b"are your parents home", b"dont tell anyone")
    kept = list(officer.files_of(stage.data / "hub"))
    assert kept
    for path, content in kept:
        assert not any(word in content.lower() for word in words), f"{path.name} holds words from the screen"


def test_ordinary_talk_rings_nobody(stage: Stage, page: Page) -> None:
    page.goto("/alerts")
    officer.watch_rows(page)
    before = stage.alerts()
    stage.pages.show(clear=True, peer="aunt_may", by="other", text="are mum and dad home yet", timeout=WAIT_S)
    for by, text in (("subject", "not yet, back at six"), ("other", "tell them dinner is on me on sunday")):
        stage.pages.show(by=by, text=text, timeout=WAIT_S)
    until(lambda: stage.health() == "ok", WAIT_S, "a heartbeat that says ok")
    assert stage.alerts() == before
