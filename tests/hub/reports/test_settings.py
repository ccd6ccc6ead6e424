"""Settings of reporting and review: the sandbox until a person says otherwise, and bounds on everything."""

import pytest

from tocsin.hub.refusals import Refused
from tocsin.hub.reports import settings


def test_the_sandbox_is_the_default_and_the_switch_is_a_switch(desk) -> None:
    def now() -> str:
        with desk.hub.store.reading() as session:
            return settings.environment(session)

    assert now() == "sandbox"
    desk.set("reporting_production", on=True)
    assert now() == "production"
    desk.set("reporting_production", on=False)
    assert now() == "sandbox"
    for value in ({"on": 1.5}, {}, {"on": "yes"}, {"on": True, "url": "x"}):
        with pytest.raises(Refused):
            settings.check_production(value)


@pytest.mark.parametrize(
    "value",
    [
        {"email": "nobody"},
        {"email": "a@b", "platform": "x" * 201},
        {"email": "a@b", "legal_url": "http://x"},
        {"email": "a@b", "phone": "\x00"},
        {"email": 3},
    ],
)
def test_who_reports_has_bounds(value) -> None:
    with pytest.raises(Refused):
        settings.check_reporting(value)


def test_the_reporter_is_said_as_it_is_set(desk) -> None:
    desk.set("reporting", email="r@p.example", phone="555", contact="A", terms="t", legal_url="https://l.example")
    with desk.hub.store.reading() as session:
        reporter = settings.reporting(session).reporter
    assert reporter.person.emails[0].address == "r@p.example"
    assert (reporter.contact.first_name, reporter.terms_of_service) == ("A", "t")


def test_pauses_have_bounds() -> None:
    good = {"minutes": 45, "items": 60, "break_minutes": 15}
    assert settings.check_review(good)["two_person"] is False
    for name, bad in (("minutes", 4), ("items", 0), ("break_minutes", 121), ("minutes", True), ("items", "9")):
        with pytest.raises(Refused):
            settings.check_review(good | {name: bad})
