import pytest

from tocsin.agent.health import HealthMeter, heartbeat_body
from tocsin.model import HealthState, Kind, Line, NotScanned, Observation, StateSeen, TextSeen


@pytest.fixture
def meter(clock):
    return HealthMeter(clock)


def seen(clock, body, kind=Kind.TEXT):
    return Observation(id="o", kind=kind, at=clock.now(), sensor="screen", body=body)


TEXT = TextSeen((Line("x"),))


def pass_time(meter, clock, seconds):
    for _ in range(int(seconds)):
        clock.move(1)
        meter.tick()


def test_it_is_ok_only_with_fresh_evidence(meter, clock):
    meter.saw(seen(clock, TEXT))
    assert meter.beat().state is HealthState.OK
    pass_time(meter, clock, 31)
    beat = meter.beat()
    assert beat.state is HealthState.BLIND
    assert beat.active
    assert beat.last_evidence is not None


def test_a_look_that_found_nothing_new_is_evidence_and_a_failed_one_is_not(meter, clock):
    pass_time(meter, clock, 31)
    meter.saw(seen(clock, NotScanned("unreadable")))
    assert meter.beat().state is HealthState.BLIND
    meter.looked()
    assert meter.beat().state is HealthState.OK


def test_other_sensors_do_not_make_up_for_the_screen(meter, clock):
    pass_time(meter, clock, 31)
    meter.saw(seen(clock, StateSeen("focus"), Kind.STATE))
    assert meter.beat().state is HealthState.BLIND


def test_nobody_there_is_idle_not_blind(meter, clock):
    meter.saw(seen(clock, StateSeen("idle"), Kind.STATE))
    pass_time(meter, clock, 300)
    beat = meter.beat()
    assert beat.state is HealthState.IDLE
    assert beat.coverage == 1.0
    meter.saw(seen(clock, StateSeen("active"), Kind.STATE))
    assert meter.beat().state is HealthState.BLIND


def test_before_the_first_evidence_it_is_not_ok(meter):
    assert meter.beat().state is HealthState.DEGRADED


def test_coverage_is_the_share_of_active_time_observed(meter, clock):
    meter.saw(seen(clock, TEXT))
    pass_time(meter, clock, 60)
    beat = meter.beat()
    assert beat.coverage == pytest.approx(0.5)
    pass_time(meter, clock, 10)
    assert meter.beat().coverage == 0.0


def test_one_blind_second_does_not_blind_the_judgement(meter, clock):
    pass_time(meter, clock, 2)
    meter.saw(seen(clock, TEXT))
    assert meter.recent_coverage > 0.9
    pass_time(meter, clock, 400)
    assert meter.recent_coverage < 0.5


@pytest.mark.parametrize(("change", "state"), [("unsupported", "unsupported"), ("stopped", "stopped")])
def test_what_is_not_watched_says_so(meter, clock, change, state):
    setattr(meter, change, True)
    meter.saw(seen(clock, TEXT))
    assert heartbeat_body(meter.beat())["state"] == state


def test_degradations_and_counts_are_told_once(meter, clock):
    meter.degradations = ("pictures-off",)
    meter.saw(seen(clock, TEXT))
    body = heartbeat_body(meter.beat())
    assert body["state"] == "degraded"
    assert body["counts"] == {"text": 1}
    assert heartbeat_body(meter.beat())["counts"] == {}
    for n in range(100):
        meter.count(f"kind-{n}")
    assert len(meter.beat().counts) <= 41
