import asyncio
import io

import pytest
from PIL import Image

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
    api = serving(allow_private=True, fetch_hosts=("127.0.0.1",))
    url = elsewhere.picture("/x", jpeg(), media_type)
    with pytest.raises(Refused) as caught:
        asyncio.run(by_url(api.gateway, url, None))
    assert caught.value.status == 400
    assert asyncio.run(by_url(api.gateway, url, "photo")).kind == "photo"


def test_private_addresses_that_may_be_called_are_fetched_from_only_where_their_host_is_named(serving, elsewhere, jpeg):
    api = serving(allow_private=True)
    with pytest.raises(Refused, match="does not fetch from 127"):
        asyncio.run(by_url(api.gateway, elsewhere.picture("/x.jpg", jpeg()), None))


def test_nothing_at_a_url_is_refused(serving, elsewhere):
    api = serving(allow_private=True, fetch_hosts=("127.0.0.1",))
    with pytest.raises(Refused, match="nothing"):
        asyncio.run(by_url(api.gateway, elsewhere.picture("/x", b""), None))


@pytest.fixture
def page(jpeg):
    """A saved page (PNG) with a picture and something else on it."""
    page = Image.new("RGB", (1280, 900), (250, 250, 250))
    page.paste((0, 92, 75), (20, 20, 300, 60))
    page.paste(Image.open(io.BytesIO(jpeg())).resize((480, 360)), (600, 200))
    out = io.BytesIO()
    page.save(out, "PNG")
    return out.getvalue()


def test_a_photograph_on_an_uploaded_page_is_found_and_the_page_keeps_its_own_signal(api, jpeg, code, page):
    api.post("/c/banks", json={"name": "BANK_A"})
    api.post("/c/bank/BANK_A/signal", json={"pdq": code(jpeg())})
    assert made(api, page).signals["pdq"] == code(page)
    [match] = api.post("/m/lookup", files={"photo": page}).json()["pdq"]["BANK_A"]
    assert (match["by"], match["region"]) == ("pdq", {"x": 600, "y": 200, "w": 480, "h": 360})


def test_nothing_but_the_picture_itself_is_ever_listed(api, jpeg, code, page):
    api.post("/c/banks", json={"name": "BANK_A"})
    api.post("/c/bank/BANK_A/signal", json={"pdq": code(jpeg())})
    assert any(one.region for one in made(api, page).prints.prints)
    assert not any(one.region for one in made(api, page, listing=True).prints.prints)
