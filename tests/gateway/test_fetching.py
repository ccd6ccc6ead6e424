import asyncio
import contextlib
import gzip
import ipaddress

import pytest

from tocsin.gateway.fetching import Fetcher, is_pattern, is_public
from tocsin.gateway.refusals import Refused


def fetch(url, hosts=None, *, resolve=None, private=True, **more):
    return asyncio.run(Fetcher(hosts, allow_private=private, resolve=resolve, **more).fetch(url))


def refused(url, hosts=None, **more):
    with pytest.raises(Refused) as caught:
        fetch(url, hosts, **more)
    return caught.value


def resolving(*answers):
    """Resolve to one answer after the other, the last one for good; ``asked`` counts."""

    async def resolve(host, port):
        resolve.asked.append(host)
        return answers[min(len(resolve.asked), len(answers)) - 1]

    resolve.asked = []
    return resolve


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "198.18.0.1", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "fec0::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::", "2002:0a00:0001::", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "2001:0:0:0:0:0:80ff:fffe", "2001:db8::1",
    ],
)  # fmt: skip
def test_addresses_inside_a_network_are_not_public_however_they_are_written(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a/b", "file:///etc/passwd", "gopher://a/", "data:text/plain,x", "//a/b", "a/b", "", "http://", "http:///x",
        "http://user@a/b", "http://user:pw@a/b", "http://a:99999/", "http://a:0/", "http://a b/", "http://a/\r\nX: y",
        "http://a\\b/", "http://[::1/", "http://" + "a" * 9000, "http://ä.example/", "http://a%00b/",
    ],
)  # fmt: skip
def test_what_is_no_plain_web_address_is_refused(url):
    assert refused(url).status == 400


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://169.254.169.254/",
        "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/", "http://0/",
    ],
)  # fmt: skip
def test_private_addresses_are_refused_in_every_spelling(url):
    assert refused(url, private=False).status in (400, 502)


def test_without_a_list_of_hosts_nothing_is_fetched_and_the_sentence_says_what_to_do():
    answer = refused("http://cdn.example.org/a", ())
    assert answer.status == 400
    assert "--fetch-from cdn.example.org" in str(answer)


def test_hosts_are_named_whole_or_by_what_they_end_in(elsewhere):
    url = elsewhere.picture("/a", b"x")
    here = resolving(["127.0.0.1"])
    for hosts, name in ((("media.example",), "media.example"), (("*.example",), "a.example"), (("*",), "b.test")):
        assert fetch(url.replace("127.0.0.1", name), hosts, resolve=here).data == b"x"
    for name in ("example", "notexample", "media.example.evil.test"):
        assert refused(url.replace("127.0.0.1", name), ("*.example", "media.example"), resolve=here).status == 400


def test_a_name_is_resolved_once_and_the_connection_goes_to_the_address_that_was_checked(elsewhere):
    url = elsewhere.picture("/a", b"from the checked address").replace("127.0.0.1", "rebinding.example")
    resolve = resolving(["127.0.0.1"], ["10.0.0.1"])
    assert fetch(url, resolve=resolve).data == b"from the checked address"
    assert resolve.asked == ["rebinding.example"]
    assert elsewhere.asked == [("/a", f"rebinding.example:{elsewhere.port}")]


def test_a_name_with_one_private_address_among_public_ones_is_refused():
    answer = refused("http://mixed.example/", resolve=resolving(["8.8.8.8", "10.0.0.1"]), private=False)
    assert (answer.status, "private" in str(answer)) == (400, True)


def test_a_name_that_does_not_resolve_is_refused():
    async def fails(host, port):
        raise OSError("no such name")

    assert refused("http://nowhere.example/", resolve=fails).status == 400


def test_redirects_are_followed_and_each_is_checked_as_the_first_address_was(elsewhere):
    url = elsewhere.picture("/end", b"there")
    elsewhere.pages["/a"] = (302, {"location": "/b"}, b"")
    elsewhere.pages["/b"] = (307, {"location": url}, b"")
    found = fetch(elsewhere.url + "/a")
    assert (found.data, found.url) == (b"there", url)
    for there in ("http://10.0.0.1/x", "http://localhost/x", "http://[::ffff:10.0.0.1]/"):
        elsewhere.pages["/evil"] = (302, {"location": there}, b"")
        by_name = elsewhere.url.replace("127.0.0.1", "public.example")
        assert refused(by_name + "/evil", ("public.example",), resolve=resolving(["127.0.0.1"])).status == 400
    elsewhere.pages["/file"] = (302, {"location": "file:///etc/passwd"}, b"")
    assert refused(elsewhere.url + "/file").status == 400
    elsewhere.pages["/lost"] = (302, {}, b"")
    assert refused(elsewhere.url + "/lost").status == 502


