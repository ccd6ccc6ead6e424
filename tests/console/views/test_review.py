"""The review queue: by severity, one after the other, with breaks and, where asked for, a second person."""

from datetime import timedelta

from tocsin.hub import configuration
from tocsin.hub.sessions import current
from tocsin.hub.store.reports import View


def set_review(site, **value) -> None:
    jo = current(site.hub, site.seeded.cookies["jo"])
    with site.hub.store.session() as session:
        given = {"minutes": 45, "items": 60, "break_minutes": 15} | value
        configuration.write(session, jo, "review", given, site.clock.now())


def test_the_queue_is_the_unit_s_and_by_severity(site, words_of) -> None:
    page = site.get("ines", "/review").text
    top, picture = site.seeded.alerts["top"], site.seeded.alerts["picture"]
    assert page.index(top) < page.index(picture)
    assert "Device silent" not in page
    for who in ("ada", "jo"):
        assert site.get(who, "/review").status_code == 403
    assert site.get("tom", f"/review/{top}").status_code == 404
    assert "Nothing waits" in words_of(site.get("tom", "/review"))


def test_a_verdict_leads_to_the_next(site, words_of) -> None:
    top, picture = site.seeded.alerts["top"], site.seeded.alerts["picture"]
    answer = site.post("ines", f"/review/{top}/close", {"verdict": "true-concern", "note": "Looked at it."})
    assert answer.headers["location"] == f"/review/{picture}?said=closed"
    assert "This is the next one" in words_of(site.get("ines", answer.headers["location"]))
    answer = site.post("ines", f"/review/{picture}/close", {"verdict": "no such", "note": "x"})
    assert answer.status_code == 422


def test_the_reason_is_given_without_leaving_the_queue(site, words_of) -> None:
    picture = site.seeded.alerts["picture"]
    answer = site.post("ines", f"/review/{picture}/consult", {"reason": "Triage of this alert"})
    assert answer.headers["location"] == f"/review/{picture}"
    page = site.get("ines", f"/review/{picture}")
    assert "Triage of this alert" in words_of(page)
    assert f'data-alert="{picture}" data-items' in page.text
    assert site.post("ines", f"/review/{picture}/consult", {"reason": "x"}).status_code == 422


def test_taking_it_keeps_it_in_one_s_own_queue(site) -> None:
    picture = site.seeded.alerts["picture"]
    assert site.post("ines", f"/review/{picture}/acknowledge").status_code == 303
    assert picture in site.get("ines", "/review").text
    assert picture not in site.get("marek", "/review").text


def look(site, who, alert) -> None:
    """Let somebody have looked at an alert's item."""
    with site.hub.store.session() as session:
        session.add(
            View(person_id=site.seeded.people[who].id, alert_id=alert, evidence="a" * 64, item=0, how="words",
                 at=site.clock.now(), reason="A second look")
        )  # fmt: skip


def test_a_second_person_confirms_or_disputes(site, words_of) -> None:
    assert "To confirm" not in site.get("ruth", "/review").text
    set_review(site, two_person=True)
    closed = site.seeded.alerts["closed-1"]
    assert closed in site.get("ruth", "/review?show=confirm").text
    assert closed not in site.get("marek", "/review?show=confirm").text
    page = words_of(site.get("ruth", f"/review/{closed}"))
    assert "Having looked, do you agree?" in page
    given = {"agrees": "yes", "reason": "I looked at it and agree"}
    assert site.post("marek", f"/review/{closed}/confirm", given).status_code == 409
    refused = site.post("ruth", f"/review/{closed}/confirm", given)
    assert refused.status_code == 409
    assert "To agree you have to have looked" in words_of(refused)
    assert "I looked at it and agree" in refused.text, "what was typed is still there"
    look(site, "ruth", closed)
    assert site.post("ruth", f"/review/{closed}/confirm", given).status_code == 303
    assert closed not in site.get("ruth", "/review?show=confirm").text
    other = site.seeded.alerts["closed-3"]
    site.post("ruth", f"/review/{other}/confirm", {"agrees": "no", "reason": "This is something else"})
    assert "Open it again" not in words_of(site.get("ruth", f"/alerts/{other}"))


