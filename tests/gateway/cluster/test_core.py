import pytest
from starlette.testclient import TestClient

from tocsin.gateway.app import create_app
from tocsin.gateway.cluster import core
from tocsin.gateway.gateway import Gateway


@pytest.fixture
def client(settings):
    app = create_app(Gateway.open(settings), more=(core.router,))
    app.state.lists = lambda: {"banks/A-1": {"url": "s3://bucket/banks/A-1", "tag": "t"}}
    app.state.problem = str
    with TestClient(core.Guarded(app, "the key"), "http://localhost") as client:
        yield client


KEY = {"X-Tocsin-Cluster": "the key"}


@pytest.mark.parametrize("path", ["/status", "/internal/registry", "/c/banks"])
@pytest.mark.parametrize("headers", [{}, {"X-Tocsin-Cluster": "another"}])
def test_without_the_clusters_key_there_is_nothing(client, path, headers):
    answer = client.get(path, headers=headers)
    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found."})


def test_a_node_learns_what_there_is_once(client):
    told = client.get("/internal/registry", headers=KEY).json()
    assert told["lists"] == {"banks/A-1": {"url": "s3://bucket/banks/A-1", "tag": "t"}}
    assert told["store"]["banks"] == []
    assert client.get("/internal/registry", params={"known": told["digest"]}, headers=KEY).status_code == 304
    client.post("/c/banks", json={"name": "BANK_A"}, headers=KEY).raise_for_status()
    again = client.get("/internal/registry", params={"known": told["digest"]}, headers=KEY)
    assert [one["name"] for one in again.json()["store"]["banks"]] == ["BANK_A"]
