"""The worker's calls to the hub: what is sent, and what each refusal becomes."""

import json

import httpx
import pytest

from tocsin.placement.config import PlacementError
from tocsin.reporting.desk import DeskError, HubDesk, SupersededError


def desk(answer: httpx.Response | Exception, seen: list[httpx.Request] | None = None) -> HubDesk:
    def handle(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return HubDesk("https://hub.example", "trw-secret", transport=httpx.MockTransport(handle))


def test_calls_carry_the_token_and_go_where_they_should() -> None:
    seen: list[httpx.Request] = []
    made = desk(httpx.Response(200, json={"reports": [{"report": "r"}, "odd"], "state": "filed"}), seen)
    assert made.queue("a" * 32, "sandbox") == [{"report": "r"}]
    made.take("r/../x", "a" * 32, "sandbox")
    assert made.tell("r", {"state": "filed"}) == "filed"
    made.evidence("r", "d" * 64)
    assert seen[0].url.path == "/api/v1/reporting/queue"
    assert seen[1].url.raw_path == b"/api/v1/reporting/reports/r%2F..%2Fx/take"
    assert json.loads(seen[2].content) == {"state": "filed"}
    assert all(request.headers["authorization"] == "Bearer trw-secret" for request in seen)
    made.close()


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (httpx.ConnectError("no"), DeskError, "cannot be reached"),
        (httpx.Response(503, json={"sentence": "Busy."}), DeskError, "Busy"),
        (httpx.Response(409, json={"sentence": "Not now."}), SupersededError, "Not now"),
        (httpx.Response(500, text="<html>"), DeskError, "500"),
    ],
)
def test_refusals_are_sentences(answer, error, words) -> None:
    with pytest.raises(error, match=words):
        desk(answer).take("r", "a" * 32, "sandbox")


def test_without_tls_only_a_hub_at_home_is_spoken_to() -> None:
    with pytest.raises(PlacementError, match="https"):
        HubDesk("http://hub.example", "t")
