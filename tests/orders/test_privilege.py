from dataclasses import replace

import pytest

from tocsin import orders


@pytest.fixture
def guarded(order):
    contacts = (
        orders.Privileged("Lawyer", ("Harrow and Lane Solicitors", "advice@harrowlane.example")),
        orders.Privileged("Doctor", ("Dr Ford",)),
    )
    return replace(order, privileged=contacts)


@pytest.mark.parametrize(
    ("app", "title", "texts"),
    [
        ("mail", "Re: Tuesday - HARROW AND LANE Solicitors", []),
        ("mail", "", ["From: Jo <advice@harrowlane.example>"]),
        ("chat", "", ["hello", "Ｄｒ　Ｆｏｒｄ: your results"]),
        ("chat", "", ["HarrowandLane Solicitors"]),
        ("Dr Ford - Messages", "", []),
    ],
)
def test_a_privileged_contact_is_known_by_title_application_or_words(guarded, app, title, texts):
    assert orders.is_privileged(guarded, app, title, texts)


@pytest.mark.parametrize("texts", [["we can afford it"], ["Dr Fordham"], ["Andr Ford"], ["Harrow"], [""], []])
def test_other_words_are_not_privileged(guarded, texts):
    assert not orders.is_privileged(guarded, "chat", "Sam", texts)


def test_an_order_without_privileged_contacts_leaves_nothing_out(order):
    assert not orders.is_privileged(order, "mail", "Harrow and Lane Solicitors", ["Dr Ford"])
