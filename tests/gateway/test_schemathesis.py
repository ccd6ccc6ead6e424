"""Schemathesis over the API as its own OpenAPI says it: nothing it can think of is a fault of ours."""

import socket
import threading

import httpx
import pytest
import uvicorn

schemathesis = pytest.importorskip("schemathesis")

from hypothesis import HealthCheck, Phase, given, settings  # noqa: E402

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


def faults(schema, examples):
    """Ask every operation of a schema some times; return what was a fault of ours or not as documented."""
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

    found = []
    for made in schema.get_all_operations():
        operation = made.ok()

        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case):
            checks = [not_a_server_error, status_code_conformance, response_schema_conformance]
            case.call_and_validate(checks=checks, excluded_checks=[])

        try:
            ask()
        except (Exception, BaseExceptionGroup) as error:
            found.append(f"{operation.label}: {_said(error)}")
    return found


def _said(error):
    if isinstance(error, BaseExceptionGroup):
        return " & ".join(_said(one) for one in error.exceptions)
    return f"{type(error).__name__} {' '.join(str(error).split())[:400]}"


def test_every_call_is_answered_as_documented_and_without_a_fault_of_ours(url):
    assert faults(schemathesis.openapi.from_url(f"{url}/openapi.json"), 8) == []
