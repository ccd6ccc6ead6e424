"""What a CyberTipline report and its files say, as values. The order of fields is the schema's.

Absent means "not said": ``None``, an empty text or an empty tuple. Every moment has a zone.
Nothing here decides anything: annotations, escalation, classification and what was viewed come from a person or
are absent (rules 1 to 3 of the reference).
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar

from tocsin.exchange.cybertip.words import (
    AccountType,
    AddressType,
    Classification,
    DetailType,
    EmailType,
    EventName,
    FileAnnotation,
    IncidentType,
    PhoneType,
    Relevance,
    ReportAnnotation,
)


class Facts:
    """Root of the facts: read from JSON, an unknown name is refused and no text is longer than a page allows."""

    __slots__ = ()
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "str_max_length": 20_000, "str_strip_whitespace": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Email(Facts):
    """An e-mail address."""

    address: str
    type: EmailType | None = None
    verified: bool | None = None
    verified_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone(Facts):
    """A telephone number; ``calling_code`` as in ``+44``."""

    number: str
    type: PhoneType | None = None
    verified: bool | None = None
    verified_at: datetime | None = None
    calling_code: str = ""
    extension: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address(Facts):
    """A postal address; ``state`` is a code of the United States, ``country`` two letters."""

    street: str = ""
    city: str = ""
    zip_code: str = ""
    state: str = ""
    other_state: str = ""
    country: str = ""
    type: AddressType | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact(Facts):
    """Whom to ask."""

    first_name: str = ""
    last_name: str = ""
    phones: tuple[Phone, ...] = ()
    emails: tuple[Email, ...] = ()
    addresses: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person(Contact):
    """A person, as far as known."""

    age: int | None = None
    born: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IpEvent(Facts):
    """An address of the internet, and what was done from it."""

    address: str
    event: EventName | None = None
    at: datetime | None = None
    possible_proxy: bool | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceId(Facts):
    """A device's identifier, such as an IMEI."""

    type: str
    value: str
    event: EventName | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disabled(Facts):
    """That an account was disabled, and when. ``reenabled_at`` only for a temporary one."""

    at: datetime | None = None
    user_notified: bool | None = None
    user_notified_at: datetime | None = None
    reenabled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Location(Facts):
    """Where an account seems to be."""

    city: str = ""
    region: str = ""
    country: str = ""
    verified: bool | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Associated(Facts):
    """Another account that belongs to the reported one."""

    type: AccountType
    platform: str = ""
    first_name: str = ""
    last_name: str = ""
    phones: tuple[Phone, ...] = ()
    emails: tuple[Email, ...] = ()
    service: str = ""
    identifier: str = ""
    profile_urls: tuple[str, ...] = ()
    screen_name: str = ""
    display_names: tuple[str, ...] = ()
    ip_events: tuple[IpEvent, ...] = ()
    additional: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account(Facts):
    """An account on the reporting service, and whose it is. ``identifier`` is the service's own for the user."""

    person: Person | None = None
    identifier: str = ""
    service: str = ""
    compromised: bool | None = None
    screen_name: str = ""
    display_names: tuple[str, ...] = ()
    profile_urls: tuple[str, ...] = ()
    profile_bio: str = ""
    ip_events: tuple[IpEvent, ...] = ()
    devices: tuple[DeviceId, ...] = ()
    prior_reports: tuple[int, ...] = ()
    group: str = ""
    temporarily_disabled: Disabled | None = None
    permanently_disabled: Disabled | None = None
    location: Location | None = None
    all_emails_reported: bool | None = None
    additional: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedUser(Account):
    """The account reported."""

    vehicle: str = ""
    third_party: bool | None = None
    associated: tuple[Associated, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim(Account):
    """A child who was harmed, as far as known."""

    school: str = ""
    associated: tuple[Associated, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPage(Facts):
    """Where it was: on pages."""

    urls: tuple[str, ...] = ()
    third_party_hosted: bool | None = None
    additional: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail(Facts):
    """Where it was: in e-mail."""

    addresses: tuple[Email, ...] = ()
    content: str = ""
    additional: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newsgroup(Facts):
    """Where it was: in a newsgroup."""

    name: str = ""
    addresses: tuple[Email, ...] = ()
    content: str = ""
    additional: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat(Facts):
    """Where it was: in chat or instant messages."""

    client: str = ""
    room: str = ""
    content: str = ""
    additional: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Game(Facts):
    """Where it was: in an online game."""

    name: str = ""
    console: str = ""
    content: str = ""
    additional: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellPhone(Facts):
    """Where it was: on a mobile phone."""

    number: Phone | None = None
    latitude: float | None = None
    longitude: float | None = None
    additional: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline(Facts):
    """Where it was: not on the internet."""

    location: str = ""
    addresses: tuple[Address, ...] = ()
    additional: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerToPeer(Facts):
    """Where it was: on a peer-to-peer network."""

    client: str = ""
    ip_events: tuple[IpEvent, ...] = ()
    file_names: str = ""
    additional: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where(Facts):
    """One ``internetDetails``: exactly one of these is set."""

    web: WebPage | None = None
    mail: Mail | None = None
    newsgroup: Newsgroup | None = None
    chat: Chat | None = None
    game: Game | None = None
    phone: CellPhone | None = None
    offline: Offline | None = None
    peer: PeerToPeer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LawEnforcement(Facts):
    """An agency that knows of it already."""

    agency: str
    case_number: str = ""
    officer: Contact | None = None
    reported: bool | None = None
    served_domestic: bool | None = None
    served_international: bool | None = None
    served_country: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter(Facts):
    """Who reports: the service and its people."""

    person: Person = field(default_factory=Person)
    contact: Contact | None = None
    company_template: str = ""
    terms_of_service: str = ""
    legal_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Facts):
    """A report. ``escalate`` is the reason why a child is at risk now; it is said by a person or not at all."""

    incident_type: IncidentType
    incident_at: datetime
    incident_about: str = ""
    platform: str = ""
    escalate: str = ""
    annotations: tuple[ReportAnnotation, ...] = ()
    viral_meme_batch: bool = False
    where: tuple[Where, ...] = ()
    law_enforcement: LawEnforcement | None = None
    reporter: Reporter = field(default_factory=Reporter)
    reported: tuple[ReportedUser, ...] = ()
    recipients: tuple[Account, ...] = ()
    victims: tuple[Victim, ...] = ()
    additional: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalHash(Facts):
    """A digest of the file as the user uploaded it, before any re-encoding."""

    type: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Details(Facts):
    """Metadata (EXIF) or perceptual hashes (HASH) of a file, as pairs of name and value."""

    type: DetailType
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDetails(Facts):
    """What is said of one uploaded file.

    ``viewed`` and ``exif_viewed`` say that a person looked. They are set from a recorded view and are else None.
    """

    report_id: int
    file_id: str
    name: str = ""
    original_name: str = ""
    uploaded_at: datetime | None = None
    location: str = ""
    viewed: bool | None = None
    exif_viewed: bool | None = None
    public: bool | None = None
    relevance: Relevance | None = None
    meme: bool | None = None
    annotations: tuple[FileAnnotation, ...] = ()
    classification: Classification | None = None
    hashes: tuple[OriginalHash, ...] = ()
    ip_event: IpEvent | None = None
    devices: tuple[DeviceId, ...] = ()
    details: tuple[Details, ...] = ()
    additional: tuple[str, ...] = ()
