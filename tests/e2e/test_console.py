"""The console in a real browser against a real hub on loopback: what an officer does, sees and reaches by keyboard."""

import importlib.util
import io
import json
import re
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyotp
import pytest
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from tocsin.console import mount, pages
from tocsin.demo.desktop import until
from tocsin.evidence.sealing import Attachment
from tocsin.hub.app import create_app
from tocsin.hub.settings import HubSettings

pytestmark = pytest.mark.e2e

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
SEED = Path(__file__).parents[1] / "console" / "seed.py"


def load_seed() -> Any:
    name = "tocsin_tests_console_seed"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, SEED)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


class Served:
    """A seeded hub behind a real server."""

    def __init__(self, data: Path) -> None:
        self.socket = socket.socket()  # kept from here on, so that no other program takes the port meanwhile
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", 0))
        port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        app = create_app(HubSettings(data=data, port=port, heartbeat_s=36000))
        mount(app)
        self.hub = app.state.hub
        self.seeded = load_seed().seed(self.hub, datetime.now(UTC))
        self.server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
        self.thread = threading.Thread(target=self.server.run, args=([self.socket],), daemon=True)
        self.thread.start()
        until(lambda: self.server.started or not self.thread.is_alive(), 120, "the hub's start")
        assert self.thread.is_alive(), "the hub did not start"

    def ring(self, label: str = "laptop D-2", **changes: Any) -> str:
        found: str = self.seeded.ring(self.hub, label, datetime.now(UTC), **changes)
        return found

    def stop(self) -> None:
        self.hub.bus.close()
        self.server.should_exit = True
        self.thread.join(120)
        self.socket.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("the browser tests need Debian's chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=120_000)
        yield browser
        browser.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    hub = Served(tmp_path / "data")
    yield hub
    hub.stop()


class Desk:
    """Somebody's browser; what its console logs as errors fails the test at the end."""

    def __init__(self, browser: Browser, served: Served, who: str, **options: Any) -> None:
        self.served = served
        self.context: BrowserContext = browser.new_context(**({"viewport": {"width": 1280, "height": 720}} | options))
        self.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=served.url)
        if who:
            cookie = {"name": "tocsin_session", "value": served.seeded.cookies[who], "url": served.url}
            self.context.add_cookies([cookie])
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.troubles: list[str] = []
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on(
            "console", lambda said: self.troubles.append(said.text) if "Content Security" in said.text else None
        )

    def note(self, said: str) -> None:
        if "Content Security" in said:
            self.troubles.append(said)

    def open(self, path: str) -> Page:
        self.page.goto(self.served.url + path)
        return self.page

    def close(self) -> None:
        self.context.close()
        assert self.troubles == []


@pytest.fixture
def desk(browser: Browser, served: Served) -> Iterator[Any]:
    opened: list[Desk] = []

    def sit(who: str = "ines", **options: Any) -> Desk:
        opened.append(Desk(browser, served, who, **options))
        return opened[-1]

    yield sit
    for each in opened:
        each.close()


def bring_key(page: Page, served: Served, tmp_path: Path) -> None:
    """Bring the officer's key into this browser by way of the page My key."""
    seed = load_seed()
    file = tmp_path / "officer.key"
    file.write_text(f"# made for a test\n{served.seeded.identity}\n")
    page.goto(served.url + "/key")
    page.set_input_files("#key-in", str(file))
    page.fill("#old-pass", seed.PASSPHRASE)
    page.click("text=Bring it in")
    expect(page.locator("[data-part=held]")).to_be_visible(timeout=120_000)


def test_signing_in_by_hand(desk: Any, served: Served) -> None:
    page = desk("").open("/alerts")
    expect(page).to_have_url(re.compile("/sign-in"))
    page.fill("#email", "ines@unit.example")
    page.fill("#password", load_seed().PASSWORD)
    page.click("button.main")
    page.fill("#code", pyotp.TOTP(served.seeded.totp["ines"]).now())
    page.click("button.main")
    expect(page.locator("#alerts .row")).to_have_count(6)


