import asyncio

import pytest
from starlette.requests import Request

from tocsin.gateway.refusals import Refused
from tocsin.gateway.uploads import MOST_PARTS, one_file, read_form


def form(*parts, boundary="b", end=True):
    body = b""
    for head, data in parts:
        body += f"--{boundary}\r\ncontent-disposition: form-data; {head}\r\n\r\n".encode() + data + b"\r\n"
    return body + (f"--{boundary}--\r\n".encode() if end else b"")


def request(body, kind="multipart/form-data; boundary=b", piece=7):
    pieces = [body[at : at + piece] for at in range(0, len(body), piece)]

    async def receive():
        return {"type": "http.request", "body": pieces.pop(0) if pieces else b"", "more_body": bool(pieces)}

    return Request({"type": "http", "headers": [(b"content-type", kind.encode())], "method": "POST"}, receive)


def read(body, most=10_000, **more):
    return asyncio.run(read_form(request(body, **more), most))


def test_files_and_fields_are_read_however_the_pieces_fall():
    data = bytes(range(256)) * 9 + b"\r\n--b-not-the-boundary\r\n"
    body = form(('name="photo"; filename="a \u00e4.jpg"', data), ('name="note"', "wörter".encode()))
    for piece in (1, 7, 100_000):
        files, fields = read(body, piece=piece)
        assert [(one.field, one.name, one.data) for one in files] == [("photo", "a ä.jpg", data)]
        assert fields == {"note": "wörter"}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "multipart/form-data; boundary=b"),
        (b"x", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary="),
        (b"x", "multipart/form-data; boundary=" + "b" * 300),
        (b"x", "application/json"),
        (b"x", ""),
        (b"nonsense", "multipart/form-data; boundary=b"),
        (form(('name="photo"; filename="a"', b"x"), end=False), "multipart/form-data; boundary=b"),
        (b"--b\r\nno colon here\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b"),
    ],
)
def test_what_is_no_whole_form_is_a_bad_request(body, kind):
    with pytest.raises(Refused) as caught:
        read(body, kind=kind)
    assert caught.value.status == 400


def test_a_file_a_field_and_the_number_of_parts_are_bounded():
    with pytest.raises(Refused) as caught:
        read(form(('name="photo"; filename="a"', bytes(101))), most=100)
    assert caught.value.status == 413
    with pytest.raises(Refused) as caught:
        read(form(('name="note"', bytes(2 << 20))), piece=1 << 16)
    assert caught.value.status == 413
    with pytest.raises(Refused) as caught:
        read(form(*[('name="note"', b"x")] * (MOST_PARTS + 1)))
    assert caught.value.status == 400


def test_one_file_is_wanted_and_an_empty_one_is_refused():
    for parts in ([], [('name="photo"; filename="a"', b"")], [('name="photo"; filename="a"', b"x")] * 2):
        with pytest.raises(Refused):
            asyncio.run(one_file(request(form(*parts, ('name="x"', b"y"))), 100))


def test_a_caller_that_goes_away_is_told_apart():
    async def receive():
        return {"type": "http.disconnect"}

    headers = [(b"content-type", b"multipart/form-data; boundary=b")]
    gone = Request({"type": "http", "headers": headers, "method": "POST"}, receive)
    with pytest.raises(Refused, match="went away"):
        asyncio.run(read_form(gone, 100))
