"""NCMEC's schema where it is at hand (it is NCMEC's document, never in this repository), and a report that says all."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tocsin.exchange.cybertip import facts
from tocsin.exchange.cybertip.schema import Schema

XSD = Path(__file__).resolve().parents[4] / "shared" / "reference" / "cybertipline.xsd"
AT = datetime(2026, 1, 15, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def xsd_text() -> bytes:
    if not XSD.is_file():
        pytest.skip("NCMEC's schema is not beside the repository (shared/reference); GET /xsd of the service gives it")
    return XSD.read_bytes()


@pytest.fixture(scope="session")
def schema(xsd_text: bytes) -> Schema:
    return Schema(xsd_text)


@pytest.fixture
def smallest() -> facts.Report:
    """The smallest report that is valid."""
    return facts.Report(
        incident_type="Child Pornography (possession, manufacture, and distribution)",
        incident_at=AT,
        reporter=facts.Reporter(person=facts.Person(emails=(facts.Email(address="reports@platform.example"),))),
    )


@pytest.fixture
def fullest() -> facts.Report:
    """A report in which every element is said once."""
    email = facts.Email(address="a@b.example", type="Home", verified=True, verified_at=AT)
    phone = facts.Phone(
        number="555 0100", type="Mobile", verified=False, verified_at=AT, calling_code="+44", extension="12"
    )
    address = facts.Address(
        street="1 Harbour Row", city="Northport", zip_code="00000", state="WA", other_state="n/a", country="US",
        type="Home",
    )  # fmt: skip
    person = facts.Person(
        first_name="A", last_name="B", phones=(phone,), emails=(email,), addresses=(address,), age=40,
        born=date(1986, 2, 3),
    )  # fmt: skip
    contact = facts.Contact(first_name="C", last_name="D", phones=(phone,), emails=(email,), addresses=(address,))
    ip = facts.IpEvent(address="192.0.2.7", event="Upload", at=AT, possible_proxy=False, port=443)
    device = facts.DeviceId(type="IMEI", value="490154203237518", event="Login", at=AT)
    off = facts.Disabled(at=AT, user_notified=True, user_notified_at=AT, reenabled_at=AT)
    account = {
        "person": person, "identifier": "u-1", "service": "Example", "compromised": False, "screen_name": "s",
        "display_names": ("one", "two"), "profile_urls": ("https://p.example/u-1",), "profile_bio": "bio",
        "ip_events": (ip,), "devices": (device,), "prior_reports": (101, 102), "group": "g",
        "temporarily_disabled": off, "permanently_disabled": off,
        "location": facts.Location(city="N", region="R", country="GB", verified=True, at=AT),
        "all_emails_reported": True, "additional": "more",
    }  # fmt: skip
    associated = facts.Associated(
        type="Parent/Guardian", platform="P", first_name="E", last_name="F", phones=(phone,), emails=(email,),
        service="S", identifier="u-2", profile_urls=("https://p.example/u-2",), screen_name="t", display_names=("t",),
        ip_events=(ip,), additional="x",
    )  # fmt: skip
    kinds = (
        facts.Where(web=facts.WebPage(urls=("https://w.example/1",), third_party_hosted=True, additional="a")),
        facts.Where(mail=facts.Mail(addresses=(email,), content="c", additional="a")),
        facts.Where(newsgroup=facts.Newsgroup(name="n", addresses=(email,), content="c", additional="a")),
        facts.Where(chat=facts.Chat(client="c", room="r", content="c", additional="a")),
        facts.Where(game=facts.Game(name="g", console="k", content="c", additional="a")),
        facts.Where(phone=facts.CellPhone(number=phone, latitude=1.5, longitude=-2.5, additional="a")),
        facts.Where(offline=facts.Offline(location="l", addresses=(address,), additional="a")),
        facts.Where(peer=facts.PeerToPeer(client="c", ip_events=(ip,), file_names="f", additional="a")),
    )
    return facts.Report(
        incident_type="Online Enticement of Children for Sexual Acts",
        incident_at=AT,
        incident_about="when it was uploaded",
        platform="Example",
        escalate="A person says why.",
        annotations=("spam", "sextortion", "csamSolicitation", "minorToMinorInteraction", "sadisticOnlineExploitation"),
        viral_meme_batch=True,
        where=kinds,
        law_enforcement=facts.LawEnforcement(
            agency="Northport Police", case_number="1", officer=contact, reported=True, served_domestic=True,
            served_international=False, served_country="GB",
        ),
        reporter=facts.Reporter(
            person=person, contact=contact, company_template="t", terms_of_service="tos", legal_url="https://l.example"
        ),
        reported=(facts.ReportedUser(**account, vehicle="v", third_party=False, associated=(associated,)),),
        recipients=(facts.Account(**account),),
        victims=(facts.Victim(**(account | {"group": ""}), school="sc", associated=(associated,)),),
        additional="the end",
    )  # fmt: skip


@pytest.fixture
def file_details() -> facts.FileDetails:
    """Details in which every element is said once."""
    return facts.FileDetails(
        report_id=4711,
        file_id="f-1",
        name="a.jpg",
        original_name="b.jpg",
        uploaded_at=AT,
        location="https://w.example/a.jpg",
        viewed=True,
        exif_viewed=False,
        public=True,
        relevance="Supplemental Reported",
        annotations=("liveStreaming", "viral"),
        classification="B2",
        hashes=(facts.OriginalHash(type="MD5", value="0" * 32), facts.OriginalHash(type="SHA1", value="1" * 40)),
        ip_event=facts.IpEvent(address="2001:db8::7"),
        devices=(facts.DeviceId(type="IMEI", value="1"),),
        details=(facts.Details(type="HASH", pairs=(("PDQ", "f" * 64),)),),
        additional=("one", "two"),
    )
