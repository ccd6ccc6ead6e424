"""What an officer does in a real browser, for end-to-end tests and measurements."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tocsin.demo.cast import Account, Cast
from tocsin.demo.desktop import CHROMIUM_FLAGS, chromium

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
  new MutationObserver((changes) => changes.forEach((change) => look(change.addedNodes)))
    .observe(document.getElementById('alerts'), { childList: true, subtree: true });
})()
"""


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium of the system."""
    with sync_playwright() as play:
        opened = play.chromium.launch(
            executable_path=chromium(), args=[*CHROMIUM_FLAGS, "--no-sandbox"], chromium_sandbox=False
        )
        try:
            yield opened
        finally:
            opened.close()


def open_page(opened: Browser, url: str, **context: object) -> Page:
    """A page that accepts the throw-away certificate and fails on nothing else."""
    made = opened.new_context(ignore_https_errors=True, base_url=url, **context)  # type: ignore[arg-type]
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


def open_words(page: Page, cast: Cast, reason: str) -> None:
    """Give a reason unless one still holds, unlock the officer's key, and wait until the words are there."""
    asked = page.locator("#words input[name=reason], #words textarea[name=reason]")
    if asked.count():
        asked.fill(reason)
        page.get_by_role("button", name="Give the reason and open").click()
    unlock = page.locator("#evidence [data-part=unlock]")
    expect(unlock).to_be_visible(timeout=15_000)
    page.locator("#key-file").set_input_files(str(cast.key_file))
    page.locator("#passphrase").fill(cast.passphrase)
    unlock.get_by_role("button", name="Unlock").click()
    expect(page.locator("#evidence [data-part=thread]")).to_have_text(re.compile(r"\S"), timeout=30_000)