def test_after_enough_the_queue_asks_for_a_break(site, words_of) -> None:
    set_review(site, items=2)
    with site.hub.store.session() as session:
        for item in (1, 2):
            session.add(
                View(
                    person_id=site.seeded.people["ines"].id,
                    alert_id=site.seeded.alerts["picture"],
                    evidence="a" * 64,
                    item=item,
                    how="grey",
                    at=site.clock.now() - timedelta(minutes=item),
                    reason="Triage",
                )
            )
    page = words_of(site.get("ines", f"/review/{site.seeded.alerts['picture']}"))
    assert "Time for a break" in page
    assert "Verdict" not in page
    assert "Time for a break" not in words_of(site.get("marek", "/review"))
    site.clock.forward(15 * 60)
    assert "Time for a break" not in words_of(site.get("ines", "/review"))


def ring_support(site) -> str:
    """Let an alert about somebody who may be pressed to pay arrive."""
    return site.seeded.ring(
        site.hub,
        "laptop D-2",
        site.clock.now(),
        category="support-indicator",
        detector="payments",
        signals=["payer-pressed"],
        thread="0011223344556677",
        severity=4,
    )


def test_somebody_who_may_need_support_waits_in_a_queue_of_their_own(site, words_of) -> None:
    assert "Somebody may need support" not in site.get("ines", "/review").text
    support = ring_support(site)
    page = site.get("ines", "/review")
    assert support not in page.text
    assert "Somebody may need support 1" in words_of(page)
    apart = site.get("ines", "/review?show=support").text
    assert support in apart
    assert site.seeded.alerts["picture"] not in apart
    shown = site.get("ines", f"/review/{support}")
    assert support in shown.text
    assert site.seeded.alerts["picture"] not in shown.text


def test_a_verdict_about_support_leads_back_to_that_queue_and_to_no_report(site, words_of) -> None:
    jo = current(site.hub, site.seeded.cookies["jo"])
    with site.hub.store.session() as session:
        configuration.write(session, jo, "reporting", {"email": "r@p.example", "platform": "P"}, site.clock.now())
    support = ring_support(site)
    assert site.post("ines", f"/review/{support}/acknowledge").status_code == 303
    refused = site.get("ines", f"/reports/new?alert={support}")
    assert refused.status_code == 409
    assert "somebody who may need support, not a suspect" in words_of(refused)
    form = {"alert": support, "incident_type": "Child Sex Tourism", "incident_at": "2026-11-22T16:58"}
    assert site.post("ines", "/reports/new", form).status_code == 409
    assert "Report…" not in words_of(site.get("ines", f"/alerts/{support}"))
    verdict = {"verdict": "true-concern", "note": "Asked the team that helps to write to them."}
    answer = site.post("ines", f"/review/{support}/close", verdict)
    assert answer.headers["location"].startswith("/review?show=support")
    assert "Report…" not in words_of(site.get("ines", f"/alerts/{support}"))


def test_every_look_stands_beside_the_item(site, words_of) -> None:
    picture = site.seeded.alerts["picture"]
    with site.hub.store.session() as session:
        session.add(
            View(person_id=site.seeded.people["marek"].id, alert_id=picture, evidence="a" * 64, item=1, how="grey",
                 at=site.clock.now(), reason="Triage")
        )  # fmt: skip
    assert "Marek Lind: looked at it in grey (item 1)" in words_of(site.get("ines", f"/review/{picture}"))


def ring_contents(site, *entries) -> str:
    """Let one alert arrive that gathers a content for each of these entries of a list."""
    known = site.seeded_module
    for entry in entries:
        matched = [known.LISTED | {"entry": entry}]
        made = site.seeded.ring(site.hub, "laptop D-2", site.clock.now(), **known.KNOWN | {"matches": matched})
    return made


