"""Lookups on two Ray nodes of this machine, lists in a store on loopback: both answer, changes show, one may die."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import psutil
import pytest

from tocsin.demo.stage import free_port
from tocsin.gateway.cluster.serving import ClusterError, Replica, ray_running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

MEMORY = 80 << 20


def ask(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read()), answer.headers.get("x-tocsin-node", "")


@pytest.fixture
def nodes(s3, monkeypatch, tmp_path):
    """A Ray cluster of two nodes on loopback; gives it, and ends every process of it."""
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_gcs_server_request_timeout_seconds", "20")
    monkeypatch.setenv("RAY_health_check_period_ms", "500")
    monkeypatch.setenv("RAY_health_check_failure_threshold", "3")
    monkeypatch.setenv("TOCSIN_CLUSTER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    from ray.cluster_utils import Cluster

    if psutil.virtual_memory().available < 4 << 30:
        pytest.skip("two Ray nodes need 4 GiB of free memory")
    rays_own = tempfile.mkdtemp(prefix="ray-")  # paths of sockets in it must be short
    cluster = Cluster(shutdown_at_exit=False)
    try:
        try:
            more = {"include_dashboard": False, "temp_dir": rays_own, "object_store_memory": MEMORY, "num_cpus": 2}
            cluster.add_node(node_ip_address="127.0.0.2", **more)
            second = cluster.add_node(node_ip_address="127.0.0.3", **more)
        except Exception as error:
            pytest.skip(f"Ray cannot start here: {error}")
        yield cluster, second
    finally:
        ours = psutil.Process().children(recursive=True)
        cluster.shutdown()
        _, left = psutil.wait_procs(ours, 5)
        for one in left:
            one.kill()
        psutil.wait_procs(left, 10)
        shutil.rmtree(rays_own, ignore_errors=True)


@pytest.fixture
def gateway(nodes, tmp_path, make_list):
    """The core on that cluster; gives its address, once it answers."""
    cluster, _ = nodes
    make_list(tmp_path / "known", "0f" * 32)
    port = free_port()
    command = [sys.executable, "-m", "tocsin", "gateway", "--data", str(tmp_path / "gateway"), "--port", str(port)]
    command += ["--cluster", cluster.address, "--bucket", "s3://bucket/gateway", "--list", str(tmp_path / "known")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, line
        yield found[0], process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(60) == 0
        finally:
            process.kill()


def _shut(url):
    """Tell whether a call without a key is not let in."""
    try:
        ask(url)
    except urllib.error.HTTPError as error:
        return error.code == 401
    return False


def test_both_nodes_answer_changes_show_and_one_may_die(nodes, gateway, until, tmp_path):
    cluster, second = nodes
    url, _ = gateway
    known = f"{url}/m/lookup?signal_type=pdq&signal={'0f' * 32}"

    def answered(address):
        """Return who answered what, however often it takes for both to have been asked."""
        seen = {}
        for _ in range(60):
            told, node = ask(address)
            seen.setdefault(node, []).append("KNOWN_1" in told or "BANK_A" in told)
        return seen

    first = answered(known)
    assert len(first) == 2, "both nodes answer"
    assert all(all(found) for found in first.values())

    assert ask(f"{url}/c/banks", {"name": "BANK_A"})[0]["name"] == "BANK_A"
    began = time.monotonic()
    ask(f"{url}/c/bank/BANK_A/signal", {"pdq": "f0" * 32})
    added = f"{url}/m/lookup?signal_type=pdq&signal={'f0' * 32}"
    streak = {}

    def seen_by_both():
        told, node = ask(added)
        streak[node] = streak.get(node, 0) + 1 if "BANK_A" in told else 0
        return len(streak) == 2 and all(count >= 3 for count in streak.values())

    until(seen_by_both)
    print(f"a change showed on both nodes after {time.monotonic() - began:.2f} s")
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(f"{url}/internal/registry")
    assert caught.value.code == 404

    command = [sys.executable, "-m", "tocsin", "gateway", "key", "new", "coop", "--scope", "lookup", "--data"]
    made = subprocess.run([*command, str(tmp_path / "gateway")], stdout=subprocess.PIPE, text=True, check=True)
    key = made.stdout.split()[0]
    until(lambda: _shut(known))
    with_key = f"{url}/k/{key}/m/lookup?signal_type=pdq&signal={'0f' * 32}"

    def known_to_both():
        """Tell whether 20 calls with the key were answered in a row, by both nodes."""
        try:
            told, node = ask(with_key)
        except urllib.error.HTTPError as error:
            refusals.add(error.code)
            opened.clear()
            return False
        opened.append(node if "KNOWN_1" in told else "")
        return len(opened) >= 20 and len(set(opened)) == 2 and all(opened)

    opened, refusals = [], set()
    until(known_to_both)
    assert refusals <= {401}, "a node that does not know the key yet says so, and nothing else"
    known, added = with_key, f"{url}/k/{key}/m/lookup?signal_type=pdq&signal={'f0' * 32}"

    cluster.remove_node(second, allow_graceful=False)
    failed = []
    good = []

    def goes_on():
        try:
            told, _ = ask(known)
            good.append("KNOWN_1" in told)
        except (urllib.error.HTTPError, urllib.error.URLError, OSError) as error:
            failed.append(str(error))
            good.clear()
        return len(good) >= 50

    until(goes_on)
    assert all(good)
    print(f"{len(failed)} calls failed when a node was lost")
    assert "BANK_A" in ask(added)[0]


def test_a_replica_whose_lists_may_be_old_says_so_and_goes_on_answering():
    from types import SimpleNamespace

    from starlette.responses import PlainTextResponse
    from starlette.testclient import TestClient

    node = SimpleNamespace(name="node-1", stale=False)
    client = TestClient(Replica(PlainTextResponse("I-AM-ALIVE"), node))
    answer = client.get("/status")
    assert (answer.status_code, answer.text, answer.headers["x-tocsin-node"]) == (200, "I-AM-ALIVE", "node-1")
    node.stale = True
    assert (client.get("/status").status_code, client.get("/status").text) == (503, "INDEX-STALE")
    assert client.get("/m/lookup").status_code == 200


@pytest.mark.parametrize(
    ("address", "said"), [("127.0.0.1:1", "Nobody answers"), ("nowhere", "HOST:PORT"), ("127.0.0.1:99999", "Nobody")]
)
def test_a_cluster_that_is_not_there_is_a_sentence(address, said):
    pytest.importorskip("ray")
    with pytest.raises(ClusterError, match=said), ray_running(address):
        raise AssertionError
