"""What a device hears of decisions on its matches."""

from sqlalchemy import select

from tocsin.hub import alerts, configuration, confirming, contents, device_verdicts
from tocsin.hub.device_verdicts import verdicts_for
from tocsin.hub.store.schema import Alert, Device


def match(entry, **more):
    return {"list": "NCII", "entry": entry, "by": "pdq", "distance": 0, "scheme": "", "category": ""} | more


def decide(hub, person, clock, verdict):
    with hub.store.session() as session:
        alert = session.scalars(select(Alert).where(Alert.status != "closed")).one()
        alerts.close(session, hub, alert, person, clock.now(), verdict=verdict, note_text="Looked at.")
        return alert.number


def heard(hub, device, clock, after=0):
    with hub.store.reading() as session:
        return verdicts_for(session, session.get(Device, device.id), after, clock.now())


def test_a_decision_is_heard_once_it_is_settled_and_once_only(hub, device, person, clock):
    device.find(category="known-media-match", matches=[match("e1")])
    number = decide(hub, person(), clock, "true-concern")
    assert heard(hub, device, clock)["verdicts"] == []
    clock.forward(6)
    first = heard(hub, device, clock)
    [said] = first["verdicts"]
    assert (said["alert"], said["verdict"], said["contents"]) == (number, "true", 1)
    assert said["matches"] == [{"list": "NCII", "entry": "e1", "by": "pdq", "distance": 0}]
    again = heard(hub, device, clock, first["next"])
    assert again == {"verdicts": [], "next": first["next"], "more": False}


def test_a_picture_on_a_page_is_told_as_a_part(hub, device, person, clock):
    device.find(category="known-media-match", matches=[match("e1", part=True), match("e2")])
    decide(hub, person(), clock, "true-concern")
    clock.forward(6)
    [said] = heard(hub, device, clock)["verdicts"]
    assert [(each["entry"], each.get("part")) for each in said["matches"]] == [("e1", True), ("e2", None)]


def test_false_is_heard_and_cannot_tell_is_not(hub, device, person, clock):
    someone = person()
    for entry, verdict in (("e1", "benign"), ("e2", "cannot-tell")):
        device.find(category="known-media-match", matches=[match(entry)])
        decide(hub, someone, clock, verdict)
        clock.forward(3600)
    assert [said["verdict"] for said in heard(hub, device, clock)["verdicts"]] == ["false"]


def test_a_decision_that_was_taken_back_is_not_heard(hub, device, person, clock):
    someone = person()
    device.find(category="known-media-match", matches=[match("e1")])
    decide(hub, someone, clock, "true-concern")
    clock.forward(1)
    with hub.store.session() as session:
        alert = session.scalars(select(Alert)).one()
        alerts.reopen(session, hub, alert, someone, clock.now(), "A second look.")
    clock.forward(6)
    assert heard(hub, device, clock)["verdicts"] == []
    decide(hub, someone, clock, "benign")
    clock.forward(6)
    assert [said["verdict"] for said in heard(hub, device, clock)["verdicts"]] == ["false"]


def test_several_contents_in_one_alert_are_counted_and_other_alerts_left_out(hub, device, person, clock):
    someone = person()
    device.find(category="known-media-match", matches=[match("e1")])
    device.find(category="known-media-match", matches=[match("e2")])
    decide(hub, someone, clock, "true-concern")
    device.find()
    decide(hub, someone, clock, "true-concern")
    clock.forward(6)
    assert [said["contents"] for said in heard(hub, device, clock)["verdicts"]] == [2]


def test_what_is_decided_content_by_content_is_heard_of_each(hub, device, person, clock):
    someone = person()
    for entry in ("e1", "e2", "e3"):
        device.find(category="known-media-match", matches=[match(entry)])
    for number, verdict in ((1, "benign"), (2, "true-concern"), (3, "cannot-tell")):
        assert heard(hub, device, clock)["verdicts"] == []
        with hub.store.session() as session:
            alert = session.scalars(select(Alert)).one()
            contents.decide(session, hub, alert, someone, clock.now(), number, verdict)
        clock.forward(6)
    told = heard(hub, device, clock)["verdicts"]
    assert [(said["content"], said["contents"], said["verdict"]) for said in told] == [(1, 1, "false"), (2, 1, "true")]
    assert [said["matches"][0]["entry"] for said in told] == ["e1", "e2"]


def test_of_an_alert_closed_as_a_whole_the_contents_that_were_decided_are_heard_apart(hub, device, person, clock):
    someone = person()
    for entry in ("e1", "e2", "e3"):
        device.find(category="known-media-match", matches=[match(entry)])
    with hub.store.session() as session:
        contents.decide(session, hub, session.scalars(select(Alert)).one(), someone, clock.now(), 1, "benign")
    decide(hub, someone, clock, "true-concern")
    clock.forward(6)
    told = heard(hub, device, clock)["verdicts"]
    assert [(said["contents"], said["verdict"]) for said in told] == [(1, "false"), (3, "true")]


