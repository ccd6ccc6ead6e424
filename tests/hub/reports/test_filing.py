"""A worker's view: one permission at a time, tied to its journal, and every telling harmless to repeat."""

from datetime import timedelta

import pytest

from tocsin.hub import views
from tocsin.hub.refusals import Refused
from tocsin.hub.reports import deciding, drafting, filing

OTHER = "b" * 32


def test_the_way_of_a_report(desk) -> None:
    report = desk.approved()
    assert desk.queue() == [report]
    job = desk.take(report)
    assert (job["attempt"], job["do"], job["undo"]) == (1, "file", None)
    assert job["facts"]["reporter"]["person"]["emails"][0]["address"] == "reports@platform.example"
    assert job["facts"]["platform"] == "Example"
    assert desk.tell(report, 1, "opened", remote_id=4711) == "opened"
    assert desk.tell(report, 1, "opened", remote_id=4711) == "opened"
    sent = [{"evidence": desk.digest, "item": 1, "file_id": "f", "md5": "0" * 32}]
    assert desk.tell(report, 1, "filed", remote_id=4711, files=sent) == "filed"
    assert desk.tell(report, 1, "filed", remote_id=4711, files=sent) == "filed"
    row = desk.read(report)
    assert (row.remote_id, row.sent) == (4711, sent)
    assert row.preserve_until == desk.now.replace(year=desk.now.year + 1)
    assert desk.queue() == []


def test_the_permission_is_given_once_and_again_only_to_the_same_journal(desk) -> None:
    report = desk.approved()
    assert desk.take(report)["attempt"] == 1
    assert desk.take(report)["attempt"] == 1
    with pytest.raises(Refused, match="not for filing"):
        desk.take(report, journal=OTHER)
    assert desk.queue(journal=OTHER) == []
    assert desk.queue() == [report]
    desk.tell(report, 1, "opened", remote_id=1)
    with pytest.raises(Refused, match="not for filing"):
        desk.take(report)


def test_what_a_lost_worker_had_taken_waits_for_a_person(desk, clock) -> None:
    report = desk.approved()
    desk.take(report)
    clock.forward(3600)
    desk.queue()
    clock.forward(2 * 3600 - 1)
    with desk.hub.store.session() as session:
        assert filing.hold_lost(session, desk.now) == 0
    clock.forward(2)
    with desk.hub.store.session() as session:
        assert filing.hold_lost(session, desk.now) == 1
    assert (desk.read(report).state, desk.read(report).held_for) == ("held", "worker-gone")
    assert desk.tell(report, 1, "filed", remote_id=7) == "filed"


def test_an_ambiguous_submit_is_held_until_a_person_decides(desk) -> None:
    report = desk.approved()
    desk.take(report)
    desk.tell(report, 1, "held", reason="ambiguous-submit", sentence="No answer came.", hint_id=9)
    assert desk.queue() == []
    assert (desk.read(report).held_for, desk.read(report).hint_id) == ("ambiguous-submit", 9)
    desk.act(report, lambda s, r: deciding.decide(s, desk.who, r, "again", "Asked them: none came", desk.now, 9))
    job = desk.take(report, journal=OTHER)
    assert (job["attempt"], job["undo"]) == (2, 9)
    with pytest.raises(Refused, match="does not count"):
        desk.tell(report, 1, "opened", remote_id=5)


def test_a_late_success_of_an_earlier_attempt_stops_the_later_one(desk) -> None:
    report = desk.approved()
    desk.take(report)
    desk.tell(report, 1, "held", reason="ambiguous-submit")
    desk.act(report, lambda s, r: deciding.decide(s, desk.who, r, "again", "Asked them: none came", desk.now))
    desk.take(report, journal=OTHER)
    assert desk.tell(report, 1, "filed", remote_id=5) == "held"
    assert desk.read(report).held_for == "filed-elsewhere"
    with pytest.raises(Refused, match="not for filing"):
        desk.take(report, journal=OTHER)


def test_success_before_the_next_attempt_began_is_simply_believed(desk) -> None:
    report = desk.approved()
    desk.take(report)
    desk.tell(report, 1, "held", reason="ambiguous-submit")
    desk.act(report, lambda s, r: deciding.decide(s, desk.who, r, "again", "Asked them: none came", desk.now))
    assert desk.tell(report, 1, "filed", remote_id=5) == "filed"


def test_again_waits_and_gives_up_after_a_month(desk, clock) -> None:
    report = desk.approved()
    desk.take(report)
    later = desk.now + timedelta(hours=1)
    assert desk.tell(report, 1, "again", sentence="HTTP 503", not_before=later) == "approved"
    assert desk.queue() == []
    clock.forward(3600)
    assert desk.queue() == [report]
    clock.forward(31 * 86400)
    desk.take(report)
    assert desk.tell(report, 2, "again") == "held"
    assert desk.read(report).held_for == "no-answer"


