"""Schemathesis over the API as its own OpenAPI says it: nothing it can think of is a fault of ours."""

import socket
import threading

import httpx
import pytest
import uvicorn

schemathesis = pytest.importorskip("schemathesis")

from documented import faults  # noqa: E402

from tocsin.gateway.app import create_app  # noqa: E402
from tocsin.gateway.gateway import Gateway  # noqa: E402
from tocsin.gateway.settings import Settings  # noqa: E402


@pytest.fixture(scope="module")
def url(tmp_path_factory, make_list):
    """A gateway on loopback with a list, a bank and nothing to fetch from; gives its address."""
    folder = tmp_path_factory.mktemp("schema")
    make_list(folder / "known", "0f" * 32)
    app = create_app(Gateway.open(Settings(data=folder / "gateway", lists=(folder / "known",), decoders=1)))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=2))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            httpx.post(f"{address}/c/banks", json={"name": "BANK_A"}, timeout=20).raise_for_status()
            yield address
        finally:
            server.should_exit = True
            thread.join(30)


def test_every_call_is_answered_as_documented_and_without_a_fault_of_ours(url):
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    operations = [made.ok() for made in schema.get_all_operations()]
    assert faults(operations, 8, lambda case, checks: case.call_and_validate(checks=checks)) == []
