import asyncio

import pytest

from tocsin.gateway.contents import Content, by_url, hashed, types_of
from tocsin.gateway.refusals import Refused


def made(api, data, kind="photo", types=None, **more):
    gateway = api.gateway
    return asyncio.run(hashed(gateway, Content(data, kind), types_of(gateway, types), **more))


def test_content_is_told_by_what_it_is_and_not_by_its_label(api, jpeg, code):
    labelled_video = made(api, jpeg(), "video", listing=True)
    assert dict(labelled_video.signals) == {"pdq": code(jpeg())}


def test_what_cannot_be_compared_has_a_reason_and_a_sentence(api, flat):
    assert made(api, flat).absent["pdq"]["reason"] == "low-quality"
    absent = made(api, b"\x89PNG\r\n\x1a\n broken").absent["pdq"]
    assert absent["reason"] == "unreadable"
    assert absent["sentence"].endswith(".")


def test_other_signals_stand_beside_one_that_cannot_be_compared(api, flat):
    found = made(api, flat, types=("pdq", "md5", "sha256"))
    assert (found.signals["pdq"], len(found.signals["md5"]), len(found.signals["sha256"])) == ("", 32, 64)


@pytest.mark.parametrize("media_type", ["", "text/html", "application/x", "imagery/x"])
def test_a_url_whose_server_does_not_say_what_it_is(serving, elsewhere, jpeg, media_type):
    api = serving(allow_private=True)
    url = elsewhere.picture("/x", jpeg(), media_type)
    with pytest.raises(Refused) as caught:
        asyncio.run(by_url(api.gateway, url, None))
    assert caught.value.status == 400
    assert asyncio.run(by_url(api.gateway, url, "photo")).kind == "photo"


def test_nothing_at_a_url_is_refused(serving, elsewhere):
    api = serving(allow_private=True)
    with pytest.raises(Refused, match="nothing"):
        asyncio.run(by_url(api.gateway, elsewhere.picture("/x", b""), None))
