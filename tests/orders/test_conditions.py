import re

from tocsin import orders, packs
from tocsin.model import BENIGN, CATEGORIES, SIGNALS
from tocsin.orders.conditions import EVIDENCE_KINDS

FORBIDDEN = re.compile(r"breach|violat|offen[cs]e|offender|groomer|victim", re.IGNORECASE)


def test_the_pack_holds_every_condition_and_only_known_words():
    found = orders.conditions()
    assert set(found) == {f"C{n}" for n in range(1, 18)} | {"custom"}
    for condition in found.values():
        assert condition.title
        assert condition.signals <= set(SIGNALS), condition.code
        assert condition.categories <= {str(one) for one in CATEGORIES}, condition.code
        assert set(condition.benign) <= set(BENIGN), condition.code
        assert condition.evidence <= set(EVIDENCE_KINDS), condition.code
        assert condition.code == "custom" or condition.do_not_over_read, condition.code


def test_what_a_machine_cannot_decide_switches_nothing_on():
    for code in ("C1", "C4", "C7", "C9", "C13", "C14", "C15", "C16", "C17"):
        assert not orders.conditions()[code].detectors


def test_a_custom_clause_is_narrowed_to_what_it_names():
    clause = orders.Clause("1", "custom", "words", detectors=("phrases",), signals=("secrecy",))
    found = orders.condition_of(clause)
    assert (found.detectors, found.signals) == ({"phrases"}, {"secrecy"})


def test_the_pack_never_says_of_a_person_what_only_a_court_may():
    text = packs.read_text("conditions.yaml").replace("breach-indicated", "")
    assert not FORBIDDEN.findall(text)


def test_conditions_are_not_verdicts():
    assert not any(FORBIDDEN.search(one.title + one.do_not_over_read) for one in orders.conditions().values())
