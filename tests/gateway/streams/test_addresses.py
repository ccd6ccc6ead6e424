"""Where streams may come from: known schemes, public addresses, nothing that a playlist or a caller smuggles in."""

import asyncio

import pytest

from tocsin.gateway.streams.addresses import AddressError, Rules, check, parse, pinned, read_ports, vet

OPEN, SHUT = Rules(allow_private=True, files=True), Rules()


@pytest.mark.parametrize(
    ("text", "scheme", "port", "listen"),
    [
        ("rtmp://media.example.org/live/key", "rtmp", 1935, False),
        ("rtmp://127.0.0.1:9000/live/key?listen", "rtmp", 9000, True),
        ("https://media.example.org/live.m3u8", "https", 443, False),
        ("udp://239.1.1.1:5000", "udp", 5000, True),
        ("udp://@:5000", "udp", 5000, True),
        ("srt://media.example.org:9000?streamid=x", "srt", 9000, False),
    ],
)
def test_addresses_are_taken_apart(text: str, scheme: str, port: int, listen: bool) -> None:
    found = parse(text, SHUT)
    assert (found.scheme, found.port, found.listen) == (scheme, port, listen)


@pytest.mark.parametrize(
    "text",
    ["", "x" * 5000, "file:///etc/passwd", "/etc/passwd", "concat:a|b", "gopher://x/", "rtmp://", "udp://1.2.3.4",
     "http://a b/", "http://a\nb/", "http://[::1/", "http://x:99999/", "data://x", "subfile,,start,0://x"],
)  # fmt: skip
def test_others_are_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(AddressError, match=r"\.$"):
        parse(text, SHUT)


def test_files_are_for_the_command_only() -> None:
    assert parse("a.mp4", OPEN).scheme == "file"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:secret@media.example.org/live.m3u8?token=abc", "https://media.example.org:443/live.m3u8"),
        ("rtmp://media.example.org/live/sk_secret", "rtmp://media.example.org:1935/live/sk…"),
        ("rtmps://user:secret@media.example.org/app/inst/sk_secret/?token=abc",
         "rtmps://media.example.org:443/app/inst/sk…"),
        ("rtmp://127.0.0.1:9000/live/sk_secret?listen", "rtmp://127.0.0.1:9000/live/sk…"),
        ("rtmp://media.example.org/secret", "rtmp://media.example.org:1935/se…"),
        ("rtmp://media.example.org/live/ab", "rtmp://media.example.org:1935/live/…"),
        ("rtmp://media.example.org", "rtmp://media.example.org:1935"),
        ("srt://media.example.org:9000?streamid=secret&passphrase=secret", "srt://media.example.org:9000"),
    ],
)  # fmt: skip
def test_what_is_shown_holds_no_secret(text: str, shown: str) -> None:
    assert parse(text, SHUT).shown == shown


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.169.254", "::1", "fe80::1", "::ffff:127.0.0.1",
     "0.0.0.0", "224.0.0.1"],
)  # fmt: skip
def test_private_addresses_are_refused(address: str) -> None:
    with pytest.raises(AddressError):
        check(address, SHUT)


def test_private_addresses_pass_where_they_are_allowed_and_public_ones_always() -> None:
    check("10.1.2.3", OPEN)
    check("8.8.8.8", SHUT)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "10.0.0.8", "[::1]", "[fe80::1]",
             "[::ffff:10.0.0.1]", "169.254.169.254", "localhost", "LOCALHOST.", "cam.localhost"],
)  # fmt: skip
def test_a_private_address_as_a_number_is_refused_before_anything_is_asked(host: str) -> None:
    address = parse(f"https://{host}/live.m3u8", SHUT)
    with pytest.raises(AddressError, match="private"):
        vet(address, SHUT)
    vet(address, OPEN)


@pytest.mark.parametrize(
    "text", ["https://8.8.8.8/x", "https://media.example.org/x", "https://fade.example/x", "https://12.example/x",
             "udp://127.0.0.1:5000", "udp://@:5000", "rtmp://127.0.0.1/live/key?listen",
             "srt://10.0.0.1:9000?mode=listener"],
)  # fmt: skip
def test_public_addresses_names_and_what_is_listened_at_pass(text: str) -> None:
    vet(parse(text, SHUT), SHUT)


@pytest.mark.parametrize(
    "text", ["udp://@:4999", "udp://239.1.1.1:22", "rtmp://127.0.0.1:6000/live/key?listen",
             "srt://@:8421?mode=listener"],
)  # fmt: skip
def test_nothing_is_waited_for_at_other_ports_than_the_operator_gave(text: str) -> None:
    rules = Rules(ports=read_ports("1935, 5000-5999"))
    with pytest.raises(AddressError, match=r"streams may be pushed to: 1935, 5000-5999\."):
        vet(parse(text, rules), rules)
    for inside in ("udp://@:5000", "rtmp://127.0.0.1/live/key?listen", "srt://@:5999?mode=listener"):
        vet(parse(inside, rules), rules)
    vet(parse("https://media.example.org:8443/x", rules), rules)


@pytest.mark.parametrize("text", ["", "0", "x", "9-8", "1-70000", "1,,2", "-5", "1-2-3"])
def test_ports_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(AddressError, match="no range of ports"):
        read_ports(text)


def test_a_udp_address_is_a_number() -> None:
    with pytest.raises(AddressError, match="is a number"):
        vet(parse("udp://media.example.org:5000", SHUT), SHUT)


def test_a_name_is_looked_up_once_and_checked() -> None:
    with pytest.raises(AddressError):
        asyncio.run(pinned("localhost", 80, SHUT))
    assert asyncio.run(pinned("127.0.0.1", 80, OPEN)) == ("127.0.0.1", 80)
    with pytest.raises(AddressError, match="not known"):
        asyncio.run(pinned("no-such-name.invalid", 80, OPEN))
