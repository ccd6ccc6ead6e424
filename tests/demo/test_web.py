"""The demonstration's pages are served on loopback, and a shown line waits for its paint."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tocsin.demo import picture
from tocsin.demo.web import Pages


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    served = Pages(picture=lambda: b"PNG", console="http://127.0.0.1:8420", downloads=tmp_path / "Downloads")
    yield served
    served.close()


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return bytes(answer.read())


def test_the_pages_and_the_picture_are_there(pages: Pages) -> None:
    assert b"supervised computer" in get(pages.url)
    assert b"Scripted demonstration" in get(pages.url + "/chat.html")
    assert get(pages.url + "/screen.png?1") == b"PNG"
    assert get(pages.url + "/console.txt") == b"http://127.0.0.1:8420"


@pytest.mark.parametrize("path", ["/nothing", "/../web.py", "/%2e%2e/web.py", "/a/b"])
def test_nothing_else_is_served(pages: Pages, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(pages.url + path)
    assert caught.value.code == 404


def test_the_script_is_two_sided_and_harmless(pages: Pages) -> None:
    conversations = json.loads(get(pages.url + "/script.json"))
    assert len({each["peer"] for each in conversations}) == len(conversations) >= 2
    for each in conversations:
        assert {by for _, by, _ in each["lines"]} - {"save"} == {"subject", "other"}
    script = [line for each in conversations for line in each["lines"]]
    assert any("13" in text for _, by, text in script if by == "other")
    assert len(script) > 30
    assert [text for _, _, text in script if text.endswith(".jpg")] == [picture.NAME] * 2, "shown, then saved"


def test_a_picture_is_shown_and_saved_as_a_download_would_be(pages: Pages, tmp_path: Path) -> None:
    assert get(f"{pages.url}/{picture.NAME}") == picture.jpeg()

    def save(name: str) -> int:
        asked = urllib.request.Request(pages.url + "/save", json.dumps({"name": name}).encode())
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return int(answer.status)

    assert save(picture.NAME) == 200
    for name in ("../../etc/passwd", "chat.html"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            save(name)
    assert [path.name for path in (tmp_path / "Downloads").iterdir()] == [picture.NAME]
    assert (tmp_path / "Downloads" / picture.NAME).read_bytes() == picture.jpeg()


def test_without_a_page_showing_a_line_says_so(pages: Pages) -> None:
    with pytest.raises(TimeoutError, match="no chat page"):
        pages.show(timeout=0.05, by="other", text="hello")