def test_an_invited_person_comes_in_by_the_link(desk: Any, served: Served) -> None:
    from tocsin.hub import people
    from tocsin.hub.sessions import current

    jo = current(served.hub, served.seeded.cookies["jo"])
    unit = served.seeded.people["ines"].unit_id
    with served.hub.store.session() as session:
        given = {"unit_id": unit, "name": "Noor Haddad", "email": "noor@unit.example", "role": "officer"}
        _, token = people.invite(session, jo, **given, now=datetime.now(UTC))
    page = desk("").open(f"/invite/{token}")
    page.fill("#password", "meadow copper thirteen")
    page.click("button.main")
    drawn = page.locator(".qr svg")
    expect(drawn).to_be_visible()
    assert drawn.bounding_box()["width"] == float(drawn.get_attribute("width")), "the code must not be cut off"
    page.fill("#code", pyotp.TOTP(page.locator(".qr code").inner_text()).now())
    page.click("button.main")
    expect(page.locator(".codes li")).to_have_count(10)
    page.click("text=I kept them; sign in")
    expect(page.locator("h1")).to_have_text("Sign in")


def test_a_new_alert_arrives_on_top_by_itself(desk: Any, served: Served) -> None:
    page = desk().open("/alerts")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    page.evaluate("window.sameDocument = true")
    made = served.ring(thread="feedfeedfeedfeed")
    first = page.locator("#alerts .row").first
    expect(first).to_have_attribute("data-alert", made)
    expect(first).to_have_attribute("data-severity", "5")
    expect(page).to_have_title(re.compile(r"^\(6\) Alerts"))
    expect(page.locator("#announce")).to_contain_text("New alert, severity 5")
    expect(page.locator(".nav [data-count=await]")).to_have_text("6")
    assert page.evaluate("window.sameDocument") is True


def test_an_alert_that_comes_while_the_list_is_on_its_way_is_in_it(desk: Any, served: Served) -> None:
    page = desk().open("/devices")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    made = []

    def late(route: Route) -> None:
        answer = route.fetch()
        made.append(served.ring(thread="feedfeedfeedfeed"))
        expect(page.locator(".nav [data-count=await]")).to_have_text("6")
        route.fulfill(response=answer)

    page.route("**/alerts", late)
    page.click(".nav a:has-text('Alerts')")
    expect(page.locator("#alerts .row")).to_have_count(7)
    expect(page.locator("#alerts .row").first).to_have_attribute("data-alert", made[0])


def test_a_row_changes_in_place_when_a_colleague_takes_it(desk: Any, served: Served) -> None:
    page = desk().open("/alerts")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    other = desk("marek").open(f"/alerts/{served.seeded.alerts['top']}")
    other.keyboard.press("a")
    row = page.locator(f"[data-alert='{served.seeded.alerts['top']}'].row")
    expect(row).to_have_attribute("data-status", "acknowledged")
    expect(row).to_contain_text("Marek Lind has it")
    expect(page.locator("#alerts .row")).to_have_count(6)


def test_the_whole_triage_by_keyboard(desk: Any, served: Served) -> None:
    page = desk().open("/alerts")
    page.wait_for_selector("html.js")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator("#alert-title")).to_be_focused()
    expect(page).to_have_url(re.compile(served.seeded.alerts["top"]))
    page.keyboard.press("a")
    expect(page.locator("#detail .message.done")).to_contain_text("You have it")
    page.keyboard.press("t")
    expect(page.locator("#v-note")).to_be_focused()
    expect(page.locator("input[value=true-concern]")).to_be_checked()
    page.keyboard.type("Seen with the case file beside it.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#detail .message.done")).to_contain_text("Closed")
    page.keyboard.press("u")
    expect(page.locator("#detail .message.done")).to_contain_text("Open again")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("private window")
    page.keyboard.press("Enter")
    expect(page.locator("#alerts .row")).to_have_count(1)
    page.go_back()
    expect(page.locator("#detail h1")).to_contain_text("under 18")


