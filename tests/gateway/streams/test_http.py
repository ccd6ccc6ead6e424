"""HTTP streams: HLS is followed, what a playlist names is fetched by us or refused; a hostile server costs little."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tocsin.gateway.streams.addresses import Rules, parse
from tocsin.gateway.streams.http import HttpSource
from tocsin.gateway.streams.sources import Mark, SourceError, Ways

Serve = Callable[[dict[str, bytes | list[bytes]]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve paths: bytes, or a list of answers given one after the other (the last again and again)."""
    servers = []

    def start(pages: dict[str, bytes | list[bytes]]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = pages.get(self.path)
                if isinstance(page, list):
                    page = page.pop(0) if len(page) > 1 else page[0]
                if page is None:
                    self.send_error(404)
                    return
                if page.startswith(b"->"):
                    self.send_response(302)
                    self.send_header("Location", page[2:].decode())
                    self.end_headers()
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def read(url: str, *, private: bool = True, lost: Counter[str] | None = None) -> list[bytes | Mark]:
    rules = Rules(allow_private=private)
    note = (lambda kind, count: lost.update({kind: count})) if lost is not None else (lambda *_: None)

    async def all_of() -> list[bytes | Mark]:
        return [one async for one in HttpSource(parse(url, rules), Ways(rules, silence=3.0), note).chunks()]

    return asyncio.run(all_of())


def playlist(*lines: str, first: int = 0, end: bool = False) -> bytes:
    head = ["#EXTM3U", "#EXT-X-TARGETDURATION:1", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
    return "\n".join([*head, *lines, *(["#EXT-X-ENDLIST"] if end else [])]).encode()


def test_a_plain_stream_is_given_as_it_comes(serve: Serve) -> None:
    assert b"".join(read(serve({"/s": b"\x47" * 1000}) + "/s")) == b"\x47" * 1000


def test_a_playlist_that_grows_is_followed_to_its_end(serve: Serve) -> None:
    lists = [
        playlist("#EXTINF:1,", "0.ts", "#EXTINF:1,", "1.ts"),
        playlist("#EXTINF:1,", "1.ts", "#EXTINF:1,", "2.ts", first=1, end=True),
    ]
    pages: dict = {"/l.m3u8": lists, "/0.ts": b"zero", "/1.ts": b"one", "/2.ts": b"two"}
    assert read(serve(pages) + "/l.m3u8") == [b"zero", b"one", b"two"]


def test_segments_that_were_missed_are_counted_and_begin_anew(serve: Serve) -> None:
    lost: Counter[str] = Counter()
    lists = [playlist("#EXTINF:1,", "0.ts"), playlist("#EXTINF:1,", "5.ts", first=5, end=True)]
    pages: dict = {"/l.m3u8": lists, "/0.ts": b"zero", "/5.ts": b"five"}
    assert read(serve(pages) + "/l.m3u8", lost=lost) == [b"zero", Mark.FRESH, b"five"]
    assert lost["skipped"] == 4


def test_a_segment_that_is_not_there_is_skipped_and_counted(serve: Serve) -> None:
    lost: Counter[str] = Counter()
    pages: dict = {"/l.m3u8": playlist("#EXTINF:1,", "no.ts", "#EXTINF:1,", "1.ts", end=True), "/1.ts": b"one"}
    assert read(serve(pages) + "/l.m3u8", lost=lost) == [b"one"]
    assert lost["skipped"] == 1


@pytest.mark.parametrize(
    "named",
    ["http://10.0.0.1/x.ts", "http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "http://localhost:1/x",
     "http://[::1]/x", "gopher://x/"],
)  # fmt: skip
def test_a_playlist_may_not_name_private_addresses_or_other_schemes(serve: Serve, named: str) -> None:
    """Even where the operator's own address is private and allowed: only its own host is."""
    pages: dict = {"/l.m3u8": playlist("#EXTINF:1,", named, end=True)}
    with pytest.raises(SourceError) as error:
        read(serve(pages) + "/l.m3u8")
    assert error.value.final


def test_a_redirect_to_a_private_address_is_refused(serve: Serve) -> None:
    with pytest.raises(SourceError) as error:
        read(serve({"/s": b"->http://10.0.0.1/secret"}) + "/s")
    assert error.value.final


def test_private_addresses_are_refused_unless_allowed(serve: Serve) -> None:
    with pytest.raises(SourceError, match="private"):
        read(serve({"/s": b"x"}) + "/s", private=False)


def test_redirects_end(serve: Serve) -> None:
    with pytest.raises(SourceError, match="redirects"):
        read(serve({"/s": b"->/s"}) + "/s")


def test_a_missing_page_may_be_tried_again(serve: Serve) -> None:
    with pytest.raises(SourceError, match="404") as error:
        read(serve({}) + "/s")
    assert not error.value.final


def test_an_encrypted_stream_says_so(serve: Serve) -> None:
    pages: dict = {"/l.m3u8": playlist('#EXT-X-KEY:METHOD=AES-128,URI="k"', "#EXTINF:1,", "0.ts", end=True)}
    with pytest.raises(SourceError, match="encrypted"):
        read(serve(pages) + "/l.m3u8")
