"""The pages of reports: drafted from a confirmed alert, read against a reason, decided by a person."""

import re

import pytest

from tocsin.hub import configuration
from tocsin.hub.reports import filing, workers
from tocsin.hub.sessions import current
from tocsin.hub.store.reports import Report

FORM = {
    "incident_type": "Child Pornography (possession, manufacture, and distribution)",
    "incident_at": "2026-11-22T16:58",
    "identifier": "user-17",
    "send-0": "yes",
    "items-0": "all",
}


@pytest.fixture
def ready(site):
    """The site, with somebody who reports."""
    jo = current(site.hub, site.seeded.cookies["jo"])
    with site.hub.store.session() as session:
        configuration.write(session, jo, "reporting", {"email": "r@p.example", "platform": "P"}, site.clock.now())
    return site


def draft(site, **changes) -> str:
    answer = site.post("ines", "/reports/new", {"alert": site.seeded.alerts["vpn"], **FORM, **changes})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("?")[0]


def test_the_menu_has_them_only_where_somebody_reports(site, words_of) -> None:
    assert "/reports" not in site.get("ines", "/alerts").text
    jo = current(site.hub, site.seeded.cookies["jo"])
    with site.hub.store.session() as session:
        configuration.write(session, jo, "reporting", {"email": "r@p.example"}, site.clock.now())
    assert 'href="/reports"' in site.get("ines", "/alerts").text
    assert "No report is open" in words_of(site.get("ines", "/reports"))


def test_pages_are_for_the_unit_s_people(ready) -> None:
    path = draft(ready)
    for who in ("ada", "jo"):
        assert ready.get(who, "/reports").status_code == 403
    assert ready.get("tom", path).status_code == 404
    assert ready.get("tom", f"/reports/new?alert={ready.seeded.alerts['vpn']}").status_code == 404


def test_a_draft_is_read_against_a_reason_changed_and_approved(ready, words_of) -> None:
    path = draft(ready)
    page = words_of(ready.get("ines", path))
    assert "user-17" not in page
    assert "Give the reason and read" in page
    assert ready.get("ines", f"{path}/edit").status_code == 303
    ready.post("ines", f"{path}/consult", {"reason": "Review of this report"})
    assert "user-17" in words_of(ready.get("ines", path))
    assert 'value="user-17"' in ready.get("ines", f"{path}/edit").text
    assert ready.post("ines", f"{path}/edit", FORM | {"identifier": "user-18"}).status_code == 303
    assert "user-18" in words_of(ready.get("ines", path))
    ready.post("ines", f"{path}/ready")
    page = words_of(ready.get("ines", path))
    assert "waits for the worker" in page
    assert "sandbox: a test" in page
    assert "R-1" in words_of(ready.get("ines", "/reports"))


def test_a_form_with_a_mistake_comes_back_filled_in(ready, words_of) -> None:
    alert = ready.seeded.alerts["vpn"]
    answer = ready.post("ines", "/reports/new", {"alert": alert, **FORM, "incident_at": "yesterday", "prior": "12"})
    assert answer.status_code == 422
    assert "Give the time" in words_of(answer)
    assert 'value="user-17"' in answer.text
    assert re.search(r'name="send-0" value="yes" checked', answer.text)
    draft(ready)
    answer = ready.post("ines", "/reports/new", {"alert": alert, **FORM})
    assert answer.status_code == 409
    assert "R-1 is about this user" in words_of(answer)


