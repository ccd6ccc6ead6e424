"""Every code and every half answer leads to the one thing that may be done next."""

import pytest

from tocsin.exchange.cybertip.answers import Outcome, outcome_of, read


def response(code: int, more: str = "") -> bytes:
    said = "<responseDescription>said</responseDescription>"
    return f"<reportResponse><responseCode>{code}</responseCode>{said}{more}</reportResponse>".encode()


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(0, "done"), (1000, "again"), (1100, "again"), (1111, "again")]
    + [(code, "person") for code in (2000, 3000, 3100, 4000, 4100, 4110, 4200, 5001, 5002, 5101, 5102, 9999)],
)
def test_codes_mean_what_the_documentation_says(code: int, outcome: str) -> None:
    assert outcome_of(code) == outcome
    assert read(200, response(code)).outcome == outcome
    assert str(code) in read(200, response(code)).sentence


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (500, "unknown"),
        (503, "again"),
        (429, "again"),
        (502, "unknown"),
        (504, "unknown"),
        (520, "unknown"),
        (404, "person"),
        (200, "unknown"),
        (302, "unknown"),
    ],
)
def test_an_answer_without_a_code_goes_by_its_status(status: int, outcome: str) -> None:
    assert read(status, b"<html>no</html>").outcome == outcome


@pytest.mark.parametrize("status", [200, 500, 502, 503])
def test_a_code_counts_for_more_than_the_status_it_comes_with(status: int) -> None:
    assert read(status, response(1000)).outcome is Outcome.AGAIN
    assert read(status, response(4100)).outcome is Outcome.PERSON


def test_an_error_that_was_cut_off_before_its_code_is_unknown() -> None:
    assert read(500, response(1000)[:40]).outcome is Outcome.UNKNOWN


def test_ids_and_hash_are_read() -> None:
    answer = read(200, response(0, "<reportId>4711</reportId><fileId>f1</fileId><hash>ABC</hash>"), "r-1")
    assert (answer.report_id, answer.file_id, answer.md5, answer.request_id) == (4711, "f1", "abc", "r-1")
    files = b"<reportId>7</reportId><files><fileId>a</fileId><fileId>b</fileId></files>"
    done = b"<reportDoneResponse><responseCode>0</responseCode>" + files + b"</reportDoneResponse>"
    assert read(200, done).file_ids == ("a", "b")


def test_half_an_answer_is_unknown_and_keeps_the_hint() -> None:
    half = response(0, "<reportId>4711</reportId><fileId>f1</fi")[:-20]
    answer = read(200, half)
    assert (answer.outcome, answer.report_id) == (Outcome.UNKNOWN, 4711)
    assert read(200, half[:60]).report_id is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<a/>",
        b"\x00" * 99,
        b"<reportResponse/>",
        response(0)[:-1],
        response(0).replace(b">0<", b">x<"),
        b"<!DOCTYPE r [<!ENTITY a '0'>]>" + response(0).replace(b">0<", b">&a;<"),
        b"x" * 400_000,
    ],
)
def test_nothing_else_looks_like_success(body: bytes) -> None:
    assert read(200, body).outcome is Outcome.UNKNOWN


def test_what_the_service_says_is_one_bounded_line() -> None:
    said = read(200, response(1000).replace(b"said", b"a\nb\t" * 500)).sentence
    assert len(said) <= 500
    assert "\n" not in said
