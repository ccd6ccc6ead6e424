"""Facts to XML, in the order that NCMEC's schema demands. Pure: the same facts give the same bytes.

Text that XML cannot carry (control characters, lone surrogates) becomes U+FFFD; nothing else is changed.
"""

import math
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any, Final

from lxml import etree

from tocsin.exchange.cybertip.codes import ReportError, country, us_state
from tocsin.exchange.cybertip.facts import (
    Account,
    Address,
    Associated,
    Contact,
    DeviceId,
    Disabled,
    Email,
    FileDetails,
    IpEvent,
    LawEnforcement,
    Location,
    Person,
    Phone,
    Report,
    ReportedUser,
    Reporter,
    Victim,
    Where,
)
from tocsin.exchange.cybertip.words import ESCALATION_LONGEST, FILE_ANNOTATIONS, REPORT_ANNOTATIONS

_UNFIT: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CALLING_CODE: Final = re.compile(r"\+[0-9]{1,3}", re.ASCII)


def report_xml(report: Report) -> bytes:
    """Return the XML of ``POST /submit``. Raises ReportError."""
    if len(report.escalate) > ESCALATION_LONGEST:
        raise ReportError(f"The reason for the escalation is at most {ESCALATION_LONGEST} characters.")
    root = etree.Element("report")
    if report.viral_meme_batch:
        etree.SubElement(root, "batchedReport", reason="VIRAL_POTENTIAL_MEME")
    summary = etree.SubElement(root, "incidentSummary")
    _add(summary, "incidentType", report.incident_type)
    _add(summary, "platform", report.platform)
    _add(summary, "escalateToHighPriority", report.escalate.strip())
    _flags(summary, "reportAnnotations", report.annotations, REPORT_ANNOTATIONS)
    _add(summary, "incidentDateTime", report.incident_at)
    _add(summary, "incidentDateTimeDescription", report.incident_about)
    for where in report.where:
        _where(root, where)
    if report.law_enforcement is not None:
        _law_enforcement(root, report.law_enforcement)
    _reporter(root, report.reporter)
    for user in report.reported:
        _reported(root, user)
    for account in report.recipients:
        node = etree.SubElement(root, "intendedRecipient")
        _account(node, account, "intendedRecipientPerson")
        _add(node, "additionalInfo", account.additional)
    for victim in report.victims:
        _victim(root, victim)
    _add(root, "additionalInfo", report.additional)
    return _bytes(root)


def file_details_xml(file: FileDetails) -> bytes:
    """Return the XML of ``POST /fileinfo``. Raises ReportError."""
    if file.meme is not None and file.annotations:
        raise ReportError("A file says either that it is a meme or has annotations, not both.")
    root = etree.Element("fileDetails")
    _add(root, "reportId", file.report_id)
    _add(root, "fileId", file.file_id)
    _add(root, "fileName", file.name)
    _add(root, "originalFileName", file.original_name)
    _add(root, "uploadedToEspTimestamp", file.uploaded_at)
    _add(root, "locationOfFile", file.location)
    _add(root, "fileViewedByEsp", file.viewed)
    _add(root, "exifViewedByEsp", file.exif_viewed)
    _add(root, "publiclyAvailable", file.public)
    _add(root, "fileRelevance", file.relevance)
    _add(root, "potentialMeme", file.meme)
    _flags(root, "fileAnnotations", file.annotations, FILE_ANNOTATIONS)
    _add(root, "industryClassification", file.classification)
    for one in file.hashes:
        _add(root, "originalFileHash", one.value, hashType=one.type)
    if file.ip_event is not None:
        _ip(root, file.ip_event)
    for device in file.devices:
        _device(root, device)
    for details in file.details:
        if not details.pairs:
            continue
        node = etree.SubElement(root, "details", type=details.type)
        for name, value in details.pairs:
            pair = etree.SubElement(node, "nameValuePair")
            _always(pair, "name", name)
            _always(pair, "value", value)
    _each(root, "additionalInfo", file.additional)
    return _bytes(root)


