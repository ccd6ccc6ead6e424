"""Reports as XML: the order the schema demands, annotations true or absent, text that XML can carry."""

import dataclasses
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tocsin.exchange.cybertip import facts, words
from tocsin.exchange.cybertip.codes import ReportError
from tocsin.exchange.cybertip.writing import file_details_xml, report_xml

GOLDEN = (
    b"<?xml version='1.0' encoding='UTF-8'?>\n"
    b"<report><incidentSummary><incidentType>Child Pornography (possession, manufacture, and distribution)"
    b"</incidentType><incidentDateTime>2026-01-15T08:00:00Z</incidentDateTime></incidentSummary>"
    b"<reporter><reportingPerson><email>reports@platform.example</email></reportingPerson></reporter></report>"
)
GOLDEN_FILE = (
    b"<?xml version='1.0' encoding='UTF-8'?>\n"
    b"<fileDetails><reportId>4711</reportId><fileId>f-1</fileId><fileName>a.jpg</fileName>"
    b"<originalFileName>b.jpg</originalFileName><uploadedToEspTimestamp>2026-01-15T08:00:00Z</uploadedToEspTimestamp>"
    b"<locationOfFile>https://w.example/a.jpg</locationOfFile><fileViewedByEsp>true</fileViewedByEsp>"
    b"<exifViewedByEsp>false</exifViewedByEsp><publiclyAvailable>true</publiclyAvailable>"
    b"<fileRelevance>Supplemental Reported</fileRelevance><fileAnnotations><viral>true</viral>"
    b"<liveStreaming>true</liveStreaming></fileAnnotations><industryClassification>B2</industryClassification>"
    b'<originalFileHash hashType="MD5">00000000000000000000000000000000</originalFileHash>'
    b'<originalFileHash hashType="SHA1">1111111111111111111111111111111111111111</originalFileHash>'
    b"<ipCaptureEvent><ipAddress>2001:db8::7</ipAddress></ipCaptureEvent>"
    b"<deviceId><idType>IMEI</idType><idValue>1</idValue></deviceId>"
    b'<details type="HASH"><nameValuePair><name>PDQ</name><value>'
    + b"f"
    * 64
    + b"</value></nameValuePair></details><additionalInfo>one</additionalInfo><additionalInfo>two</additionalInfo>"
    b"</fileDetails>"
)

# The order of NCMEC's documentation, written down here once more, so that a slip shows where the schema is not at hand.
ORDER = {
    "report": "batchedReport incidentSummary internetDetails lawEnforcement reporter personOrUserReported "
    "intendedRecipient victim additionalInfo",
    "incidentSummary": "incidentType platform escalateToHighPriority reportAnnotations incidentDateTime "
    "incidentDateTimeDescription",
    "lawEnforcement": "agencyName caseNumber officerContact reportedToLe servedLegalProcessDomestic "
    "servedLegalProcessInternational",
    "reporter": "reportingPerson contactPerson companyTemplate termsOfService legalURL",
    "personOrUserReported": "personOrUserReportedPerson vehicleDescription espIdentifier espService compromisedAccount "
    "screenName displayName profileUrl profileBio ipCaptureEvent deviceId thirdPartyUserReported priorCTReports "
    "groupIdentifier accountTemporarilyDisabled accountPermanentlyDisabled estimatedLocation allEmailsReported "
    "associatedAccount additionalInfo",
    "intendedRecipient": "intendedRecipientPerson espIdentifier espService compromisedAccount screenName displayName "
    "profileUrl profileBio ipCaptureEvent deviceId priorCTReports groupIdentifier accountTemporarilyDisabled "
    "accountPermanentlyDisabled estimatedLocation allEmailsReported additionalInfo",
    "victim": "victimPerson espIdentifier espService compromisedAccount screenName displayName profileUrl profileBio "
    "ipCaptureEvent deviceId schoolName priorCTReports accountTemporarilyDisabled accountPermanentlyDisabled "
    "estimatedLocation allEmailsReported associatedAccount additionalInfo",
    "reportingPerson": "firstName lastName phone email address age dateOfBirth",
    "ipCaptureEvent": "ipAddress eventName dateTime possibleProxy port",
    "deviceId": "idType idValue eventName dateTime",
}


