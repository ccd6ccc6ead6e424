from datetime import UTC, datetime, timedelta

from tocsin.console import strip
from tocsin.hub.timeline import Stretch

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def stretch(kind, begin, end, **more):
    return Stretch(kind=kind, begins=AT + timedelta(minutes=begin), ends=AT + timedelta(minutes=end), **more)


def drawn(*rows, now=360):
    return strip.draw(rows, AT, AT + timedelta(hours=6), AT + timedelta(minutes=now))


def test_coverage_is_drawn_as_wide_as_it_lasted_and_as_high_as_it_saw():
    (band,) = drawn(stretch("quiet", 0, 180, coverage=0.5)).bands
    assert (band.kind, band.x, band.w, band.h) == ("seen", 0, 500, strip.HEIGHT / 2)


def test_a_gap_shows_even_when_it_was_short():
    (band,) = drawn(stretch("silent", 60, 60.5)).bands
    assert band.kind == "gap"
    assert band.w >= 3


def test_the_open_alerts_finding_stands_on_top_of_the_others():
    made = drawn(
        stretch("finding", 30, 30, severity=5, signals=("secrecy",), here=True), stretch("finding", 31, 31, severity=2)
    )
    assert [tick.this for tick in made.ticks] == [False, True]
    assert made.ticks[1].h > made.ticks[0].h


def test_quiet_says_no_finding_only_when_there_was_none():
    made = drawn(
        stretch("quiet", 0, 60, coverage=0.98),
        stretch("quiet", 90, 200, coverage=0.98),
        stretch("finding", 100, 100, severity=3, signals=("vpn",)),
    )
    assert [line.text for line in made.lines][:2] == [
        "No finding. 98 % of active time observed.",
        "98 % of active time observed.",
    ]


def test_an_empty_journal_is_not_observed():
    assert "not observed" in drawn().summary


def test_summary_counts_findings_and_silence():
    made = drawn(stretch("quiet", 0, 120, coverage=1.0), stretch("silent", 120, 140), stretch("finding", 10, 10))
    assert made.summary == "1 finding; in use for 2 h, 100 % of it observed; silent for 20 min."


def test_entries_read_as_sentences():
    line = strip.line_of("gap", AT, {"reason": "disk-full", "counts": {"finding": 2}})
    assert line.text == "Records that could not be kept were counted: disk full; 2 finding."
    assert strip.line_of("degraded", AT, {"step": "pictures-off"}).text.endswith("pictures are not looked at.")
    assert strip.line_of("notice", AT, {"state": "declined"}).text == "The notice was declined."


def test_an_agent_that_runs_as_root_is_said_plainly() -> None:
    line = strip.line_of("warning", AT, {"what": "runs-as-root", "count": 1})
    assert line.text == "The agent runs as the computer's administrator."


def test_a_gateway_works_and_is_not_used():
    rows = [stretch("quiet", 0, 120, coverage=1.0)]
    found = strip.draw(rows, AT, AT + timedelta(hours=6), AT + timedelta(hours=2), platform=True)
    assert found.summary == "0 findings; the gateway worked for 2 h; no silence."
    assert [line.text for line in found.lines] == ["The gateway worked."]
    assert [band.kind for band in found.bands] == ["seen"]