def _where(root: Any, where: Where) -> None:
    """Write one ``internetDetails``; its one child decides what kind of place it is."""
    chosen = [
        part
        for part in (
            where.web,
            where.mail,
            where.newsgroup,
            where.chat,
            where.game,
            where.phone,
            where.offline,
            where.peer,
        )
        if part is not None
    ]
    if len(chosen) != 1:
        raise ReportError("Each place where it happened is of exactly one kind.")
    details = etree.SubElement(root, "internetDetails")
    if (web := where.web) is not None:
        node = etree.SubElement(
            details, "webPageIncident", **_attributes(thirdPartyHostedContent=web.third_party_hosted)
        )
        _each(node, "url", web.urls)
    elif (mail := where.mail) is not None:
        node = etree.SubElement(details, "emailIncident")
        _emails(node, mail.addresses, "emailAddress")
        _add(node, "content", mail.content)
    elif (news := where.newsgroup) is not None:
        node = etree.SubElement(details, "newsgroupIncident")
        _add(node, "name", news.name)
        _emails(node, news.addresses, "emailAddress")
        _add(node, "content", news.content)
    elif (chat := where.chat) is not None:
        node = etree.SubElement(details, "chatImIncident")
        _add(node, "chatClient", chat.client)
        _add(node, "chatRoomName", chat.room)
        _add(node, "content", chat.content)
    elif (game := where.game) is not None:
        node = etree.SubElement(details, "onlineGamingIncident")
        _add(node, "gameName", game.name)
        _add(node, "console", game.console)
        _add(node, "content", game.content)
    elif (phone := where.phone) is not None:
        node = etree.SubElement(details, "cellPhoneIncident")
        _phones(node, () if phone.number is None else (phone.number,), "phoneNumber")
        _add(node, "latitude", phone.latitude)
        _add(node, "longitude", phone.longitude)
    elif (offline := where.offline) is not None:
        node = etree.SubElement(details, "nonInternetIncident")
        _add(node, "locationName", offline.location)
        _addresses(node, offline.addresses, "incidentAddress")
    elif (peer := where.peer) is not None:
        node = etree.SubElement(details, "peer2peerIncident")
        _add(node, "client", peer.client)
        for event in peer.ip_events:
            _ip(node, event)
        _add(node, "fileNames", peer.file_names)
    _add(node, "additionalInfo", chosen[0].additional)


def _law_enforcement(root: Any, law: LawEnforcement) -> None:
    node = etree.SubElement(root, "lawEnforcement")
    _always(node, "agencyName", law.agency)
    _add(node, "caseNumber", law.case_number)
    if law.officer is not None:
        _contact(node, "officerContact", law.officer)
    _add(node, "reportedToLe", law.reported)
    _add(node, "servedLegalProcessDomestic", law.served_domestic)
    _add(node, "servedLegalProcessInternational", law.served_international, fleaCountry=country(law.served_country))


def _reporter(root: Any, reporter: Reporter) -> None:
    node = etree.SubElement(root, "reporter")
    _person(node, "reportingPerson", reporter.person)
    if reporter.contact is not None:
        _contact(node, "contactPerson", reporter.contact)
    _add(node, "companyTemplate", reporter.company_template)
    _add(node, "termsOfService", reporter.terms_of_service)
    _add(node, "legalURL", reporter.legal_url)


def _reported(root: Any, user: ReportedUser) -> None:
    node = etree.SubElement(root, "personOrUserReported")
    _account(node, user, "personOrUserReportedPerson", vehicle=user.vehicle, third_party=user.third_party)
    for account in user.associated:
        _associated(node, account)
    _add(node, "additionalInfo", user.additional)


def _victim(root: Any, victim: Victim) -> None:
    node = etree.SubElement(root, "victim")
    _account(node, victim, "victimPerson", school=victim.school, always_person=True)
    for account in victim.associated:
        _associated(node, account)
    _add(node, "additionalInfo", victim.additional)


def _account(
    node: Any,
    account: Account,
    person: str,
    *,
    vehicle: str = "",
    third_party: bool | None = None,
    school: str = "",
    always_person: bool = False,
) -> None:
    """Write what the three kinds of account share, with what only one kind has at its place in the order."""
    if account.person is not None or always_person:
        _person(node, person, account.person or Person())
    _add(node, "vehicleDescription", vehicle)
    _add(node, "espIdentifier", account.identifier)
    _add(node, "espService", account.service)
    _add(node, "compromisedAccount", account.compromised)
    _add(node, "screenName", account.screen_name)
    _each(node, "displayName", account.display_names)
    _each(node, "profileUrl", account.profile_urls)
    _add(node, "profileBio", account.profile_bio)
    for event in account.ip_events:
        _ip(node, event)
    for device in account.devices:
        _device(node, device)
    _add(node, "thirdPartyUserReported", third_party)
    _add(node, "schoolName", school)
    _each(node, "priorCTReports", account.prior_reports)
    if not isinstance(account, Victim):
        _add(node, "groupIdentifier", account.group)
    _disabled(node, "accountTemporarilyDisabled", account.temporarily_disabled, temporary=True)
    _disabled(node, "accountPermanentlyDisabled", account.permanently_disabled, temporary=False)
    if account.location is not None:
        _location(node, account.location)
    _add(node, "allEmailsReported", account.all_emails_reported)


