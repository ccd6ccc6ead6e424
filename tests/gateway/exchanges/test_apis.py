import json

import httpx
import pytest

from tocsin.exchange.pages import Refused as ExchangeRefused
from tocsin.gateway.exchanges.apis import APIS, Setting, api_named, checked
from tocsin.gateway.exchanges.guard import Guarded
from tocsin.gateway.refusals import Refused

NAMES = ["fb_threatexchange", "list_url", "local_file", "ncmec", "stop_ncii"]


def test_every_kind_describes_itself_as_hma_does():
    assert list(APIS) == NAMES
    for api in APIS.values():
        for field in (*api.config, *api.credentials):
            assert field.help
            assert set(field.as_dict()) == {"name", "type", "required", "default", "help", "choices"}
    json.dumps([field.as_dict() for api in APIS.values() for field in api.config])


def test_an_unknown_kind_is_named_with_those_there_are():
    with pytest.raises(Refused, match="ncmec"):
        api_named("smell")


@pytest.mark.parametrize(
    ("api", "given", "why"),
    [
        ("ncmec", {}, "environment is needed"),
        ("ncmec", {"environment": "Mars"}, "one of: Industry"),
        ("ncmec", {"environment": "Industry", "colour": 1}, "no field 'colour'"),
        ("ncmec", {"environment": "Industry", "only_esp_ids": ["x"]}, "set of number"),
        ("fb_threatexchange", {"privacy_group": "a/b"}, "number"),
        ("fb_threatexchange", {"privacy_group": True}, "number"),
        ("local_file", {"filename": 5}, "string"),
        ("local_file", {"filename": "a\nb"}, "string"),
        ("list_url", {"url": "x" * 5000}, "string"),
    ],
)
def test_what_is_told_wrongly_is_refused_naming_the_field(api, given, why):
    with pytest.raises(Refused, match=why):
        checked(APIS[api].config, given)


def test_what_is_told_rightly_is_taken():
    held = checked(APIS["ncmec"].config, {"environment": "NGO", "only_esp_ids": [3, "1"]})
    assert held == {"environment": "NGO", "only_esp_ids": [1, 3]}
    assert checked(APIS["fb_threatexchange"].config, {"privacy_group": "123"}) == {"privacy_group": 123}
    with pytest.raises(Refused, match="form https"):
        checked(APIS["ncmec"].credentials, {"user": "u", "password": "p", "base_url_override": "ftp://x"})


def setting(tmp_path, trusted):
    (tmp_path / "feeds").mkdir(exist_ok=True)
    return Setting("N", tmp_path / "feeds", tmp_path, trusted)


def test_files_named_over_the_api_lie_in_their_folder(tmp_path):
    make = APIS["local_file"].make
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds" / "link").symlink_to("/etc")
    for name in ("../secret", "/etc/passwd", "link/passwd"):
        with pytest.raises(ExchangeRefused, match="folder feeds"):
            make({"filename": name}, {}, setting(tmp_path, trusted=False))
        make({"filename": name}, {}, setting(tmp_path, trusted=True))
    make({"filename": "list.csv"}, {}, setting(tmp_path, trusted=False))


def test_connections_of_what_was_added_over_the_api_are_guarded(tmp_path):
    assert isinstance(setting(tmp_path, trusted=False).transport, Guarded)
    assert not isinstance(setting(tmp_path, trusted=True).transport, Guarded)
    assert isinstance(setting(tmp_path, trusted=True).transport, httpx.HTTPTransport)


def test_every_kind_makes_a_source(tmp_path):
    configs = {
        "ncmec": {"environment": "Industry"},
        "fb_threatexchange": {"privacy_group": 1},
        "local_file": {"filename": "x"},
        "list_url": {"url": "https://x.example/l", "columns": ["pdq=Hash"]},
    }
    for name, api in APIS.items():
        keys = {field.name: "x" for field in api.credentials if field.required}
        source = api.make(configs.get(name, {}), keys, setting(tmp_path, trusted=False))
        source.close()