def test_an_answer_ends_before_it_is_too_large_and_the_next_one_goes_on(hub, device, person, clock, monkeypatch):
    monkeypatch.setattr(device_verdicts, "MATCHES_MOST", 2)
    someone = person()
    for number in range(3):
        device.find(category="known-media-match", matches=[match(f"e{number}")])
        decide(hub, someone, clock, "benign")
        clock.forward(3600)
    first = heard(hub, device, clock)
    assert (len(first["verdicts"]), first["more"]) == (2, True)
    rest = heard(hub, device, clock, first["next"])
    assert (len(rest["verdicts"]), rest["more"]) == (1, False)


def test_what_was_decided_on_a_live_stream_is_heard_by_its_name_too(hub, device, person, clock):
    someone = person()
    device.find(category="known-media-match", matches=[match("e1")], detector="live-stream", thread="ab" * 8)
    decide(hub, someone, clock, "benign")
    device.find(category="live-stream-concern", matches=[], detector="live-stream", thread="cd" * 8)
    decide(hub, someone, clock, "detector-error")
    device.find(category="live-stream-concern", matches=[], detector="live-stream", thread="ef" * 8)
    decide(hub, someone, clock, "cannot-tell")
    device.find(category="grooming", matches=[], thread="99" * 8)
    decide(hub, someone, clock, "benign")
    clock.forward(6)
    told = heard(hub, device, clock)["verdicts"]
    assert [(said["streams"], said["whole"], len(said["matches"])) for said in told] == [
        (["ab" * 8], "false", 1),
        (["cd" * 8], "false", 0),
    ]


def test_a_stream_that_another_alert_is_still_about_is_not_named(hub, device, person, clock):
    someone = person()
    device.find(category="known-media-match", matches=[match("e1")], detector="live-stream", thread="ab" * 8)
    device.find(category="live-stream-concern", matches=[], detector="live-stream", thread="ab" * 8)
    for verdict, named in (("benign", [None]), ("benign", [["ab" * 8]] * 2)):
        with hub.store.session() as session:
            alert = session.scalars(select(Alert).where(Alert.status != "closed").order_by(Alert.number)).first()
            alerts.close(session, hub, alert, someone, clock.now(), verdict=verdict, note_text="Looked at.")
        clock.forward(6)
        assert [said.get("streams") for said in heard(hub, device, clock)["verdicts"]] == named


def stream(device, *names, thread="ab" * 8):
    signals = [{"name": name, "direction": "unknown", "confidence": 1.0} for name in names]
    device.find(
        category="live-stream-concern", matches=[], detector="live-stream", thread=thread, signals=signals, not_seen=[]
    )


def reopen(hub, person, clock):
    with hub.store.session() as session:
        alert = session.scalars(select(Alert).where(Alert.status == "closed")).one()
        alerts.reopen(session, hub, alert, person, clock.now(), "It was the wrong key.")


def test_a_verdict_on_a_stream_that_was_taken_back_is_heard_with_the_rung_it_stood_on(hub, device, person, clock):
    someone, after = person(), 0
    stream(device, "rung-ring", "rung-hold")
    for verdict, whole in (("benign", "false"), ("true-concern", "true")):
        decide(hub, someone, clock, verdict)
        clock.forward(6)
        answer = heard(hub, device, clock, after)
        assert [(said["whole"], said["streams"]) for said in answer["verdicts"]] == [(whole, ["ab" * 8])]
        reopen(hub, someone, clock)
        clock.forward(6)
        again = heard(hub, device, clock, answer["next"])
        said = [(said["whole"], said["rung"], said["streams"], said["matches"]) for said in again["verdicts"]]
        assert said == [("open", "hold", ["ab" * 8], [])]
        after = again["next"]
    decide(hub, someone, clock, "cannot-tell")
    reopen(hub, someone, clock)
    clock.forward(6)
    assert heard(hub, device, clock, after)["verdicts"] == []


def test_only_the_last_of_several_turns_is_heard(hub, device, person, clock):
    someone = person()
    stream(device, "rung-ring")
    for _ in range(3):
        decide(hub, someone, clock, "benign")
        reopen(hub, someone, clock)
    clock.forward(6)
    assert [(said["whole"], said["rung"]) for said in heard(hub, device, clock)["verdicts"]] == [("open", "ring")]
    decide(hub, someone, clock, "benign")
    clock.forward(6)
    assert [said["whole"] for said in heard(hub, device, clock)["verdicts"]] == ["false"]


def test_where_a_second_person_confirms_a_true_concern_is_heard_once_it_is_confirmed(hub, device, person, clock):
    first, second, admin = person(), person(), person("administrator")
    with hub.store.session() as session:
        asked = {"minutes": 45, "items": 60, "break_minutes": 15, "two_person": True}
        configuration.write(session, admin, "review", asked, clock.now())
    device.find(category="known-media-match", matches=[match("e1")], detector="live-stream", thread="ab" * 8)
    decide(hub, first, clock, "true-concern")
    clock.forward(6)
    answer = heard(hub, device, clock)
    assert answer["verdicts"] == []
    with hub.store.session() as session:
        alert = session.scalars(select(Alert)).one()
        why = "I looked at it as well."
        confirming.confirm(session, hub, alert, second, clock.now(), agrees=True, why=why)
    clock.forward(6)
    told = heard(hub, device, clock, answer["next"])["verdicts"]
    assert [(said["verdict"], said["whole"]) for said in told] == [("true", "true")]
    assert len(heard(hub, device, clock)["verdicts"]) == 1
