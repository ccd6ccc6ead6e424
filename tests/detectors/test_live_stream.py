"""The live-stream detector: nothing is done on one frame; what stays on air rises on the ladder, rung by rung."""

from dataclasses import replace
from datetime import timedelta

from tocsin.detectors import making
from tocsin.detectors.ladder import HOLD, NOTE, RING, Ladder
from tocsin.detectors.live_stream import LiveStream, rung_of
from tocsin.model import Finding, Fingerprints, Frame, Kind, Label, Match, MediaSeen, Observation, Print, Speaker

LISTED = Match(list="Agency", entry="41", by="pdq", distance=6, severity=5)
LABEL = Label(classifier="own", name="x", category="live-stream-concern", severity=4, score=0.9, precision=0.8)


def shown(number: int, *matches: Match, label: Label | None = None, thread: str = "s1") -> Observation:
    frame = Frame(2.0 * number, "0f" * 32, 90, number)
    prints = Fingerprints(media="picture", prints=(Print("0f" * 32, 90),), frames=(frame,))
    body = MediaSeen(prints=prints, matches=matches, place="stream", labels=(label,) if label else ())
    seen = making.observation(None)
    at = seen.at + timedelta(seconds=2 * number)
    return replace(seen, kind=Kind.FRAME, body=body, sensor="stream", thread=thread, at=at)


def seen_by(detector: LiveStream, *frames: Observation) -> list[Finding]:
    return [finding for frame in frames for finding in detector.examine(frame)]


def test_one_frame_is_noted_and_nobody_is_called() -> None:
    (found,) = seen_by(LiveStream(), shown(1, LISTED), *(shown(n) for n in range(2, 30)))
    assert rung_of(found) == NOTE
    assert found.confidence <= 0.5
    assert "may be chance" in found.why


def test_the_second_frame_rings_and_the_fourth_asks_to_hold() -> None:
    found = seen_by(LiveStream(), *(shown(n, LISTED) for n in range(1, 12)))
    assert [rung_of(one) for one in found] == [NOTE, RING, HOLD]
    assert [one.refines for one in found] == [False, True, True]
    assert found[2].severity == 5
    assert found[2].matches[0].entry == "41"
    assert "in 4 of the last 10 frames" in found[2].why


def test_two_frames_far_apart_do_not_ring() -> None:
    found = seen_by(LiveStream(), shown(1, LISTED), *(shown(n) for n in range(2, 8)), shown(8, LISTED))
    assert [rung_of(one) for one in found] == [NOTE]


def test_frames_that_were_not_told_of_still_count_as_looked_at() -> None:
    """Only frames that matched reach the detector; their numbers say how many were looked at between them."""
    found = seen_by(LiveStream(), shown(1, LISTED), shown(40, LISTED), shown(80, LISTED))
    assert {rung_of(one) for one in found} == {NOTE}


def test_two_entries_do_not_add_up() -> None:
    other = replace(LISTED, entry="42")
    found = seen_by(LiveStream(), shown(1, LISTED), shown(2, other))
    assert {rung_of(one) for one in found} == {NOTE}


def test_streams_do_not_add_up() -> None:
    found = seen_by(LiveStream(), shown(1, LISTED), shown(1, LISTED, thread="s2"))
    assert [rung_of(one) for one in found] == [NOTE, NOTE]


def test_low_severity_is_never_held() -> None:
    mild = replace(LISTED, severity=3)
    found = seen_by(LiveStream(), *(shown(n, mild) for n in range(1, 20)))
    assert max(rung_of(one) for one in found) == RING


def test_the_same_is_not_told_again_and_again() -> None:
    found = seen_by(LiveStream(), *(shown(n, LISTED) for n in range(1, 200)))
    assert len(found) == 3


def test_what_stays_on_air_is_told_again_after_a_while() -> None:
    found = seen_by(LiveStream(), *(shown(n, LISTED) for n in range(1, 400)))
    assert [rung_of(one) for one in found] == [NOTE, RING, HOLD, HOLD]


def test_a_classifier_alone_rings_late_and_never_holds() -> None:
    found = seen_by(LiveStream(), *(shown(n, label=LABEL) for n in range(1, 30)))
    assert [rung_of(one) for one in found] == [NOTE, RING]
    assert "80%" in found[1].why


def test_signs_in_the_chat_lift_a_single_frame() -> None:
    viewer, host = Speaker.OTHER, Speaker.SUBJECT
    chat = making.said("s1", (viewer, "im 13"), (host, "are your parents home right now?"), (host, "keep it secret"))
    detector = LiveStream()
    said = seen_by(detector, *(replace(one, sensor="stream-chat") for one in chat))
    assert said
    assert said[-1].quotes
    found = seen_by(detector, shown(1, LISTED))
    assert [rung_of(one) for one in found] == [RING]
    assert "signs in the chat" in found[0].why


