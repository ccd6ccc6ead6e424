"""The codes are those of NCMEC's schema, and what is none is a sentence before a report leaves."""

from pathlib import Path

import pytest
from lxml import etree

from tocsin.exchange.cybertip import facts
from tocsin.exchange.cybertip.codes import COUNTRIES, US_STATES, ReportError, country, us_state
from tocsin.exchange.cybertip.writing import report_xml

XSD = Path(__file__).resolve().parents[4] / "shared" / "reference" / "cybertipline.xsd"
XS = {"x": "http://www.w3.org/2001/XMLSchema"}


@pytest.mark.skipif(not XSD.is_file(), reason="NCMEC's schema is not at hand")
@pytest.mark.parametrize(("name", "codes"), [("country", COUNTRIES), ("state", US_STATES)])
def test_they_are_those_of_the_schema(name: str, codes: frozenset[str]) -> None:
    listed = etree.parse(XSD).xpath(f"//x:simpleType[@name='{name}']//x:enumeration", namespaces=XS)
    assert codes == {one.get("value") for one in listed} - {""}


@pytest.mark.parametrize(("check", "good"), [(country, "PH"), (us_state, "CA")])
def test_what_is_no_code_is_a_sentence(check, good: str) -> None:
    assert check(good) == good
    assert check("") == ""
    for bad in ("Philippines", good.lower(), "ZZ"):
        with pytest.raises(ReportError, match="two capital letters"):
            check(bad)


def test_a_report_with_one_is_not_written() -> None:
    when = facts.datetime.fromisoformat("2026-01-15T08:00:00Z")
    for said in (
        {"location": facts.Location(country="Narnia")},
        {"person": facts.Person(addresses=(facts.Address(state="Ontario"),))},
    ):
        victim = facts.Victim(**said)
        with pytest.raises(ReportError, match="two capital letters"):
            report_xml(facts.Report(incident_type="Child Sex Tourism", incident_at=when, victims=(victim,)))