def test_a_held_report_asks_a_person_and_takes_the_decision(ready, words_of) -> None:
    path = draft(ready)
    ready.post("ines", f"{path}/ready")
    jo = current(ready.hub, ready.seeded.cookies["jo"])
    now = ready.clock.now()
    with ready.hub.store.session() as session:
        worker, _ = workers.add(session, jo, ready.seeded.people["ines"].unit_id, "w", now)
        row = session.get(Report, path.rsplit("/", 1)[1])
        filing.take(session, ready.hub, worker, row, "a" * 32, "sandbox", now)
        told = {"state": "held", "reason": "ambiguous-submit", "sentence": "No answer.", "hint_id": 4711}
        filing.tell(session, worker, row, "a" * 32, 1, told, now)
    page = words_of(ready.get("ines", path))
    assert "may or may not have been opened there" in page
    assert "4711" in page
    assert "a person must decide" in words_of(ready.get("ines", "/reports"))
    answer = ready.post(
        "ines", f"{path}/decide", {"decision": "filed", "reason": "They confirmed it", "remote_id": "x"}
    )
    assert answer.status_code == 422
    given = {"decision": "filed", "reason": "They confirmed it by mail", "remote_id": "4711"}
    assert ready.post("ines", f"{path}/decide", given).status_code == 303
    page = words_of(ready.get("ines", path))
    assert "as number 4711" in page
    assert "Decided that it was filed: They confirmed it by mail" in page


def test_only_a_supervisor_ends_preservation_and_only_after_the_year(ready, words_of) -> None:
    path = draft(ready)
    assert ready.post("ines", f"{path}/erase", {"reason": "The year is over"}).status_code == 403
    answer = ready.post("ruth", f"{path}/erase", {"reason": "The year is over"})
    assert answer.status_code == 409
    assert "preserves nothing" in words_of(answer)


def test_what_is_typed_stays_text(ready) -> None:
    path = draft(ready, identifier="<b>u</b>", additional="<script>x</script>")
    ready.post("ines", f"{path}/consult", {"reason": "Review of this report"})
    page = ready.get("ines", path).text
    assert "<b>u</b>" not in page
    assert "&lt;b&gt;u&lt;/b&gt;" in page
    assert "<script>x" not in page


PEOPLE = {
    "victim": ["a", "b"],
    "victim-a-first_name": "Ann",
    "victim-a-school": "Harbour School",
    "victim-b-age": "9",
    "recipient": ["c"],
    "recipient-c-identifier": "user-44",
}


def test_several_victims_and_recipients_are_said_shown_and_changed(ready, words_of) -> None:
    path = draft(ready, **PEOPLE)
    ready.post("ines", f"{path}/consult", {"reason": "Review of this report"})
    page = words_of(ready.get("ines", path))
    for said in ("Harbour School", "Victim 1", "Victim 2", "user-44"):
        assert said in page
    form = ready.get("ines", f"{path}/edit").text
    assert 'value="Harbour School"' in form
    assert form.count('name="victim" value=') == 2
    kept = {"victim": ["0"], "victim-0-was": "0", "victim-0-first_name": "Ann", "victim-0-age": "12"}
    assert ready.post("ines", f"{path}/edit", FORM | kept).status_code == 303
    page = words_of(ready.get("ines", path))
    assert "user-44" not in page
    assert "Victim 2" not in page
    assert "12" in page


def test_people_typed_in_a_form_with_a_mistake_come_back(ready, words_of) -> None:
    alert = ready.seeded.alerts["vpn"]
    given = {"alert": alert, **FORM, **PEOPLE, "victim-b-age": "nine", "first_name": "Lou", "vehicle": "a van"}
    answer = ready.post("ines", "/reports/new", given)
    assert answer.status_code == 422
    assert "Victim 2: give the age" in words_of(answer)
    for typed in ("Ann", "Harbour School", "nine", "user-44", "Lou", "a van", "user-17"):
        assert f'value="{typed}"' in answer.text
    answer = ready.post("ines", "/reports/new", {"alert": alert, **FORM, **PEOPLE, "country": "Narnia"})
    assert "two capital letters" in words_of(answer)
    assert 'value="Ann"' in answer.text