def _associated(parent: Any, account: Associated) -> None:
    node = etree.SubElement(parent, "associatedAccount", type=account.type)
    _add(node, "platform", account.platform)
    _add(node, "firstName", account.first_name)
    _add(node, "lastName", account.last_name)
    _phones(node, account.phones)
    _emails(node, account.emails)
    _add(node, "espService", account.service)
    _add(node, "espIdentifier", account.identifier)
    _each(node, "profileUrl", account.profile_urls)
    _add(node, "screenName", account.screen_name)
    _each(node, "displayName", account.display_names)
    for event in account.ip_events:
        _ip(node, event)
    _add(node, "additionalInfo", account.additional)


def _contact(parent: Any, name: str, contact: Contact) -> Any:
    node = etree.SubElement(parent, name)
    _add(node, "firstName", contact.first_name)
    _add(node, "lastName", contact.last_name)
    _phones(node, contact.phones)
    _emails(node, contact.emails)
    _addresses(node, contact.addresses)
    return node


def _person(parent: Any, name: str, person: Person) -> None:
    node = _contact(parent, name, person)
    _add(node, "age", person.age)
    _add(node, "dateOfBirth", person.born)


def _phones(node: Any, phones: Iterable[Phone], name: str = "phone") -> None:
    for phone in phones:
        if phone.calling_code and not _CALLING_CODE.fullmatch(phone.calling_code):
            raise ReportError(f"A calling code is + and one to three digits, not {phone.calling_code[:10]!r}.")
        _add(
            node,
            name,
            phone.number,
            type=phone.type,
            verified=phone.verified,
            verificationDate=phone.verified_at,
            countryCallingCode=phone.calling_code,
            extension=phone.extension,
        )


def _emails(node: Any, emails: Iterable[Email], name: str = "email") -> None:
    for email in emails:
        _add(node, name, email.address, type=email.type, verified=email.verified, verificationDate=email.verified_at)


def _addresses(parent: Any, addresses: Iterable[Address], name: str = "address") -> None:
    for address in addresses:
        node = etree.SubElement(parent, name, **_attributes(type=address.type))
        _add(node, "address", address.street)
        _add(node, "city", address.city)
        _add(node, "zipCode", address.zip_code)
        _add(node, "state", us_state(address.state))
        _add(node, "nonUsaState", address.other_state)
        _add(node, "country", country(address.country))


def _ip(parent: Any, event: IpEvent) -> None:
    node = etree.SubElement(parent, "ipCaptureEvent")
    _always(node, "ipAddress", event.address)
    _add(node, "eventName", event.event)
    _add(node, "dateTime", event.at)
    _add(node, "possibleProxy", event.possible_proxy)
    _add(node, "port", event.port)


def _device(parent: Any, device: DeviceId) -> None:
    node = etree.SubElement(parent, "deviceId")
    _always(node, "idType", device.type)
    _always(node, "idValue", device.value)
    _add(node, "eventName", device.event)
    _add(node, "dateTime", device.at)


def _disabled(node: Any, name: str, disabled: Disabled | None, *, temporary: bool) -> None:
    if disabled is not None:
        _add(
            node,
            name,
            True,
            disabledDate=disabled.at,
            userNotified=disabled.user_notified,
            userNotifiedDate=disabled.user_notified_at,
            reenabledDate=disabled.reenabled_at if temporary else None,
        )


def _location(parent: Any, location: Location) -> None:
    node = etree.SubElement(
        parent, "estimatedLocation", **_attributes(verified=location.verified, timestamp=location.at)
    )
    _add(node, "city", location.city)
    _add(node, "region", location.region)
    _add(node, "countryCode", country(location.country))


def _flags(parent: Any, name: str, chosen: Iterable[str], known: tuple[str, ...]) -> None:
    """Write annotations: each is ``true`` or left out, since the schema fixes them."""
    wanted = set(chosen)
    if unknown := sorted(wanted - set(known)):
        raise ReportError(f"There is no annotation {unknown[0][:40]!r}; choose from {', '.join(known)}.")
    if wanted:
        node = etree.SubElement(parent, name)
        for each in known:
            if each in wanted:
                _add(node, each, True)


def _each(node: Any, name: str, values: Iterable[Any]) -> None:
    for value in values:
        _add(node, name, value)


def _add(parent: Any, name: str, value: Any, **attributes: Any) -> None:
    """Add a child with text, unless there is nothing to say."""
    if value is not None and value != "":
        etree.SubElement(parent, name, **_attributes(**attributes)).text = _text(value)


def _always(parent: Any, name: str, value: Any) -> None:
    etree.SubElement(parent, name).text = _text(value)


def _attributes(**attributes: Any) -> dict[str, str]:
    return {name: _text(value) for name, value in attributes.items() if value is not None and value != ""}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ReportError("A time in a report needs a zone; this one has none.")
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise ReportError("A number in a report must be finite.")
    return _UNFIT.sub("\ufffd", str(value))


def _bytes(root: Any) -> bytes:
    written: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return written