def test_words_are_unsealed_in_the_browser_after_a_reason(desk: Any, served: Served, tmp_path: Path) -> None:
    sat = desk()
    bring_key(sat.page, served, tmp_path)
    page = sat.page
    page.click(".nav a:has-text('Alerts')")
    page.click(f"[data-alert='{served.seeded.alerts['top']}']")
    page.fill("#reason", "Triage of this alert")
    page.click("text=Give the reason and open")
    page.fill("#passphrase", "not the passphrase")
    page.click("#evidence button:has-text('Unlock')")
    expect(page.locator("#evidence [data-part=status]")).to_contain_text("does not open this key", timeout=120_000)
    page.fill("#passphrase", load_seed().PASSPHRASE)
    page.click("#evidence button:has-text('Unlock')")
    expect(page.locator(".msg")).to_have_count(7, timeout=120_000)
    expect(page.locator(".msg mark").first).to_have_text("just turned 13")
    expect(page.locator("#evidence")).to_contain_text("four signals in four minutes")
    kept = "return JSON.stringify([Object.values(localStorage), Object.values(sessionStorage)])"
    assert "turned 13" not in page.evaluate(f"(() => {{ {kept} }})()")
    assert "AGE-SECRET-KEY" not in page.evaluate(f"(() => {{ {kept} }})()")
    page.click("text=Lock now")
    expect(page.locator(".msg")).to_have_count(0)
    expect(page.locator("#passphrase")).to_be_visible()


def test_a_picture_stays_blurred_until_it_is_opened(desk: Any, served: Served, tmp_path: Path) -> None:
    sat = desk()
    bring_key(sat.page, served, tmp_path)
    page = sat.page
    page.click(".nav a:has-text('Alerts')")
    page.click(f"[data-alert='{served.seeded.alerts['picture']}']")
    page.fill("#reason", "Triage of this alert")
    page.click("text=Give the reason and open")
    page.fill("#passphrase", load_seed().PASSPHRASE)
    page.click("#evidence button:has-text('Unlock')")
    canvas = page.locator(".pictures canvas")
    expect(canvas).to_have_css("filter", re.compile(r"blur\(24px\) grayscale\(1\)"), timeout=120_000)
    blurred = re.compile(r"blur\(24px\)")
    expect(page.locator("#picture-warning")).to_be_visible()
    hold = page.locator(".pictures button.hold")
    hold.click()
    expect(canvas).to_have_css("filter", blurred)
    hold.hover()
    page.mouse.down()
    expect(canvas).to_have_css("filter", "grayscale(1)")
    page.mouse.up()
    expect(canvas).to_have_css("filter", blurred)
    page.click(".pictures button:has-text('Colour')")
    expect(canvas).to_have_css("filter", blurred)
    hold.focus()
    page.keyboard.down(" ")
    expect(canvas).to_have_css("filter", "none")
    page.evaluate("window.dispatchEvent(new Event('blur'))")
    expect(canvas).to_have_css("filter", re.compile("blur"))
    page.keyboard.up(" ")
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    page.keyboard.down("Enter")
    expect(canvas).to_have_css("filter", "none")
    page.keyboard.press("Tab")
    expect(canvas).to_have_css("filter", re.compile("blur"))
    page.keyboard.up("Enter")
    before = canvas.bounding_box()["width"]
    expect(page.locator("button[data-size=large]")).to_be_disabled()
    page.click("button[data-size=medium]")
    expect(page.locator("button[data-size=large]")).to_be_enabled()
    assert canvas.bounding_box()["width"] > before


