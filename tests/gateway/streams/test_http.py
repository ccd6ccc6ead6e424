"""HTTP streams: HLS is followed, what a playlist names is fetched by us or refused; a hostile server costs little."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from tocsin.gateway.streams import http
from tocsin.gateway.streams.addresses import Rules, parse
from tocsin.gateway.streams.http import HttpSource
from tocsin.gateway.streams.source import Mark, SourceError, Ways

Serve = Callable[[dict[str, bytes | list[bytes]]], str]


def read(url: str, *, private: bool = True, lost: Counter[str] | None = None) -> list[bytes | Mark]:
    rules = Rules(allow_private=private)
    note = (lambda kind, count: lost.update({kind: count})) if lost is not None else (lambda *_: None)

    async def all_of() -> list[bytes | Mark]:
        return [one async for one in HttpSource(parse(url, rules), Ways(rules, silence=60.0), note).chunks()]

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


def test_segments_are_cut_out_of_one_file(serve: Serve) -> None:
    lines = ('#EXT-X-MAP:URI="/all",BYTERANGE="4@0"', "#EXT-X-BYTERANGE:3@4", "/all", "#EXT-X-BYTERANGE:5", "/all")
    pages: dict = {"/l.m3u8": playlist(*lines, end=True), "/all": b"initonetwo.."}
    assert read(serve(pages) + "/l.m3u8") == [Mark.FRESH, b"init", b"one", b"two.."]


def test_other_bytes_than_were_asked_for_are_never_watched(serve: Serve) -> None:
    """A server that knows no parts, or whose file is shorter than its playlist says: missed, and counted."""
    lost: Counter[str] = Counter()
    lines = ("#EXT-X-BYTERANGE:3@4", "/whole", "#EXT-X-BYTERANGE:9@4", "/short", "#EXT-X-BYTERANGE:2@0", "/short")
    pages: dict = {"/l.m3u8": playlist(*lines, end=True), "/whole": b"initone", "/short": b"initone"}
    assert read(serve(pages) + "/l.m3u8", lost=lost) == [b"in"]
    assert lost["skipped"] == 2


def locked(data: bytes, key: bytes, vector: bytes) -> bytes:
    padding = PKCS7(128).padder()
    closing = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    return closing.update(padding.update(data) + padding.finalize()) + closing.finalize()


KEY, OTHER = b"0123456789abcdef", b"fedcba9876543210"


def test_encrypted_segments_are_opened_with_the_keys_that_the_playlist_names(serve: Serve) -> None:
    lines = (
        *('#EXT-X-KEY:METHOD=AES-128,URI="/a.key"', "0.ts", "1.ts"),
        *('#EXT-X-KEY:METHOD=AES-128,URI="/b.key",IV=0x0102', "2.ts", "#EXT-X-KEY:METHOD=NONE", "3.ts"),
    )
    numbered = [number.to_bytes(16, "big") for number in (5, 6, 0x0102)]
    pages: dict = {
        "/l.m3u8": playlist(*lines, first=5, end=True),
        "/a.key": [KEY, b"asked for again: it is kept"],
        "/b.key": OTHER,
        "/0.ts": locked(b"zero", KEY, numbered[0]),
        "/1.ts": locked(b"one" * 99, KEY, numbered[1]),
        "/2.ts": locked(b"two", OTHER, numbered[2]),
        "/3.ts": b"three",
    }
    assert read(serve(pages) + "/l.m3u8") == [b"zero", b"one" * 99, b"two", b"three"]


def test_a_segment_that_its_key_does_not_open_is_counted_and_several_end_the_connection(serve: Serve) -> None:
    lost: Counter[str] = Counter()
    key = '#EXT-X-KEY:METHOD=AES-128,URI="/a.key"'
    pages: dict = {"/l.m3u8": playlist(key, "0.ts", "1.ts", end=True), "/a.key": KEY, "/0.ts": b"x" * 33}
    pages["/1.ts"] = locked(b"one", KEY, bytes(15) + b"\1")
    assert read(serve(pages) + "/l.m3u8", lost=lost) == [b"one"]
    assert lost["skipped"] == 1
    pages["/l.m3u8"] = playlist(key, *(["0.ts"] * 3), "1.ts", end=True)
    with pytest.raises(SourceError, match="encrypted") as error:
        read(serve(pages) + "/l.m3u8")
    assert error.value.code == "locked"


@pytest.mark.parametrize(
    ("address", "answer", "code"),
    [("/a.key", b"x" * 17, "locked"), ("/a.key", b"x" * 5000, "locked"), ("/none.key", KEY, "locked"),
     ("http://10.0.0.1/k", KEY, "unsupported"), ("file:///etc/passwd", KEY, "unsupported"),
     ("data:;base64,MDEyMzQ1Njc4OWFiY2RlZg==", KEY, "unsupported")],
)  # fmt: skip
def test_a_key_that_cannot_be_had_ends_the_connection_with_a_sentence(
    serve: Serve, address: str, answer: bytes, code: str
) -> None:
    lines = (f'#EXT-X-KEY:METHOD=AES-128,URI="{address}"', "0.ts", "0.ts", "0.ts")
    pages: dict = {"/l.m3u8": playlist(*lines, end=True), "/a.key": answer, "/0.ts": b"x" * 32}
    with pytest.raises(SourceError, match=r"key .*\.$") as error:
        read(serve(pages) + "/l.m3u8")
    assert (error.value.code, error.value.final) == (code, code == "unsupported")


def test_what_a_drm_locks_says_so_and_is_given_up(serve: Serve) -> None:
    pages: dict = {"/l.m3u8": playlist('#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k"', "#EXTINF:1,", "0.ts", end=True)}
    with pytest.raises(SourceError, match="encrypted") as error:
        read(serve(pages) + "/l.m3u8")
    assert error.value.final


def test_a_live_playlist_of_which_nothing_can_be_fetched_times_out(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = [playlist("no.ts", first=number).replace(b"DURATION:1", b"DURATION:0.2") for number in range(200)]
    rules = Rules(allow_private=True)
    monkeypatch.setattr(http, "_TRIES", 1)
    past = [0.0]

    def missed(*_: object) -> None:
        past[0] += 100.0  # a minute and more goes by with each segment that is not there

    async def all_of() -> None:
        loop, url = asyncio.get_running_loop(), serve({"/l.m3u8": lists}) + "/l.m3u8"
        now = loop.time
        monkeypatch.setattr(loop, "time", lambda: now() + past[0])
        async for _ in HttpSource(parse(url, rules), Ways(rules, silence=60.0), missed).chunks():
            pass

    with pytest.raises(SourceError, match="segment"):
        asyncio.run(all_of())