def children(node: etree._Element) -> list[str]:
    return list(dict.fromkeys(child.tag for child in node))


def test_the_smallest_report_is_these_very_bytes(smallest) -> None:
    assert report_xml(smallest) == GOLDEN


def test_the_details_of_a_file_are_these_very_bytes(file_details) -> None:
    assert file_details_xml(file_details) == GOLDEN_FILE


def test_everything_stands_in_the_documented_order(fullest) -> None:
    root = etree.fromstring(report_xml(fullest))
    for name, order in ORDER.items():
        found = [root] if name == "report" else root.findall(f".//{name}")
        assert found, name
        for node in found:
            expected = [each for each in order.split() if each in children(node)]
            assert children(node) == expected
        assert set(order.split()) == set().union(*(children(node) for node in found)), name


def test_the_fullest_and_the_smallest_report_fit_the_schema(fullest, smallest, file_details, schema) -> None:
    for xml in (report_xml(fullest), report_xml(smallest), file_details_xml(file_details)):
        schema.check(xml)
    schema.check(file_details_xml(facts.FileDetails(report_id=1, file_id="x", meme=False)))


def test_the_strings_are_the_schema_s_own(xsd_text) -> None:
    text = etree.fromstring(xsd_text)
    names = {"x": "http://www.w3.org/2001/XMLSchema"}
    listed = text.xpath("//x:simpleType[@name='incidentType']//x:enumeration/@value", namespaces=names)
    assert tuple(listed) == words.INCIDENT_TYPES
    for kind, known in (("reportAnnotations", words.REPORT_ANNOTATIONS), ("fileAnnotations", words.FILE_ANNOTATIONS)):
        assert tuple(text.xpath(f"//x:complexType[@name='{kind}']//x:element/@name", namespaces=names)) == known


@pytest.mark.parametrize("kind", words.INCIDENT_TYPES)
def test_every_incident_type_fits(smallest, schema, kind) -> None:
    schema.check(report_xml(dataclasses.replace(smallest, incident_type=kind)))


def test_what_was_not_said_is_left_out(smallest) -> None:
    xml = file_details_xml(facts.FileDetails(report_id=1, file_id="x"))
    for name in (b"fileViewedByEsp", b"exifViewedByEsp", b"industryClassification", b"fileAnnotations", b"false"):
        assert name not in xml
    for name in (b"escalateToHighPriority", b"reportAnnotations"):
        assert name not in report_xml(dataclasses.replace(smallest, escalate="  \n "))


def test_times_are_written_in_utc(smallest) -> None:
    there = datetime(2026, 1, 15, 9, 30, tzinfo=timezone(timedelta(hours=9)))
    assert b">2026-01-15T00:30:00Z<" in report_xml(dataclasses.replace(smallest, incident_at=there))
    with pytest.raises(ReportError, match="zone"):
        report_xml(dataclasses.replace(smallest, incident_at=datetime(2026, 1, 15)))  # noqa: DTZ001


def test_what_cannot_be_a_report_is_a_sentence(smallest) -> None:
    for changed, words_said in (
        ({"escalate": "x" * 3001}, "3000"),
        ({"annotations": ("urgent",)}, "annotation"),
        ({"where": (facts.Where(),)}, "exactly one"),
        ({"where": (facts.Where(web=facts.WebPage(), chat=facts.Chat()),)}, "exactly one"),
    ):
        with pytest.raises(ReportError, match=words_said):
            report_xml(dataclasses.replace(smallest, **changed))
    with pytest.raises(ReportError, match="not both"):
        file_details_xml(facts.FileDetails(report_id=1, file_id="x", meme=True, annotations=("viral",)))


@given(st.text())
def test_any_text_becomes_well_formed_xml(text: str) -> None:
    report = facts.Report(
        incident_type="Child Sex Trafficking",
        incident_at=datetime(2026, 1, 15, tzinfo=timezone.utc),  # noqa: UP017
        additional=text,
    )
    said = etree.fromstring(report_xml(report)).findtext("additionalInfo") or ""
    assert len(said) == len(text)
    assert "<" not in text or "&lt;" in report_xml(report).decode()
