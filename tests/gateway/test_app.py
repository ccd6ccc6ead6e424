import pytest

from tocsin.gateway.access import SCOPES, new_key
from tocsin.matching.lists import ListError

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")


def test_every_method_on_every_path_gets_an_answer_that_is_no_fault_of_ours(api):
    bodies = ({}, {"json": {}}, {"json": [1]}, {"content": b"\xff\x00"}, {"files": {"photo": b"x"}})
    for path in api.get("/site-map").json():
        for filled in {path, path.replace("{name}", "NONE").replace("{number}", "1").replace("{thread:path}", "t")}:
            for method in METHODS:
                for body in bodies:
                    answer = api.request(method, filled, **body)
                    assert answer.status_code < 500, (method, filled, body, answer.text)


@pytest.mark.parametrize("path", ["/nothing", "/m", "/m/", "/m/lookup/", "/M/lookup", "/h/hash/x", "/..%2f..", "/%00"])
def test_what_is_not_there_is_said_in_the_shape_of_all_errors(api, path):
    answer = api.get(path)
    assert answer.status_code == 404
    assert set(answer.json()) == {"message"}


def test_an_error_of_our_own_is_a_sentence_and_shows_nothing_of_the_inside(api, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(type(api.gateway.catalogue), "types", broken)
    answer = api.get("/c/signal_type")
    assert answer.status_code == 500
    assert "inside" not in answer.text
    assert answer.json()["message"].startswith("The gateway met an error")


def test_a_data_folder_that_is_gone_is_said_and_nothing_is_written_into_nowhere(api):
    body = {"bank": "FILE", "api": "local_file", "api_json": {"filename": "list.csv"}}
    api.post("/c/exchanges", json=body)
    data = api.gateway.settings.data
    data.rename(data.with_name("elsewhere"))
    for method, path, sent in (
        ("POST", "/v1/exchanges/FILE/run", None),
        ("POST", "/c/banks", {"name": "OTHER"}),
        ("DELETE", "/c/exchange/FILE", None),
    ):
        answer = api.request(method, path, json=sent)
        assert answer.status_code == 503, answer.text
        assert "is gone; nothing was written" in answer.json()["message"]


def test_a_store_that_cannot_be_read_is_said(api):
    data = api.gateway.settings.data
    data.rename(data.with_name("elsewhere"))
    api.gateway.store.engine.dispose()
    answer = api.get("/c/exchanges")
    assert answer.status_code == 503
    assert "database cannot be read or written" in answer.json()["message"]


def test_a_field_that_is_out_of_bounds_is_named(api):
    answer = api.post("/c/banks", json={"name": "A", "enabled_ratio": 7})
    assert answer.status_code == 422
    assert "enabled_ratio" in answer.json()["message"]


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("path", "sent", "said"),
    [
        ("/c/banks", {"json": {}}, "The field name is missing."),
        ("/c/banks", {"json": [1]}, "The body must be a JSON object, sent as Content-Type: application/json."),
        ("/c/banks", {"content": b'{"name": "A"}', "headers": {"content-type": "text/plain"}}, "must be a JSON object"),
        ("/c/banks", {"content": b"{", "headers": JSON}, "The body is no JSON that can be read."),
        ("/c/banks", {"content": b"", "headers": JSON}, "The body is missing."),
        ("/c/banks", {"json": {"name": "A", "radius": 99}}, "The field radius is not as it must be: Input should be"),
        ("/v1/webhooks", {"json": {"url": "https://a.example", "evnts": []}}, "This call takes no field evnts."),
        ("/v1/webhooks", {"json": {"url": "https://a.example", "events": ["x"]}}, "'stream.hold'"),
        ("/v1/reports", {"json": {"key": "k"}}, "The field incident_type is missing."),
    ],
)
def test_what_is_wrong_with_a_body_is_said(api, path, sent, said):
    answer = api.post(path, **sent)
    assert answer.status_code == 422
    assert said in answer.json()["message"]


def test_a_list_that_cannot_be_changed_is_said_and_no_fault_of_ours(api, monkeypatch, jpeg):
    def broken(*_, **__):
        raise ListError("The list is damaged.")

    api.post("/c/banks", json={"name": "BANK_A"})
    monkeypatch.setattr(type(api.gateway.banks), "_listed", broken)
    answer = api.post("/c/bank/BANK_A/content", files={"photo": jpeg()})
    assert answer.status_code == 503
    assert "The list is damaged." in answer.json()["message"]


def test_keys_with_their_scopes_open_their_own_doors_only(serving):
    api = serving()
    keys = {scope: new_key(api.gateway.store, api.gateway.clock, scope, [scope]) for scope in SCOPES}
    api.gateway.access._keys.refresh()
    calls = {
        "lookup": ("GET", "/m/index/status"),
        "raw": ("GET", "/m/raw_lookup?signal_type=pdq&signal="),
        "curate": ("GET", "/c/banks"),
    }
    for needed, (method, path) in calls.items():
        assert api.request(method, path).status_code == 401
        for scope, key in keys.items():
            answer = api.request(method, path, headers={"Authorization": f"Bearer {key}"})
            good = scope in (needed, "admin")
            assert answer.status_code == (200 if good else 403), (needed, scope)
        assert api.request(method, f"/k/{keys[needed]}/{path}").status_code == 200
    assert api.get("/status").status_code == 200


def test_nothing_is_answered_that_could_not_be_logged(api):
    api.gateway.audit.log.broken = "The log of calls cannot be written (no space), so nothing is answered."
    answer = api.get("/m/lookup", params={"signal": "0" * 64, "signal_type": "pdq"})
    assert answer.status_code == 503
    assert "log of calls" in answer.json()["message"]


def test_the_openapi_document_describes_the_calls(api):
    paths = api.get("/openapi.json").json()["paths"]
    assert {"/h/hash", "/m/lookup", "/m/lookup/batch", "/c/bank/{name}/content"} <= set(paths)
    asked = {one["name"] for one in paths["/m/lookup"]["get"]["parameters"]}
    assert {"signal", "signal_type", "url", "banks", "seed", "bypass_coinflip", "dihedral"} <= asked
