"""Every way of a report: filed once, held for a person, or taken anew after it was undone; never sent twice."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sandbox import FAULTS, STEPS, Crash

from tocsin.hub.reports import filing
from tocsin.reporting.journal import Step

ENDS = ("filed", "withdrawn", "discarded")


def once(step: str, fault: str):
    """Return a plan that fails the first call of ``step`` that way."""
    left = [fault]
    return lambda called: left.pop() if called == step and left else ""


def run(world, rounds: int = 12, wait_s: float = 400.0) -> None:
    """Let the worker go round, starting it again whenever it dies, until nothing moves by itself."""
    for _ in range(rounds):
        try:
            world.round()
        except Crash:
            world.start_worker()
        world.clock.sleep(wait_s)


def test_a_report_is_filed_with_its_files(world) -> None:
    report = world.approved(pictures=3)
    run(world, 1)
    row = world.read(report)
    assert (row.state, row.remote_id, len(row.sent)) == ("filed", 4001, 3)
    held = world.sandbox.reports[4001]
    assert held.state == "finished"
    assert b"<email>reports@p.example</email>" in held.xml
    assert world.sandbox.calls == {"submit": 1, "upload": 3, "fileinfo": 3, "finish": 1}
    assert world.journal.rows()[0].step is Step.FILED


def test_only_what_a_person_viewed_is_said_to_be_viewed(world) -> None:
    world.approved(pictures=3, viewed=(2,))
    run(world, 1)
    said = [b"<fileViewedByEsp>true" in each for each in world.sandbox.reports[4001].details.values()]
    assert said == [False, True, False]
    for each in world.sandbox.reports[4001].details.values():
        assert b"exifViewedByEsp" not in each
        assert b"industryClassification" not in each


@pytest.mark.parametrize("step", STEPS[:4])
@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_at_each_step_ends_in_one_report_or_before_a_person(world, step: str, fault: str) -> None:
    report = world.approved()
    world.sandbox.plan = once(step, fault)
    run(world)
    row = world.read(report)
    ambiguous = step == "submit" and fault not in ("refused", "503", "1000", "500-code")
    assert row.state == ("held" if ambiguous else "filed"), (row.held_for, row.sentence)
    if ambiguous:
        assert row.held_for == "ambiguous-submit"
        assert world.sandbox.calls["submit"] == 1
        world.decide(report, "again", row.hint_id)
        world.clock.sleep(3700)
        run(world)
    assert world.read(report).state == "filed"
    assert world.sandbox.filed() == {world.users[report]: 1}
    assert world.sandbox.wrongs == []


@pytest.mark.parametrize("step", STEPS[:4])
@pytest.mark.parametrize("code", ["4100", "3000", "9999"])
def test_a_refusal_for_good_is_held_and_leaves_nothing_open(world, step: str, code: str) -> None:
    report = world.approved()
    world.sandbox.plan = once(step, code)
    run(world)
    row = world.read(report)
    assert (row.state, row.held_for) == ("held", "refused")
    assert code in row.sentence
    assert all(each.state in ("retracted", "expired") for each in world.sandbox.reports.values())


def test_a_service_that_is_down_is_tried_for_hours_and_nothing_is_lost(world) -> None:
    report = world.approved()
    world.sandbox.plan = lambda step: "503"
    run(world, 10, 3600)
    assert world.read(report).state == "approved"
    assert "503" in world.read(report).sentence
    world.sandbox.plan = lambda step: ""
    run(world, 3, 4 * 3600)
    assert world.read(report).state == "filed"


def test_an_open_report_that_expired_meanwhile_is_filed_anew(world) -> None:
    report = world.approved()
    world.sandbox.plan = once("upload", "crash-after")
    with pytest.raises(Crash):
        world.round()
    world.clock.sleep(2 * 3600 - 60)
    world.start_worker()
    run(world)
    assert world.sandbox.reports[4001].state == "expired"
    assert world.read(report).state == "filed"
    assert world.sandbox.wrongs == []


def test_a_worker_that_lost_its_journal_asks_a_person(world) -> None:
    report = world.approved()
    world.sandbox.plan = once("submit", "crash-after")
    with pytest.raises(Crash):
        world.round()
    world.lose_journal()
    run(world, 30)
    assert (world.read(report).state, world.read(report).held_for) == ("held", "worker-gone")
    assert world.sandbox.calls["submit"] == 1


@pytest.mark.parametrize("call", ["take", "evidence", "tell-opened", "tell-filed", "tell-again", "tell-held", "queue"])
def test_a_hub_out_of_reach_delays_and_doubles_nothing(world, call: str) -> None:
    report = world.approved()
    left = [call] * 3
    world.desk.reachable = lambda name: not (name == call and left and left.pop())
    world.sandbox.plan = once("upload", "lost-after") if call == "tell-again" else lambda step: ""
    if call == "tell-held":
        world.sandbox.plan = once("submit", "4100")
    run(world)
    assert world.read(report).state == ("held" if call == "tell-held" else "filed")
    assert sum(world.sandbox.filed().values()) == (0 if call == "tell-held" else 1)
    assert world.sandbox.wrongs == []


def test_a_person_can_withdraw_what_is_open_there(world) -> None:
    report = world.approved()
    plans = ["", "", "4100", "4100"]
    world.sandbox.plan = lambda step: plans.pop(0) if plans else ""
    run(world)
    row = world.read(report)
    assert (row.state, row.remote_id) == ("held", 4001)
    world.decide(report, "withdraw")
    run(world)
    assert world.read(report).state == "withdrawn"
    assert world.sandbox.filed() == {}


def stopping(world, report: str, at: str, fault: str = ""):
    """Return a plan in which a person stops the report while the first call of a step is on its way."""
    left = [fault]

    def plan(step: str) -> str:
        if step != at or not left:
            return ""
        world.stop(report)
        return left.pop()

    return plan


@pytest.mark.parametrize(("step", "state"), [(one, "withdrawn") for one in STEPS[:3]] + [("finish", "filed")])
def test_a_stop_between_steps_retracts_what_is_open_unless_the_last_has_left(world, step: str, state: str) -> None:
    report, other = world.approved(pictures=2), world.approved()
    world.sandbox.plan = stopping(world, report, step)
    run(world)
    assert (world.read(report).state, world.read(report).remote_id) == (state, 4001 if state == "filed" else None)
    assert world.sandbox.reports[4001].state == ("finished" if state == "filed" else "retracted")
    assert world.read(other).state == "filed"
    assert world.sandbox.filed()[world.users[report]] == (1 if state == "filed" else 0)
    assert world.sandbox.wrongs == []


def test_a_stop_before_anything_was_sent_sends_nothing(world) -> None:
    report = world.approved()

    def reachable(call: str) -> bool:
        if call == "evidence":
            world.stop(report)
        return True

    world.desk.reachable = reachable
    run(world)
    assert (world.read(report).state, world.sandbox.calls["submit"]) == ("discarded", 0)


@pytest.mark.parametrize("fault", ["503", "1000", "crash-before", "crash-after", "lost-after", "502"])
@pytest.mark.parametrize("step", STEPS[:4])
def test_a_stop_beside_a_fault_never_files_twice_and_never_sends_again(world, step: str, fault: str) -> None:
    report = world.approved()
    world.sandbox.plan = stopping(world, report, step, fault)
    run(world)
    row = world.read(report)
    ambiguous = step == "submit" and fault not in ("503", "1000")
    filed = step == "finish" and fault in ("crash-after", "lost-after", "502")
    stopped = "discarded" if step == "submit" else "withdrawn"
    assert row.state == ("held" if ambiguous else "filed" if filed else stopped), (row.held_for, row.sentence)
    assert world.sandbox.calls["submit"] == 1
    assert sum(world.sandbox.filed().values()) == filed
    assert not filed or row.remote_id == 4001
    assert world.sandbox.wrongs == []


def test_a_stop_of_what_was_to_be_retracted_first_still_retracts_it(world) -> None:
    report = world.approved()
    world.sandbox.plan = once("submit", "lost-after")
    run(world, 1)
    world.decide(report, "again", 4001)
    world.sandbox.plan = stopping(world, report, "retract", "503")
    run(world)
    assert world.read(report).state in ("withdrawn", "discarded")
    assert (world.sandbox.reports[4001].state, world.sandbox.calls["submit"]) == ("retracted", 1)


def test_a_stop_that_a_silent_hub_could_not_pass_on_ends_as_filed_and_says_so(world) -> None:
    report = world.approved()
    world.sandbox.plan = stopping(world, report, "submit")
    world.desk.reachable = lambda call: call != "tell-opened"
    run(world)
    assert (world.read(report).state, world.read(report).remote_id) == ("filed", 4001)


def test_a_stop_of_what_a_lost_worker_has_waits_for_a_person(world) -> None:
    report = world.approved()
    world.sandbox.plan = stopping(world, report, "upload", "crash-after")
    with pytest.raises(Crash):
        world.round()
    world.lose_journal()
    run(world, 30)
    assert (world.read(report).state, world.read(report).held_for) == ("held", "worker-gone")
    world.decide(report, "withdraw")
    run(world, 2)
    assert world.read(report).state == "withdrawn"
    assert world.sandbox.filed() == {}


def test_an_attempt_that_the_hub_replaced_is_retracted_before_its_last_step(world) -> None:
    """A worker that was asleep for hours wakes between two steps: a person has decided by then."""
    report = world.approved()

    def plan(step: str) -> str:
        if step == "fileinfo" and world.read(report).state == "opened":
            world.clock.sleep(3 * 3600)
            with world.hub.store.session() as session:
                filing.hold_lost(session, world.clock.now())
            world.sandbox.reports[4001].changed = world.clock.now()
        return ""

    world.sandbox.plan = plan
    world.round()
    assert world.sandbox.reports[4001].state == "retracted"
    assert (world.read(report).state, world.read(report).held_for) == ("held", "worker-gone")
    assert world.sandbox.filed() == {}


def test_a_hub_restored_from_a_copy_learns_what_was_filed(world) -> None:
    report = world.approved()
    run(world, 1)
    with world.hub.store.session() as session:
        row = session.get(type(world.read(report)), report)
        row.state, row.remote_id, row.filed_at = "filing", None, None
    run(world, 2)
    assert (world.read(report).state, world.read(report).remote_id) == ("filed", 4001)
    assert world.sandbox.calls["submit"] == 1


def test_evidence_that_does_not_open_is_held_and_nothing_leaves(world) -> None:
    from tocsin.evidence import sealing

    report = world.approved()
    world.filing.identities = [sealing.new_identity()[0]]
    run(world, 1)
    assert (world.read(report).state, world.read(report).held_for) == ("held", "evidence")
    assert world.sandbox.calls["submit"] == 0


def test_sentences_for_people_hold_no_data_of_the_report(world) -> None:
    report = world.approved(additional="someone@example.org")
    world.sandbox.plan = once("submit", "4100")
    run(world, 1)
    assert not re.search("someone|user-1", world.read(report).sentence)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_order_of_failures_and_crashes_never_sends_twice(world, data: st.DataObject) -> None:
    """Two reports; each call fails as drawn, the hub is out of reach as drawn, the journal may be lost."""
    faults = data.draw(st.lists(st.sampled_from(("", "", "", *FAULTS, "4100")), max_size=30), "faults")
    silent = data.draw(st.lists(st.sampled_from((True, True, False)), max_size=20), "hub")
    lost = data.draw(st.sampled_from((None, None, 3, 7)), "journal lost in round")
    jumps = data.draw(st.lists(st.sampled_from((60.0, 400.0, 4000.0, 90_000.0)), min_size=1, max_size=8), "waits")
    stops = data.draw(st.lists(st.sampled_from((False, False, False, True)), max_size=12), "stopped while it is sent")
    world.desk.reachable = lambda name: silent.pop(0) if silent else True
    reports = [world.approved(), world.approved(pictures=2)]
    stopped: set[str] = set()

    def plan(step: str) -> str:
        for each in reports if stops and stops.pop(0) else ():
            if world.read(each).state in ("filing", "opened"):
                world.stop(each)
                stopped.add(each)
        return faults.pop(0) if faults else ""

    world.sandbox.plan = plan
    for number in range(120):
        try:
            world.round()
        except Crash:
            world.start_worker()
        if number == lost:
            world.lose_journal()
        world.clock.sleep(jumps[number % len(jumps)] if number < 60 else 4000.0)  # the lost worker's lease ends
        for each in reports:
            row = world.read(each)
            if row.state == "held" and number % 5 == 4:
                world.clock.sleep(3700)
                known = [h for h in world.sandbox.reports.values() if h.user == world.users[each]]
                finished = next((h.id for h in known if h.state == "finished"), None)
                world.decide(each, "filed" if finished else "again", finished)
        if all(world.read(each).state in ENDS for each in reports) and not faults:
            break
    assert world.sandbox.wrongs == []
    for each in reports:
        state = world.read(each).state
        assert state == "filed" or (each in stopped and state in ENDS)
        assert world.sandbox.filed()[world.users[each]] == (state == "filed")