def test_redirects_have_an_end(elsewhere):
    elsewhere.pages["/loop"] = (302, {"location": "/loop"}, b"")
    answer = refused(elsewhere.url + "/loop")
    assert answer.status == 400
    assert len(elsewhere.asked) == 6


def test_size_is_bounded_as_told_and_as_sent(elsewhere):
    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        with contextlib.suppress(OSError):  # the other side hangs up
            for _ in range(100_000):
                handler.wfile.write(bytes(65_536))

    elsewhere.pages["/told"] = (200, {"content-length": "99999999999"}, b"")
    elsewhere.pages["/endless"] = endless
    for path in ("/told", "/endless"):
        assert refused(elsewhere.url + path, max_bytes=100_000).status == 413


def test_a_bomb_is_unpacked_only_as_far_as_the_bound(elsewhere):
    bomb = gzip.compress(bytes(50 << 20))
    elsewhere.pages["/bomb"] = (200, {"content-encoding": "gzip"}, bomb)
    assert refused(elsewhere.url + "/bomb", max_bytes=1 << 20).status == 413
    elsewhere.pages["/small"] = (200, {"content-encoding": "gzip"}, gzip.compress(b"words"))
    assert fetch(elsewhere.url + "/small").data == b"words"
    elsewhere.pages["/cut"] = (200, {"content-encoding": "gzip"}, gzip.compress(b"words" * 99)[:-9])
    elsewhere.pages["/not"] = (200, {"content-encoding": "gzip"}, b"not packed")
    elsewhere.pages["/odd"] = (200, {"content-encoding": "br"}, b"?")
    for path in ("/cut", "/not", "/odd"):
        assert refused(elsewhere.url + path).status == 502


def test_a_part_of_a_file_is_fetched_and_never_another(elsewhere):
    asked = []

    def parts(handler):
        asked.append(handler.headers["range"])
        handler.send_response(206)
        handler.send_header("content-range", handler.path[1:].replace("_", " "))
        handler.send_header("content-length", "3")
        handler.end_headers()
        handler.wfile.write(b"one")

    def part(path):
        elsewhere.pages[path] = parts
        return asyncio.run(Fetcher(None, allow_private=True).fetch(elsewhere.url + path, span=(4, 3))).data

    assert part("/bytes_4-6/9") == b"one"
    assert asked == ["bytes=4-6"]
    for other in ("/bytes_0-2/9", "/bytes_4-5/9", "/bytes_4-9/12", "/none"):
        with pytest.raises(Refused, match="other bytes"):
            part(other)
    whole = elsewhere.picture("/whole", b"one")
    with pytest.raises(Refused, match="whole files only"):
        asyncio.run(Fetcher(None, allow_private=True).fetch(whole, span=(4, 3)))


def test_time_is_bounded_and_half_an_answer_is_none(elsewhere):
    def silent(handler):
        handler.connection.recv(1)

    def half(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\nhalf")
        handler.wfile.flush()
        handler.close_connection = True

    def nonsense(handler):
        handler.wfile.write(b"\x00\x01 what\r\n\r\n")
        handler.wfile.flush()
        handler.close_connection = True

    elsewhere.pages |= {"/silent": silent, "/half": half, "/nonsense": nonsense}
    assert refused(elsewhere.url + "/silent", seconds=0.3).status == 504
    assert refused(elsewhere.url + "/half").status == 502
    assert refused(elsewhere.url + "/nonsense").status == 502


def test_an_error_page_is_no_content(elsewhere):
    answer = refused(elsewhere.url + "/nothing")
    assert (answer.status, "404" in str(answer)) == (400, True)


def test_a_port_where_nobody_listens_is_told(elsewhere):
    assert refused("http://127.0.0.1:1/x").status == 502


def test_a_certificate_of_another_name_is_not_accepted(elsewhere, tls_files, fake_hub_class):
    other = fake_hub_class(tls_files("somebody.example"))
    try:
        assert refused(f"https://127.0.0.1:{other.port}/").status == 502
    finally:
        other.close()


def test_allowed_tells_the_address_without_fetching(elsewhere):
    fetcher = Fetcher(None, resolve=resolving(["8.8.8.8"]))
    assert asyncio.run(fetcher.allowed("http://media.example/x")) == "8.8.8.8"
    with pytest.raises(Refused):
        asyncio.run(fetcher.allowed("http://10.0.0.1/x"))


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("media.example.org", True),
        ("*.example.org", True),
        ("*", True),
        ("127.0.0.1", True),
        ("2001:db8::1", True),
        ("https://media.example.org", False),
        ("media.example.org/path", False),
        ("media.example.org:8443", False),
        ("*.*.org", False),
        ("a b", False),
        ("", False),
    ],
)
def test_what_an_allow_list_may_hold(text, is_one):
    assert is_pattern(text) is is_one
