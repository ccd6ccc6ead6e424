"""What an officer does in a real browser, for end-to-end tests and measurements."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import select

from tocsin.demo.cast import Account, Cast
from tocsin.demo.desktop import CHROMIUM_FLAGS, chromium, until
from tocsin.demo.stage import Stage
from tocsin.hub.store.schema import EvidenceRecord, FindingRecord

PATIENCE_MS = 120_000
"""How long a browser may take for anything: far longer than it does on a busy machine."""

STAMPS = """
(() => {
  window.rows = [];
  const look = (nodes) => {
    for (const node of nodes) {
      if (!(node instanceof Element)) continue;
      const found = node.matches('a.row[data-alert]') ? [node] : node.querySelectorAll('a.row[data-alert]');
      for (const row of found) {
        window.rows.push({ id: row.dataset.alert, severity: Number(row.dataset.severity),
          at: performance.timeOrigin + performance.now() });
      }
    }
  };
  // The whole page: the list itself is put in anew when the page has lost its connection and found it again.
  new MutationObserver((changes) => changes.forEach((change) => look(change.addedNodes)))
    .observe(document.body, { childList: true, subtree: true });
})()
"""


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium of the system."""
    with sync_playwright() as play:
        opened = play.chromium.launch(
            executable_path=chromium(),
            args=[*CHROMIUM_FLAGS, "--no-sandbox"],
            chromium_sandbox=False,
            timeout=PATIENCE_MS,
        )
        try:
            yield opened
        finally:
            opened.close()


def open_page(opened: Browser, url: str, **context: object) -> Page:
    """A page that accepts the throw-away certificate and fails on nothing else."""
    made = opened.new_context(ignore_https_errors=True, base_url=url, **context)  # type: ignore[arg-type]
    made.set_default_timeout(PATIENCE_MS)
    return made.new_page()


def sign_in(page: Page, account: Account) -> None:
    """Sign in with password and second factor."""
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(account.email)
    page.get_by_label("Password").fill(account.password)
    page.get_by_role("button", name="Continue").click()
    page.locator("input[name=code]").fill(account.code())
    page.locator("main button").first.click()
    page.wait_for_selector("#alerts")


def watch_rows(page: Page) -> None:
    """Stamp every alert row from now on as it enters the page."""
    page.evaluate(STAMPS)


def rows(page: Page) -> list[dict[str, float | str]]:
    """The rows that have entered the page since :func:`watch_rows`, with their stamps in ms since the epoch."""
    return list(page.evaluate("window.rows"))


def wait_for_evidence(stage: Stage, alert: str) -> None:
    """Wait until the hub has the evidence of all findings of an alert.

    Evidence follows what rings. A page that is opened before it has come says that some is still on the way.
    """

    def arrived() -> bool:
        with stage._reading() as session:
            held = select(FindingRecord.evidence).where(FindingRecord.alert_id == alert)
            named = set(session.scalars(held)) - {None}
            stored = select(EvidenceRecord.digest).where(EvidenceRecord.status == "stored")
            return bool(named) and named <= set(session.scalars(stored))

    until(arrived, PATIENCE_MS / 1000, "the arrival of the evidence")


def files_of(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield every file below a folder in use, with what it holds; one that goes meanwhile is passed over."""
    for path in sorted(folder.rglob("*")):
        with suppress(FileNotFoundError, IsADirectoryError):
            yield path, path.read_bytes()


def open_words(page: Page, cast: Cast, reason: str) -> None:
    """Give a reason unless one still holds, unlock the officer's key, and wait until the words are there."""
    asked = page.locator("#words input[name=reason], #words textarea[name=reason]")
    if asked.count():
        asked.fill(reason)
        page.get_by_role("button", name="Give the reason and open").click()
    unlock = page.locator("#evidence [data-part=unlock]")
    expect(unlock).to_be_visible(timeout=PATIENCE_MS)
    page.locator("#key-file").set_input_files(str(cast.key_file))
    page.locator("#passphrase").fill(cast.passphrase)
    unlock.get_by_role("button", name="Unlock").click()
    expect(page.locator("#evidence [data-part=thread]")).to_have_text(re.compile(r"\S"), timeout=PATIENCE_MS)