def test_of_several_contents_each_is_decided_and_the_item_s_verdict_follows(site, words_of) -> None:
    alert = ring_contents(site, "harbour-1", "harbour-2")
    path = f"/review/{alert}"
    page = words_of(site.get("ines", path))
    assert "2 contents" in page
    assert "0 of 2 decided" in page
    assert site.post("ines", f"{path}/contents/1", {"verdict": "benign"}).headers["location"] == path
    site.clock.forward(1)
    assert "benign, Ines Okafor" in words_of(site.get("ines", path))
    assert "1 benign" in words_of(site.get("ines", f"/alerts/{alert}"))
    assert site.post("ines", f"{path}/contents/2", {"verdict": "true-concern"}).status_code == 303
    page = words_of(site.get("ines", path))
    assert "Closed as true, a concern" in page
    assert "Go on to the next" in page
    assert "Content 2: true, a concern." in words_of(site.get("ines", f"/alerts/{alert}"))
    assert site.post("ines", f"{path}/undo").status_code == 303
    page = words_of(site.get("ines", path))
    assert "1 of 2 decided" in page
    assert "Took back the verdict on content 2." in words_of(site.get("ines", f"/alerts/{alert}"))


def test_what_cannot_be_decided_is_said_where_the_contents_are(site) -> None:
    alert = ring_contents(site, "harbour-1", "harbour-2")
    for number in (1, 2):
        site.post("marek", f"/review/{alert}/contents/{number}", {"verdict": "benign"})
    answer = site.post("ines", f"/review/{alert}/contents/1", {"verdict": "benign"})
    assert answer.status_code == 409
    assert "is closed; reopen it first" in answer.text[answer.text.index('id="contents"') :]
    assert site.post("tom", f"/review/{alert}/contents/1", {"verdict": "benign"}).status_code == 404
    assert site.post("ines", f"/review/{alert}/contents/1", {"verdict": "benign"}, csrf=False).status_code == 403


def test_a_break_that_comes_between_two_contents_takes_the_whole_page(site) -> None:
    alert = ring_contents(site, "harbour-1", "harbour-2")
    set_review(site, items=1)
    with site.hub.store.session() as session:
        session.add(
            View(person_id=site.seeded.people["ines"].id, alert_id=alert, evidence="a" * 64, item=1, how="grey",
                 at=site.clock.now(), reason="Triage")
        )  # fmt: skip
    assert site.get("ines", f"/review/{alert}", headers={"HX-Target": "contents"}).headers["hx-refresh"] == "true"
    assert "hx-refresh" not in site.get("ines", f"/review/{alert}", headers={"HX-Target": "main"}).headers


def test_a_second_person_confirms_content_by_content(site, words_of) -> None:
    set_review(site, two_person=True)
    alert = ring_contents(site, "harbour-1", "harbour-2", "harbour-3")
    path = f"/review/{alert}"
    for number, verdict in ((1, "true-concern"), (2, "benign"), (3, "true-concern")):
        site.post("ines", f"{path}/contents/{number}", {"verdict": verdict})
        site.clock.forward(1)
    page = words_of(site.get("ines", path))
    assert "it waits for a second person" in page
    assert "I agree" not in page
    assert site.post("ines", f"{path}/contents/1/confirm", {"agrees": "yes"}).status_code == 409
    assert alert in site.get("ruth", "/review?show=confirm").text
    page = words_of(site.get("ruth", path))
    assert "2 of 3 wait for your word" in page
    assert page.count("I agree") == 2
    look(site, "ruth", alert)
    assert site.post("ruth", f"{path}/contents/1/confirm", {"agrees": "yes"}).headers["location"] == path
    page = words_of(site.get("ruth", path))
    assert "1 of 3 waits for your word" in page
    assert "confirmed by Ruth Adeyemi" in page
    site.clock.forward(1)
    site.post("ruth", f"{path}/contents/3/confirm", {"agrees": "no"})
    page = words_of(site.get("ruth", path))
    assert "2 of 3 decided" in page
    site.post("ruth", f"{path}/contents/3", {"verdict": "benign"})
    page = words_of(site.get("ruth", path))
    assert "Closed as true, a concern, and confirmed" in page
    assert "Go on to the next" in page
    assert alert not in site.get("marek", "/review?show=confirm").text
    assert "Confirmed content 1: true, a concern." in words_of(site.get("ines", f"/alerts/{alert}"))


def test_why_each_looked_stands_beside_the_item_for_the_second_person(site, words_of) -> None:
    set_review(site, two_person=True)
    closed = site.seeded.alerts["closed-1"]
    look(site, "marek", closed)
    page = words_of(site.get("ruth", f"/review/{closed}"))
    assert "Marek Lind: read the words (the words). A second look" in page
    assert "once you have opened the item" in page