def test_rows_come_and_go_without_scripts_too(ready) -> None:
    alert = ready.seeded.alerts["vpn"]
    more = ready.post("ines", "/reports/new", {"alert": alert, **FORM, **PEOPLE, "add": "victim"})
    assert more.status_code == 200
    assert more.text.count('name="victim" value=') == 3
    less = ready.post("ines", "/reports/new", {"alert": alert, **FORM, **PEOPLE, "remove": "victim-a"})
    assert less.text.count('name="victim" value=') == 1
    assert "Harbour School" not in less.text
    assert 'value="user-44"' in less.text
    path = draft(ready)
    ready.post("ines", f"{path}/consult", {"reason": "Review of this report"})
    more = ready.post("ines", f"{path}/edit", {**FORM, "identifier": "typed since", "add": "recipient"})
    assert more.text.count('name="recipient" value=') == 1
    assert 'value="typed since"' in more.text


def test_an_empty_row_is_fetched_for_one_more(ready) -> None:
    one, other = (ready.get("ines", "/reports/new/person?add=victim").text for _ in range(2))
    assert one != other
    assert "School" in one
    assert "autofocus" in one
    assert "School" not in ready.get("ines", "/reports/new/person?add=recipient").text
    assert ready.get("ines", "/reports/new/person?add=stranger").status_code == 422
    assert ready.get("ada", "/reports/new/person?add=victim").status_code == 403


def test_what_was_typed_into_a_refused_decision_is_still_there(ready, words_of) -> None:
    path = draft(ready)
    report_id = path.rpartition("/")[2]
    with ready.hub.store.session() as session:
        row = session.get_one(Report, report_id)
        row.state, row.held_for = "held", "ambiguous-submit"
    given = {"decision": "filed", "reason": "Asked them by telephone", "remote_id": ""}
    answer = ready.post("ines", f"{path}/decide", given)
    assert answer.status_code == 422
    assert re.search(r'value="filed" required checked', answer.text)
    assert 'value="Asked them by telephone"' in answer.text
    answer = ready.post("ines", f"{path}/decide", given | {"remote_id": "17x"})
    assert 'value="17x"' in answer.text


def test_a_report_approved_for_production_says_that_production_is_off(ready, words_of) -> None:
    path = draft(ready)
    ready.post("ines", f"{path}/ready")
    assert "Production is off" not in words_of(ready.get("ines", path))
    with ready.hub.store.session() as session:
        session.get_one(Report, path.rpartition("/")[2]).environment = "production"
    assert "Production is off at this hub" in words_of(ready.get("ines", path))
    refused = ready.post("ines", f"{path}/discard", {"reason": "aaaaaaaaaaaa"})
    assert refused.status_code == 422
    assert re.search(r'class="deed" name="deed" open', refused.text)
    assert 'value="aaaaaaaaaaaa"' in refused.text


def test_a_report_that_a_worker_is_filing_can_be_stopped(ready, words_of) -> None:
    path = draft(ready)
    ready.post("ines", f"{path}/ready")
    jo, ines = (current(ready.hub, ready.seeded.cookies[name]) for name in ("jo", "ines"))
    with ready.hub.store.session() as session:
        report = session.get_one(Report, path.rpartition("/")[2])
        worker, _ = workers.add(session, jo, ines.unit_id, "w", ready.clock.now())
        filing.take(session, ready.hub, worker, report, "a" * 32, "sandbox", ready.clock.now())
        told = {"state": "opened", "remote_id": 4711}
        filing.tell(session, worker, report, "a" * 32, 1, told, ready.clock.now())
    assert "Stop it…" in words_of(ready.get("ines", path))
    answer = ready.post("ines", f"{path}/discard", {"reason": "It was the wrong account"})
    page = words_of(ready.get("ines", answer.headers["location"]))
    assert "being stopped" in page
    assert "retracts what is open there, number 4711" in page
    assert "To be stopped: It was the wrong account" in page
    assert "Stop it…" not in page
    assert "being stopped" in words_of(ready.get("ines", "/reports"))
    with ready.hub.store.session() as session:
        report = session.get_one(Report, path.rpartition("/")[2])
        filing.tell(session, worker, report, "a" * 32, 1, {"state": "again"}, ready.clock.now())
    assert "It was not sent" in words_of(ready.get("ines", path))