def clip() -> bytes:
    """Return a second of a moving colour, VP8 in WebM."""
    av = pytest.importorskip("av", reason="needs the extra video")
    out = io.BytesIO()
    with av.open(out, "w", format="webm") as box:
        stream = box.add_stream("libvpx", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for shade in range(10):
            frame = av.VideoFrame.from_image(Image.new("RGB", (64, 48), (20 * shade, 90, 40)))
            box.mux(stream.encode(frame))
        box.mux(stream.encode())
    return out.getvalue()


def test_sealed_files_are_listed_and_a_video_opens_on_a_click_muted_and_blurred(
    desk: Any, served: Served, tmp_path: Path
) -> None:
    files = [Attachment("<b>segment</b>.webm", "video/webm", clip()), Attachment("a/list.txt", "text/html", b"<b>x")]
    made = served.ring("desktop D-1", files=files, thread="00112233445566ff")
    sat = desk()
    bring_key(sat.page, served, tmp_path)
    page = sat.open(f"/alerts/{made}")
    page.fill("#reason", "Triage of this alert")
    page.click("text=Give the reason and open")
    page.fill("#passphrase", load_seed().PASSPHRASE)
    page.click("#evidence button:has-text('Unlock')")
    held = page.locator("[data-part=files] figure")
    expect(held).to_have_count(2, timeout=120_000)
    expect(held.nth(0)).to_contain_text("<b>segment</b>.webm · video/webm")
    expect(page.locator("#picture-warning")).to_be_visible()
    assert page.locator("[data-part=files] video").count() == 0
    held.nth(0).get_by_role("button", name="open the video").click()
    video = held.nth(0).locator("video")
    video.evaluate("v => v.readyState >= 2 || new Promise(done => v.addEventListener('loadeddata', () => done(true)))")
    expect(video).to_have_css("filter", re.compile(r"blur\(24px\) grayscale\(1\)"))
    assert video.evaluate("v => [v.muted, v.controls, v.paused]") == [True, True, True]
    video.evaluate("v => { v.muted = false; }")
    expect(video).to_have_js_property("muted", True)
    held.nth(0).locator("button.hold").hover()
    page.mouse.down()
    expect(video).to_have_css("filter", "grayscale(1)")
    page.mouse.up()
    expect(video).to_have_css("filter", re.compile("blur"))
    with page.expect_download() as download:
        held.nth(1).get_by_role("button", name="save it unsealed").click()
    assert download.value.suggested_filename == "file-2-list.txt"
    assert Path(download.value.path()).read_bytes() == b"<b>x"
    page.click("text=Lock now")
    expect(held).to_have_count(0)


def test_where_known_media_was_found_is_a_table_after_unsealing(desk: Any, served: Served, tmp_path: Path) -> None:
    seed = load_seed()
    path = "/home/demo/<b>Bilder</b>/urlaub.jpg"
    made = served.ring("desktop D-1", **seed.KNOWN)
    assert served.ring("desktop D-1", **(seed.KNOWN | {"path": path})) == made
    sat = desk()
    bring_key(sat.page, served, tmp_path)
    page = sat.open(f"/alerts/{made}")
    expect(page.locator("#alert-title")).to_have_text("Known media: list Example list, 1 picture, for review")
    expect(page.locator("#matches")).to_contain_text("entry lighthouse-1, by PDQ at distance 4 of 256")
    assert "urlaub" not in page.content()
    page.fill("#reason", "Triage of this alert")
    page.click("text=Give the reason and open")
    page.fill("#passphrase", seed.PASSPHRASE)
    page.click("#evidence button:has-text('Unlock')")
    tables = page.locator("#evidence table.found")
    expect(tables).to_have_count(2, timeout=120_000)
    expect(tables.nth(0)).to_contain_text("A picture on the screen, 360 × 240 pixels at 312, 196")
    expect(tables.nth(1).locator("code").first).to_have_text(path)
    expect(tables.nth(1)).to_contain_text("2d" * 32)
    expect(tables.nth(1)).to_contain_text("Example list, entry lighthouse-1, by PDQ at distance 4 of 256")
    assert page.locator("#evidence b >> text=Bilder").count() == 0
    expect(page.locator(".pictures canvas").first).to_have_css("filter", re.compile(r"blur\(24px\) grayscale\(1\)"))
    page.click("text=Lock now")
    expect(tables).to_have_count(0)
    expect(page.locator("#picture-warning")).to_be_hidden()


def test_words_with_markup_are_shown_as_words(desk: Any, served: Served, tmp_path: Path) -> None:
    seed = load_seed()
    kept = seed.CHAT[:]
    seed.CHAT[2] = ("other", "<img src=x onerror=alert(1)> im in year 8, just turned 13 🔔")
    try:
        made = served.ring(thread="abcdabcdabcdabcd")
    finally:
        seed.CHAT[:] = kept
    sat = desk()
    bring_key(sat.page, served, tmp_path)
    page = sat.open(f"/alerts/{made}")
    page.fill("#reason", "Triage of this alert")
    page.click("text=Give the reason and open")
    page.fill("#passphrase", seed.PASSPHRASE)
    page.click("#evidence button:has-text('Unlock')")
    expect(page.locator(".msg .words").nth(2)).to_have_text(
        "<img src=x onerror=alert(1)> im in year 8, just turned 13 🔔", timeout=120_000
    )
    expect(page.locator(".msg mark").first).to_have_text("just turned 13")
    assert page.locator(".msg img").count() == 0


def test_a_key_made_here_opens_with_the_command_line_too(desk: Any, tmp_path: Path) -> None:
    from tocsin.evidence import sealing

    page = desk("marek").open("/key")
    page.fill("#new-pass", "four unrelated words here")
    page.fill("#new-pass-2", "four unrelated words there")
    page.click("text=Make my key")
    expect(page.locator("[data-part=status]")).to_contain_text("The two passphrases differ")
    page.fill("#new-pass-2", "four unrelated words here")
    page.click("text=Make my key")
    expect(page.locator("[data-part=held]")).to_be_visible(timeout=120_000)
    with page.expect_download() as caught:
        page.click("text=Download the key file")
    file = tmp_path / "key.age"
    caught.value.save_as(file)
    identity = sealing.unprotect(file.read_bytes(), "four unrelated words here")
    recipient = page.locator("[data-part=recipient]").inner_text()
    assert sealing.recipient_of(identity) == recipient
    page.click("text=List this one beside my name")
    expect(page.locator(".message.done")).to_contain_text("The hub lists this public half")


PATHS = {
    "ines": ["/alerts", "ALERT", "/subjects", "/devices", "DEVICE", "/orders", "ORDER", "/quality", "/key", "/account"],
    "jo": ["/people", "/lists", "/settings"],
    "ada": ["/audit"],
    "": ["/sign-in"],
}

CHECK = """() => {
  const seen = (e) => e.checkVisibility() && getComputedStyle(e).visibility !== 'hidden';
  const named = (e) => (e.getAttribute('aria-label') || e.textContent || e.title || '').trim() !== ''
    || e.labels?.length > 0 || e.getAttribute('aria-labelledby');
  const troubles = [];
  for (const e of document.querySelectorAll('a, button, input:not([type=hidden]), select, textarea, summary')) {
    if (seen(e) && !named(e)) troubles.push('no name: ' + e.outerHTML.slice(0, 120));
  }
  for (const e of document.querySelectorAll('input:not([type=hidden]), select, textarea')) {
    const labelled = e.labels?.length || e.getAttribute('aria-label');
    if (seen(e) && !labelled) troubles.push('no label: ' + e.outerHTML.slice(0, 120));
  }
  for (const e of document.querySelectorAll('img, svg[role=img], canvas')) {
    if (seen(e) && !e.alt && !e.getAttribute('aria-label')) troubles.push('no words: ' + e.outerHTML.slice(0, 80));
  }
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) troubles.push('twice: #' + id);
  if (document.querySelectorAll('h1').length !== 1) troubles.push('not one h1');
  if (!document.querySelector('main')) troubles.push('no main');
  if (!document.documentElement.lang) troubles.push('no language');
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) troubles.push('wider than the screen by ' + wide);
  return troubles;
}"""

CONTRAST = """() => {
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 1;
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  const fill = (colour) => { pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1); };
  const rgb = (colour, under) => { fill(`rgb(${under})`); fill(colour);
    return [...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)]; };
  const ground = (e) => { const chain = []; for (let at = e; at; at = at.parentElement) chain.unshift(at);
    return chain.reduce((under, at) => rgb(getComputedStyle(at).backgroundColor, under), [255, 255, 255]); };
  const light = (c) => c.map((v) => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; })
    .reduce((s, v, i) => s + v * [.2126, .7152, .0722][i], 0);
  const troubles = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || e.closest('.sr, .arrived, button:disabled, svg')) continue;
    const under = ground(e); const over = rgb(getComputedStyle(e).color, under);
    const [a, b] = [light(over), light(under)].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) troubles.push(ratio.toFixed(2) + ' ' + e.outerHTML.slice(0, 100));
  }
  return troubles;
}"""


def path_of(served: Served, name: str) -> str:
    return {
        "ALERT": f"/alerts/{served.seeded.alerts['top']}",
        "DEVICE": f"/devices/{served.seeded.devices['laptop D-2'].id}",
        "ORDER": f"/orders/{served.seeded.orders['laptop D-2']}",
    }.get(name, name)


@pytest.mark.parametrize(
    ("scheme", "width", "height"), [("light", 1280, 720), ("dark", 1280, 720), ("light", 390, 844), ("dark", 390, 844)]
)
def test_every_page_is_named_labelled_legible_and_fits(
    desk: Any, served: Served, scheme: str, width: int, height: int
) -> None:
    troubles = {}
    for who, paths in PATHS.items():
        sat = desk(who, color_scheme=scheme, viewport={"width": width, "height": height}, reduced_motion="reduce")
        for name in paths:
            page = sat.open(path_of(served, name))
            page.wait_for_selector("html.js")
            found = page.evaluate(CHECK) + page.evaluate(CONTRAST)
            if found:
                troubles[name] = found
    assert troubles == {}, json.dumps(troubles, indent=1)


def test_on_a_phone_the_menu_folds_and_one_pane_shows(desk: Any, served: Served) -> None:
    page = desk(viewport={"width": 390, "height": 844}).open("/alerts")
    page.wait_for_selector("html.js")
    expect(page.locator("#nav")).to_be_hidden()
    page.click("#menu")
    expect(page.locator("#nav")).to_be_visible()
    page.click("#nav a:has-text('Devices')")
    expect(page.locator("h1")).to_have_text("Devices")
    expect(page.locator("#nav")).to_be_hidden()
    page.goto(served.url + "/alerts")
    page.click(f"[data-alert='{served.seeded.alerts['top']}']")
    expect(page.locator("#alert-title")).to_be_visible()
    expect(page.locator("#alerts")).to_be_hidden()


def test_pages_work_without_scripts(desk: Any, served: Served) -> None:
    page = desk(java_script_enabled=False).open(f"/alerts/{served.seeded.alerts['top']}")
    page.click("text=Acknowledge")
    expect(page.locator(".message.done")).to_contain_text("You have it")
    page.click("summary:has-text('Close')")
    page.check("input[value=benign]")
    page.fill("#v-note", "Quiz among relatives.")
    page.click("text=Close the alert")
    expect(page.locator(".message.done")).to_contain_text("Closed")


def test_focus_is_always_visible_and_the_page_can_be_skipped_to(desk: Any) -> None:
    page = desk().open("/alerts")
    page.wait_for_selector("html.js")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    for _ in range(12):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", page.evaluate("document.activeElement.outerHTML")


def test_the_vendored_library_needs_nothing_that_the_policy_forbids() -> None:
    source = (pages.STATIC / "vendor" / "age.js").read_text()
    assert "new Function" not in source
    assert "eval(" not in source
    assert "import(" not in source