def test_a_report_not_yet_retracted_stays_to_be_retracted_first(desk) -> None:
    report = desk.approved()
    desk.take(report)
    desk.tell(report, 1, "held", reason="ambiguous-submit")
    desk.act(report, lambda s, r: deciding.decide(s, desk.who, r, "again", "It is open there", desk.now, 9))
    assert desk.take(report)["undo"] == 9
    desk.tell(report, 2, "again", undo_id=9)
    assert desk.take(report)["undo"] == 9
    desk.tell(report, 3, "again")
    assert desk.take(report)["undo"] is None


def test_withdrawing_goes_through_the_worker(desk) -> None:
    report = desk.approved()
    desk.take(report)
    desk.tell(report, 1, "opened", remote_id=7)
    desk.tell(report, 1, "held", reason="refused", sentence="Code 4100", remote_id=7)
    desk.act(report, lambda s, r: deciding.decide(s, desk.who, r, "withdraw", "Not to be sent after all", desk.now))
    job = desk.take(report)
    assert (job["do"], job["undo"]) == ("withdraw", 7)
    assert "facts" not in job
    assert desk.tell(report, 1, "withdrawn") == "withdrawn"


def test_production_needs_the_hub_s_switch_too(desk) -> None:
    report = desk.approved()
    with pytest.raises(Refused, match="Production is off"):
        desk.queue(environment="production")
    desk.set("reporting_production", on=True)
    assert desk.queue(environment="production") == []
    with pytest.raises(Refused, match="approved for the sandbox"):
        desk.take(report, environment="production")
    real = desk.approved(reported=[{"identifier": "user-18"}])
    assert desk.queue(environment="production") == [real]
    desk.set("reporting_production", on=False)
    with pytest.raises(Refused, match="Production is off"):
        desk.take(real, environment="production")


def test_views_and_matches_go_along_as_they_are(desk) -> None:
    desk.consult()
    with desk.hub.store.session() as session:
        views.record(session, desk.who, desk.alert_id, desk.digest, 1, "grey", desk.now)
    job = desk.take(desk.approved())
    assert [(each["item"], each["how"]) for each in job["views"]] == [(1, "grey")]
    assert job["notes"] == {desk.digest: []}


def test_evidence_leaves_for_the_one_that_files_and_is_logged(desk) -> None:
    report = desk.approved()
    with pytest.raises(Refused, match="no such evidence"):
        desk.act(report, lambda s, r: filing.disclose(s, desk.worker, r, desk.digest, desk.now))
    desk.take(report)
    desk.act(report, lambda s, r: filing.disclose(s, desk.worker, r, desk.digest, desk.now))
    with pytest.raises(Refused, match="no such evidence"):
        desk.act(report, lambda s, r: filing.disclose(s, desk.worker, r, "0" * 64, desk.now))


def stop(desk, report) -> None:
    desk.act(report, lambda s, r: drafting.discard(s, desk.who, r, "It was the wrong account", desk.now))


def test_what_a_worker_has_is_stopped_once_the_worker_says_that_nothing_is_left(desk) -> None:
    report = desk.approved()
    desk.take(report)
    desk.tell(report, 1, "opened", remote_id=4711)
    stop(desk, report)
    assert (desk.read(report).state, desk.queue()) == ("stopping", [report])
    assert desk.queue(journal=OTHER) == []
    with pytest.raises(Refused, match="not for filing"):
        desk.take(report, journal=OTHER)
    job = desk.take(report)
    assert (job["attempt"], job["do"]) == (1, "stop")
    assert "facts" not in job
    assert desk.tell(report, 1, "opened", remote_id=4711) == "stopping"
    assert desk.tell(report, 1, "again", sentence="It was retracted.") == "withdrawn"
    assert (desk.queue(), desk.read(report).remote_id) == ([], None)
    with pytest.raises(Refused, match="decide on it instead"):
        stop(desk, report)


def test_a_stop_that_came_too_late_ends_as_filed(desk) -> None:
    report = desk.approved()
    desk.take(report)
    stop(desk, report)
    assert desk.tell(report, 1, "opened", remote_id=4711) == "stopping"
    assert desk.tell(report, 1, "filed", remote_id=4711) == "filed"
    assert desk.read(report).preserve_until is not None


def test_a_stop_before_it_was_opened_leaves_what_was_never_sent(desk) -> None:
    report = desk.approved()
    desk.take(report)
    stop(desk, report)
    assert desk.tell(report, 1, "again") == "discarded"


def test_a_stopped_report_of_a_lost_worker_waits_for_a_person(desk, clock) -> None:
    report = desk.approved()
    desk.take(report)
    stop(desk, report)
    clock.forward(2 * 3600 + 1)
    with desk.hub.store.session() as session:
        assert filing.hold_lost(session, desk.now) == 1
    assert desk.read(report).held_for == "worker-gone"
