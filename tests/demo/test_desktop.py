"""A virtual desktop starts, shows a real browser, takes real clicks, and leaves nothing behind."""

import shutil

import psutil
import pytest

from tocsin.demo.desktop import Desktop, until
from tocsin.demo.web import Pages

needs_x = pytest.mark.skipif(not shutil.which("Xvfb") or not shutil.which("chromium"), reason="needs Xvfb and Chromium")


@needs_x
def test_a_line_shown_on_the_desktop_is_painted_and_stamped() -> None:
    pages = Pages()
    others = psutil.Process().children(recursive=True)
    with Desktop(800, 600) as desktop:
        desktop.browse(pages.url + "/chat.html?live")
        first = pages.show(timeout=60, by="other", text="hello there")
        second = pages.show(by="subject", text="hello back")
        until(lambda: [w for w in desktop.windows() if w[3] > 400], 60, "a browser window")
        assert second > first > 1_600_000_000_000
        assert desktop.picture().startswith(b"\x89PNG")
        children = [child for child in psutil.Process().children(recursive=True) if child not in others]
        assert children
    pages.close()
    _, left = psutil.wait_procs(children, timeout=60)
    assert [child for child in left if child.status() != psutil.STATUS_ZOMBIE] == []


def test_waiting_names_what_did_not_happen() -> None:
    with pytest.raises(TimeoutError, match="a flying pig"):
        until(lambda: None, 0.0, "a flying pig")
