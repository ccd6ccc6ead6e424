"""A refusal becomes its status with a code and a sentence."""

from fastapi import FastAPI
from fastapi.testclient import TestClient

from tocsin.hub import refusals


def test_a_refusal_is_answered_with_code_and_sentence():
    app = FastAPI()
    refusals.install(app)

    @app.get("/x")
    def x() -> None:
        raise refusals.not_found("alert")

    answer = TestClient(app).get("/x")
    assert answer.status_code == 404
    assert answer.json() == {
        "error": "not-found",
        "sentence": "There is no such alert, or it is not your unit's.",
    }
