"""A node beside a core, without Ray: what the core has, the node has, and never half of it."""

import pytest
from starlette.testclient import TestClient

from tocsin.gateway.app import create_app
from tocsin.gateway.cluster import core, node
from tocsin.gateway.cluster.node import Node, Told
from tocsin.gateway.cluster.publishing import Publishing
from tocsin.gateway.gateway import Gateway
from tocsin.gateway.settings import Settings
from tocsin.gateway.worker import create_worker_app

KEY = {"X-Tocsin-Cluster": "the key"}
SIGNAL = "/m/lookup?signal_type=pdq&signal="


class There:
    """A core, its store, and nodes of it."""

    def __init__(self, settings, make_list, tmp_path, s3):
        make_list(tmp_path / "known", "0f" * 32)
        self.gateway = Gateway.open(settings.__class__(data=tmp_path / "core", lists=(tmp_path / "known",)))
        self.publishing = Publishing("s3://bucket/gateway", self._folders)
        app = create_app(self.gateway, more=(core.router,))
        app.state.lists = lambda: {
            key: {"url": self.publishing.url_of(key), "tag": tag} for key, tag in self.publishing.tags.items()
        }
        app.state.problem = lambda: self.publishing.problem
        self.client = TestClient(core.Guarded(app, "the key"), "http://localhost", headers=KEY)
        self.told = Told(core="http://core", key="the key")
        self.nodes = []

    def _folders(self):
        return {
            f"{'banks' if one.own else 'lists'}/{one.folder.name if one.own else one.name}": one.folder
            for one in self.gateway.catalogue.terms
        }

    def node(self, name="one"):
        made = Node(self.told, name, TestClient(self.client.app, "http://localhost", headers=KEY))
        self.nodes.append(made)
        return made


@pytest.fixture
def there(settings, make_list, tmp_path, s3, monkeypatch):
    monkeypatch.setenv(node.CACHE, str(tmp_path / "cache"))
    made = There(settings, make_list, tmp_path, s3)
    with made.client:
        yield made
        for one in made.nodes:
            one.close()
        made.publishing.close()


def test_a_node_answers_as_the_core_does_and_follows_it(there, until):
    there.client.post("/c/banks", json={"name": "BANK_A"}).raise_for_status()
    there.client.post("/c/bank/BANK_A/signal", json={"pdq": "f0" * 32}).raise_for_status()
    there.publishing.start()
    one = there.node()
    one.start()
    gateway = Gateway.open(Settings(data=one.data, lists=one.lists), name=one.name)
    app = create_worker_app(gateway)
    gateway.other_observer = None  # what matched is shown to nobody here
    with TestClient(app, "http://localhost") as api:
        for code, bank in (("0f" * 32, "KNOWN_1"), ("f0" * 32, "BANK_A")):
            assert set(api.get(SIGNAL + code).json()) == {bank}
            assert set(there.client.get(SIGNAL + code).json()) == {bank}
        there.client.post("/c/bank/BANK_A/signal", json={"pdq": "cc" * 32}).raise_for_status()
        until(lambda: "BANK_A" in api.get(SIGNAL + "cc" * 32).json())
        there.client.put("/c/bank/BANK_A", json={"enabled_ratio": 0}).raise_for_status()
        until(lambda: api.get(SIGNAL + "cc" * 32).json() == {})
        there.client.delete("/c/bank/BANK_A").raise_for_status()
        until(lambda: one.look() and not list((one.data / "banks").glob("BANK_A*")))


def test_nodes_processes_on_one_machine_share_the_copies(there):
    there.publishing.start()
    first, second = there.node("one"), there.node("one")
    assert first.look()
    assert second.look()
    assert first.lists[0].resolve() == second.lists[0].resolve()
    assert first.data != second.data


def test_a_node_is_not_ready_before_its_lists_are_whole_and_says_why(there, s3):
    there.publishing.start()
    one = there.node()
    s3.broken.append("GET")
    assert not one.look()
    assert "does not answer" in one.problem
    assert one.stale
    s3.broken.clear()
    assert one.look()
    assert not one.stale


def test_while_the_core_cannot_publish_nodes_answer_and_know_that_they_may_be_behind(there):
    there.publishing.start()
    one = there.node()
    assert one.look()
    there.client.app._app.state.problem = lambda: "The store does not answer."
    assert one.look()
    assert one.problem == "The store does not answer."
    before = one.followed
    one.look()
    assert one.followed == before


def test_a_core_that_names_what_cannot_be_is_not_followed(there, tmp_path):
    there.client.app._app.state.lists = lambda: {"banks/../../x": {"url": "s3://bucket/x", "tag": "t"}}
    one = there.node()
    assert not one.look()
    assert "cannot be" in one.problem