def test_text_from_elsewhere_is_another_detectors() -> None:
    chat = making.said("s1", (Speaker.OTHER, "im 13"), (Speaker.SUBJECT, "are your parents home? keep it secret"))
    assert seen_by(LiveStream(), *chat) == []


def test_after_a_person_saw_no_concern_only_what_is_new_is_told() -> None:
    detector, other = LiveStream(), replace(LISTED, entry="42")
    assert len(seen_by(detector, *(shown(n, LISTED) for n in range(1, 6)))) == 3
    detector.calm("s1", shown(5).at)
    assert seen_by(detector, *(shown(n, LISTED) for n in range(6, 40))) == []
    found = seen_by(detector, *(shown(n, LISTED, other) for n in range(40, 45)))
    assert [(rung_of(one), one.matches[0].entry) for one in found] == [(NOTE, "42"), (RING, "42"), (HOLD, "42")]
    again = seen_by(detector, *(shown(n, LISTED) for n in range(300, 330)))
    assert again, "what is still shown after ten minutes is told again"


def test_calming_a_stream_that_is_not_known_or_another_changes_nothing() -> None:
    detector = LiveStream()
    seen_by(detector, shown(1, LISTED))
    detector.calm("s2", shown(1).at)
    assert [rung_of(one) for one in seen_by(detector, shown(2, LISTED))] == [RING]


def test_what_a_person_takes_back_lets_the_stream_stand_where_it_stood() -> None:
    detector = LiveStream()
    seen_by(detector, *(shown(n, LISTED) for n in range(1, 6)))
    detector.calm("s1", shown(5).at)
    detector.recall("s1", HOLD)
    detector.recall("s2", HOLD)
    found = seen_by(detector, *(shown(n, LISTED) for n in range(6, 12)))
    assert [rung_of(one) for one in found] == [HOLD], "what is still shown is told again at once, and once"


HOST, VIEWER = Speaker.SUBJECT, Speaker.OTHER
OF_PAYMENT = (VIEWER, "50 dollars for a live stream just for me")
MILD = ((VIEWER, "how old are you"), (HOST, "im 13"), (VIEWER, "you are so mature for your age, keep this our secret"))


def chatted(detector: LiveStream, *lines: tuple[Speaker, str]) -> list[Finding]:
    return seen_by(detector, *(replace(one, sensor="stream-chat") for one in making.said("s1", *lines)))


def paid(detector: LiveStream, *names: str, for_review: bool) -> list[Finding]:
    seen = replace(making.observation(None), kind=Kind.PAYMENT, thread="s1", sensor="stream-payments")
    return detector.paid(seen, names, for_review=for_review)


def quiet_ladder(*more: dict) -> LiveStream:
    """A ladder on which the chat is noted from severity 1, and rings where it stands beside a payment."""
    note = {"of": "chat", "severity": 1, "because": "signs in the chat"}
    ring = {"of": "chat", "severity": 1, "with": "payment", "because": "signs in the chat, and payments"}
    rungs = [{"name": "note", "rules": [note]}, {"name": "ring", "rules": [ring, *more]}]
    return LiveStream(Ladder.of({"schema": "tocsin/ladder@1", "rungs": rungs}))


def test_a_payment_raises_a_stream_whose_chat_warned_and_the_reason_says_so() -> None:
    detector = quiet_ladder()
    assert {rung_of(one) for one in chatted(detector, *MILD)} == {NOTE}
    (found,) = paid(detector, "p1", "p2", for_review=True)
    assert rung_of(found) == RING
    assert "signs in the chat, and payments" in found.why
    assert "was paid 2 times" in found.why
    assert paid(detector, "p1", "p2", "p3", for_review=True) == [], "more payments ring nobody a second time"


def test_whichever_comes_first() -> None:
    detector = quiet_ladder()
    assert paid(detector, "p1", for_review=True) == [], "a payment by itself is never a sign"
    assert RING in {rung_of(one) for one in chatted(detector, *MILD)}


def test_an_ordinary_viewers_payment_counts_only_beside_a_chat_that_speaks_of_payment() -> None:
    for last, rung in ((MILD[2], NOTE), (OF_PAYMENT, RING)):
        detector = quiet_ladder()
        assert paid(detector, "p1", for_review=False) == []
        found = chatted(detector, *MILD[:2], last)
        assert [rung_of(one) for one in found] == [rung]
    assert "was paid 1 time " in found[0].why
