from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tocsin import orders
from tocsin.agent.notice import Acceptances, Section, words
from tocsin.placement.config import Config

CONFIG = Config("https://hub.example:8420", "d", "k", "u", 15.0, "", (), "00", "laptop")


def test_the_notice_says_who_under_what_what_where_and_how_to_complain(signed_order):
    signed = orders.verify(signed_order())
    told = words(signed, CONFIG)
    text = told.text()
    for needed in (
        "Exampleshire Police, Offender Management Unit",
        "Exampletown Crown Court",
        "0300 555 0123",
        "complaints@exampleshire.example",
        "EX-2026-0042",
        "01 January 2099",
        signed.fingerprint,
        "Clause 3: “Not to have any contact with any child under 18.”",
        "Exception: “Such as is inadvertent",
        "Text on the screen",
        "https://hub.example:8420 and nowhere else",
        "Officer (officer), Recovery (recovery)",
        "contact with lawyer",
        "No pictures.",
        "microphone, camera, location",
        "tocsin agent ledger",
        "tocsin agent unenrol",
        "If you decline",
        "Sessions of other accounts",
    ):
        assert needed in text, needed
    assert "This computer is monitored under order EX-2026-0042" in told.bar


@pytest.mark.parametrize("name", orders.TEMPLATES)
def test_every_template_makes_a_notice_that_says_it_is_an_example(name, authority):
    signed = orders.verify(orders.sign(orders.template(name, True), authority))
    told = words(signed, CONFIG)
    assert "EXAMPLE" in told.bar
    assert not any(word in told.text().lower() for word in ("breach", "violation", "offender", "groomer"))


def test_acceptance_is_for_one_order(tmp_path):
    held = Acceptances(tmp_path / "a.json")
    assert not held.has("one")
    held.add("one", datetime(2026, 1, 1, tzinfo=UTC))
    assert Acceptances(tmp_path / "a.json").has("one")
    assert not held.has("two")
    (tmp_path / "a.json").write_text('{"accepted": true}')
    assert not held.has("one")
    (tmp_path / "a.json").write_text("{")
    assert not held.has("one")


def test_what_is_done_with_pictures_and_files_is_said_where_a_clause_calls_for_it(signed_order):
    plain = orders.verify(signed_order())
    clauses = [{"number": "6", "condition": "C11", "text": "Not to keep listed pictures."}]
    media = orders.verify(signed_order(clauses=clauses))
    assert "fingerprints" not in words(plain, CONFIG).text()
    text = words(media, CONFIG).text()
    for needed in (
        "Pictures and videos on the screen",
        "in this account's folders",
        "caches of its browsers",
        "drives that are attached",
        "those that were there before",
        "never the pictures, go to https://hub.example:8420",
        "No picture is kept.",
        "What is on no list is not kept there.",
    ):
        assert needed in text, needed
    own = words(media, replace(CONFIG, lists=("/lists/own",))).text()
    assert "lists on this computer" in own


def test_an_acceptance_does_not_hold_for_a_notice_that_says_more(signed_order):
    signed = orders.verify(signed_order())
    told = words(signed, CONFIG)
    assert told.digest == words(signed, CONFIG).digest
    more = replace(told, sections=(*told.sections, Section("What is watched", ("The garden.",))))
    assert more.digest != told.digest
    assert words(orders.verify(signed_order(id="EX-2")), CONFIG).digest != told.digest
