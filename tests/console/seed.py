# ruff: noqa: E501
"""A unit at work, made up and harmless: people, orders, devices with six hours of journal, alerts, sealed evidence.

Run as a script it starts a hub with these data: ``python tests/console/seed.py DATA PORT``.
"""

import io
import json
import sys
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
from PIL import Image, ImageDraw
from sqlalchemy.orm import Session

from tocsin import orders
from tocsin.evidence import sealing
from tocsin.evidence.journal import entry_hash, sign_entry
from tocsin.evidence.keys import DeviceKey
from tocsin.hub import alerts, audit, bodies, device_state, effects, passwords, ringing, second_factor, sessions
from tocsin.hub import orders as hub_orders
from tocsin.hub.hub import Hub
from tocsin.hub.sessions import Who
from tocsin.hub.store.schema import Device, EvidenceRecord, JournalEntry, OrderRecord, Person, Unit, WebSession
from tocsin.model import Entry, utc_text

PASSWORD = "plain walnut harbour tide"
PASSPHRASE = "quiet lantern orchard mile"

CLAUSES = [
    {
        "number": "1",
        "condition": "C1",
        "text": "Not to possess or use any device capable of accessing the internet unless monitoring software approved by the police is installed on it and operational.",
        "exceptions": [],
    },
    {
        "number": "3",
        "condition": "C10",
        "text": "Not to have any contact or communication of any kind with any child under the age of 18, whether in person, by letter, by telephone or over the internet.",
        "exceptions": [
            "such contact as is inadvertent and not reasonably avoidable in the course of lawful daily life",
            "with the consent of the child's parent or guardian, who knows of the convictions, and of the social services",
        ],
    },
    {
        "number": "5",
        "condition": "C5",
        "text": "Not to use any private or incognito browsing mode, or software that prevents the device from retaining internet history.",
        "exceptions": [],
    },
    {
        "number": "6",
        "condition": "C6",
        "text": "Not to install encryption, wiping or anonymising software, other than what is intrinsic to the device's operation.",
        "exceptions": ["software that an employer requires, if the officer was told before"],
    },
]
CHAT = [
    ("other", "are you on later for the quiz"),
    ("subject", "yes, eight o'clock. how old are you anyway"),
    ("other", "im in year 8, just turned 13"),
    ("subject", "nice. are your parents home right now?"),
    ("other", "no mum is at work till six"),
    ("subject", "dont tell anyone we talk ok"),
    ("subject", "can we move to another app, i will send you a gift card"),
]
SPANS = {2: "just turned 13", 3: "are your parents home", 5: "dont tell anyone", 6: "move to another app"}


@dataclass
class Seeded:
    """Who and what is there. ``totp`` and ``cookies`` by the person's short name."""

    people: dict[str, Person] = field(default_factory=dict)
    totp: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: dict[str, str] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    alerts: dict[str, str] = field(default_factory=dict)
    identity: str = ""
    recipient: str = ""
    signed_extra: str = ""
    hub: Hub | None = None
    seqs: dict[str, int] = field(default_factory=dict)

    def ring(self, hub: Hub, label: str, now: datetime, **changes: object) -> str:
        """Let one more finding arrive at a device; return the alert's id."""
        with hub.store.session() as session:
            alert = take(session, hub, self, label, now, **changes)
            return alert.id


def seed(hub: Hub, now: datetime | None = None, extra: int = 0) -> Seeded:
    """Fill an empty hub. ``extra`` adds that many more closed and open alerts, for speed."""
    now = now or hub.clock.now()
    made = Seeded(hub=hub)
    made.identity, made.recipient = sealing.new_identity()
    recovery = sealing.new_identity()[1]
    with hub.store.session() as session:
        _people(session, hub, made, now)
    with hub.store.session() as session:
        _orders(session, made, recovery, now)
    with hub.store.session() as session:
        for label, reference, state in DEVICES:
            _device(session, made, label, reference, state, now)
    with hub.store.session() as session:
        _alerts(session, hub, made, now)
        for number in range(extra):
            take(
                session,
                hub,
                made,
                "laptop D-2",
                now - timedelta(days=2, minutes=number),
                thread=f"{number:016x}",
                severity=1 + number % 5,
                detector="phrases",
                signals=["phrase"],
                category="condition-observation",
                evidence=None,
            )
    hub.log.checkpoint(hub.store, now)
    return made


DEVICES = (
    ("laptop D-2", "S-0412", "ok"),
    ("desktop D-1", "S-0377", "degraded"),
    ("laptop D-5", "S-0390", "silent"),
    ("school PC 14", "P-118", "idle"),
)


def _people(session: Session, hub: Hub, made: Seeded, now: datetime) -> None:
    unit = Unit(id=uuid.uuid4().hex, name="Unit 4")
    other = Unit(id=uuid.uuid4().hex, name="Unit 9")
    session.add_all([unit, other])
    session.flush()
    hashed = passwords.hash_password(PASSWORD)
    for short, name, role, where, call in (
        ("ines", "Ines Okafor", "officer", unit, 1),
        ("marek", "Marek Lind", "officer", unit, 2),
        ("ruth", "Ruth Adeyemi", "supervisor", unit, 1),
        ("tom", "Tom Brandt", "officer", other, 1),
        ("ada", "Ada Pereira", "auditor", unit, 0),
        ("jo", "Jo Lindqvist", "administrator", unit, 0),
    ):
        secret = pyotp.random_base32()
        _, hashes = second_factor.new_recovery_codes()
        person = Person(
            id=uuid.uuid4().hex,
            unit_id=where.id,
            name=name,
            email=f"{short}@unit.example",
            role=role,
            password_hash=hashed,
            totp_secret=hub.secret.seal(secret),
            totp_confirmed=True,
            recovery_hashes=hashes,
            on_call=call,
            active=True,
            created_at=now - timedelta(days=200),
            age_recipient=made.recipient if short == "ines" else "",
        )
        session.add(person)
        session.flush()
        session.refresh(person)
        cookie = sessions.start(session, person, now, second_factor=True)
        made.people[short], made.totp[short], made.cookies[short] = person, secret, cookie
        web = session.get(WebSession, sessions.hash_cookie(cookie))
        assert web is not None
        made.csrf[short] = web.csrf
        if short == "ines":
            audit.record(session, person.id, audit.SIGN_IN, f"person:{person.id}", at=now - timedelta(hours=2))


def order_text(
    reference: str, subject: str, labels: list[str], officer: str, recovery: str, now: datetime, school: bool = False
) -> str:
    """Return an order document."""
    return json.dumps(
        {
            "schema": "tocsin/order@1", "id": reference, "kind": "school-policy" if school else "court-order",
            "title": "Acceptable-use policy, school devices" if school else "Sexual Harm Prevention Order", "court": "Riverside School, governing body" if school else "Northport Crown Court",
            "authority": {"name": "Riverside School" if school else "Northport Police, Unit 4", "contact": "0100 555 010, unit4@police.example", "complaints": "professional.standards@police.example"},
            "subject": {"reference": subject}, "from": utc_text(now - timedelta(days=120)), "until": utc_text(now + timedelta(days=600)),
            "devices": [{"label": label} for label in labels], "evidence": ["text", "picture"],
            "recipients": [{"name": "Ines Okafor", "age": officer, "role": "officer"}, {"name": "Unit 4 safe", "age": recovery, "role": "recovery"}],
            "clauses": CLAUSES, "privileged": [{"label": "solicitor", "match": ["Harrow & Pike"]}],
        }
    )  # fmt: skip


def _orders(session: Session, made: Seeded, recovery: str, now: datetime) -> None:
    key = orders.keygen()
    ines = made.people["ines"]
    who = Who(ines, WebSession(id_hash="", person_id=ines.id, csrf=""))
    for label, reference, _ in DEVICES:
        text = order_text(
            f"T20267{reference[-3:]}", reference, [label], made.recipient, recovery, now, reference.startswith("P")
        )
        made.orders[label] = hub_orders.add(session, who, orders.sign(text, key), now - timedelta(days=119)).id
    made.signed_extra = orders.sign(
        order_text("T20269001", "S-0455", ["phone P-1"], made.recipient, recovery, now), key
    )


def _device(session: Session, made: Seeded, label: str, reference: str, state: str, now: datetime) -> None:
    order = session.get(OrderRecord, made.orders[label])
    assert order is not None
    key = DeviceKey.generate()
    device = Device(
        id=uuid.uuid4().hex,
        subject_id=order.subject_id,
        order_id=order.id,
        label=label,
        public_key=key.public,
        platform="Linux 6.1, X11",
        software="tocsin 0.1.0",
        status="active",
        enrolled_at=now - timedelta(days=118),
        health={},
    )
    session.add(device)
    session.flush()
    silent = timedelta(minutes=38) if state == "silent" else timedelta(0)
    at, ends, previous, seq = now - timedelta(hours=6), now - silent, "0" * 64, 0
    step = 30
    rows = []
    while at < ends:
        hour = (now - at).total_seconds() / 3600
        if label == "laptop D-2" and 4.2 < hour < 4.5:
            at += timedelta(minutes=1)
            continue
        active = state != "idle" and not 2.4 < hour < 3.3
        kind, body = (
            "heartbeat",
            {
                "state": "idle" if not active else "ok" if state == "silent" else state,
                "last_evidence": utc_text(at),
                "active": active,
                "coverage": 0.98 if hour > 1 else 0.96,
                "cpu": 3.1,
                "memory": 205 * 2**20,
                "degradations": ["ocr-slow"] if state == "degraded" else [],
                "counts": {},
            },
        )
        if seq == 0:
            kind, body = "start", {"software": "tocsin 0.1.0", "order": order.digest, "boot_reason": "boot"}
        elif seq == 1:
            kind, body = "notice", {"state": "accepted", "order": order.digest}
        elif state == "degraded" and seq == 180:
            kind, body = "degraded", {"step": "ocr-slow", "level": 1, "reason": "cpu", "since": utc_text(at)}
        entry = sign_entry(
            Entry(
                device=device.id,
                seq=seq + 1,
                at=utc_text(at),
                mono_ns=int((at - now + timedelta(hours=9)).total_seconds() * 1e9),
                boot="b1",
                kind=kind,
                body=body,
                prev=previous,
            ),
            key,
        )
        previous = entry_hash(entry)
        seq += 1
        rows.append(
            JournalEntry(
                device_id=device.id,
                seq=seq,
                kind=kind,
                at=at,
                received_at=at,
                hash=previous,
                raw=json.dumps(entry.as_dict()),
            )
        )
        at += timedelta(seconds=step)
    session.add_all(rows)
    device.last_seq, device.last_hash, device.last_boot, device.last_mono_ns = seq, previous, "b1", 0
    device.last_at = device.last_received = device.last_heartbeat = rows[-1].at
    device.last_evidence = rows[-1].at - timedelta(seconds=2 if state != "idle" else 2000)
    device.health = bodies.health(json.loads(rows[-1].raw)["body"], rows[-1].at)
    made.devices[label], made.seqs[label] = device, seq


def picture() -> bytes:
    """Return a harmless picture: hills and a sun."""
    image = Image.new("RGB", (640, 400), (150, 190, 230))
    draw = ImageDraw.Draw(image)
    draw.ellipse((470, 50, 560, 140), fill=(250, 210, 90))
    draw.polygon([(0, 400), (180, 180), (380, 400)], fill=(70, 120, 80))
    draw.polygon([(220, 400), (450, 220), (640, 400)], fill=(90, 150, 100))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def document(now: datetime, lines: int = len(CHAT)) -> dict[str, object]:
    """Return what a device would seal: lines of context and the words that the finding rests on."""
    said = [
        {"text": text, "speaker": who, "at": utc_text(now - timedelta(seconds=14 * (len(CHAT) - i)))}
        for i, (who, text) in enumerate(CHAT[:lines])
    ]
    quotes = [
        {**said[i], "spans": [[said[i]["text"].index(words), said[i]["text"].index(words) + len(words)]]}
        for i, words in SPANS.items() if i < lines
    ]  # fmt: skip
    return {
        "finding": "f",
        "order": "",
        "device": "",
        "at": utc_text(now),
        "app": "Chromium",
        "title": "Chat with friend",
        "why": "Stated age under 18, then a question whether parents are home, secrecy, and another app: four signals in four minutes.",
        "category": "grooming-signal",
        "severity": 5,
        "confidence": 0.91,
        "signals": [],
        "clauses": [],
        "quotes": quotes,
        "context": said,
    }


def media(match: dict[str, object], name: str = "") -> dict[str, object]:
    """Return what a device would seal of a picture on a list: one on the screen, or a file by its path."""
    return {
        "place": "file" if name else "screen",
        "name": name,
        "held": "",
        "size": 48_213 if name else 0,
        "media": "picture",
        "digests": {"md5": "0f" * 16, "sha1": "1e" * 20, "sha256": "2d" * 32} if name else {},
        "prints": [
            {"pdq": "3c" * 32, "quality": 97, "path": "full" if name else "screen", "stripped": False, "turn": 0}
        ],
        "frames": [],
        "box": None if name else [312, 196, 360, 240],
        "matches": [match | {"severity": 3, "source": "", "turn": 0, "stripped": False, "shares": None}],
    }


def take(session: Session, hub: Hub, made: Seeded, label: str, at: datetime, **changes: object):
    """Let a finding arrive as ingest would."""
    given = {
        "category": "grooming-signal",
        "severity": 5,
        "confidence": 0.91,
        "signals": ["age-under-18", "adults-near", "secrecy", "private-app"],
        "not_seen": ["gift-or-money", "picture-request", "meeting-travel"],
        "benign": ["relative", "wrong-person", "age-peer"],
        "clause": "3",
        "condition": "C10",
        "detector": "conversation",
        "thread": "00112233445566aa",
        "evidence": "text",
        "refines": False,
        "talk": None,
        "lines": len(CHAT),
        "matches": (),
        "path": "",
        "files": (),
    } | changes
    origin = device_state.load(session, [made.devices[label].id])[made.devices[label].id]
    made.seqs[label] += 1
    declared = None
    if given["evidence"]:
        words = document(given["talk"] or at, int(given["lines"]))
        if given["matches"]:
            words |= {"quotes": [], "context": [], "why": "A picture is 4 bits (PDQ) from an entry of a list."}
            words["media"] = media(given["matches"][0], str(given["path"]))
            if label.startswith("gateway"):
                words["media"]["place"] = "upload"
        sealed = sealing.seal(
            words,
            [picture()] if given["evidence"] == "picture" else [],
            [made.recipient],
            given["files"],
        )
        hub.blobs.put(sealed.digest, sealed.data)
        declared = bodies.EvidenceBody(
            sealed.digest, sealed.size, ("text", "picture") if given["evidence"] == "picture" else ("text",)
        )
    body = bodies.FindingBody(
        id=uuid.uuid4().hex, detector=str(given["detector"]), version="1.2.0", category=str(given["category"]), severity=int(given["severity"]), confidence=float(given["confidence"]),
        signals=tuple({"name": name, "direction": "to-subject" if name == "age-under-18" else "from-subject", "confidence": 0.9} for name in given["signals"]),
        not_seen=tuple(given["not_seen"]), benign=tuple(given["benign"]), verdicts=({"rule": "r", "clause": given["clause"], "condition": given["condition"], "status": "breach-indicated", "coverage": 0.97, "method": f"{given['detector']} 1.2.0", "exceptions": 2},),
        thread=str(given["thread"]), observed_at=at, evidence=declared, refines=bool(given["refines"]), matches=tuple(given["matches"]),
    )  # fmt: skip
    alert = ringing.take_finding(session, hub, origin, body, seq=made.seqs[label], now=at + timedelta(milliseconds=270))
    if declared is not None:
        record = session.get(EvidenceRecord, declared.digest)
        record.status, record.stored_at = "stored", at
    session.add(
        JournalEntry(
            device_id=origin.id,
            seq=made.seqs[label],
            kind="finding",
            at=at,
            received_at=at,
            hash=uuid.uuid4().hex * 2,
            raw="{}",
        )
    )
    device = session.get(Device, origin.id)
    device.last_seq = made.seqs[label]
    session.flush()
    return alert


LISTED = {
    "list": "Example list",
    "entry": "lighthouse-1",
    "by": "pdq",
    "distance": 4,
    "scheme": "own",
    "category": "harmless",
}
KNOWN = {
    "category": "known-media-match",
    "signals": ["known-hash"],
    "not_seen": [],
    "benign": ["wrong-person"],
    "clause": "6",
    "condition": "C11",
    "detector": "known-media",
    "severity": 3,
    "confidence": 0.98,
    "evidence": "picture",
    "matches": [LISTED],
}


def _alerts(session: Session, hub: Hub, made: Seeded, now: datetime) -> None:
    marek = made.people["marek"]
    concealment = {
        "category": "condition-observation",
        "signals": ["private-window"],
        "not_seen": ["tor", "vpn", "wiper"],
        "benign": ["wrong-person", "work-tool"],
        "clause": "5",
        "condition": "C5",
        "detector": "concealment",
        "severity": 3,
        "confidence": 0.97,
        "evidence": "text",
    }
    history = (
        ("benign", 6),
        ("true-concern", 5),
        ("detector-error", 4),
        ("true-but-known", 3),
        ("cannot-tell", 2),
        ("true-concern", 1),
    )
    for verdict, days in history:
        at = now - timedelta(days=days)
        closed = take(
            session,
            hub,
            made,
            "desktop D-1",
            at,
            severity=4,
            confidence=0.7,
            signals=["age-asked", "secrecy"],
            thread=f"{days:016x}",
        )
        alerts.close(
            session,
            hub,
            closed,
            session.get(Person, marek.id),
            at + timedelta(minutes=9 + days),
            verdict=verdict,
            note_text="Looked at the words; decided with the case file beside it.",
            severity=3,
        )
        made.alerts[f"closed-{days}"] = closed.id
    minor = take(
        session,
        hub,
        made,
        "school PC 14",
        now - timedelta(hours=5),
        severity=2,
        confidence=0.55,
        signals=["phrase"],
        benign=["quotation", "joke", "age-peer"],
        not_seen=["age-asked", "meeting-travel"],
        detector="phrases",
        thread="9" * 16,
    )
    made.alerts["school"] = minor.id
    vpn = take(
        session,
        hub,
        made,
        "desktop D-1",
        now - timedelta(minutes=96),
        **{
            **concealment,
            "signals": ["vpn"],
            "clause": "6",
            "condition": "C6",
            "severity": 3,
            "benign": ["work-tool"],
            "not_seen": ["tor", "wiper", "vault"],
        },
    )
    alerts.acknowledge(session, hub, vpn, session.get(Person, marek.id), now - timedelta(minutes=90))
    made.alerts["vpn"] = vpn.id
    made.alerts["window"] = take(session, hub, made, "laptop D-2", now - timedelta(minutes=41), **concealment).id
    silent = device_state.load(session, [made.devices["laptop D-5"].id])[made.devices["laptop D-5"].id]
    effects.ring(session, hub, silent, effects.SILENT, now - timedelta(minutes=36), detail="Last heard 45 s before.")
    device = session.get(Device, silent.id)
    device.status, device.silent_since = "silent", now - timedelta(minutes=36)
    picture_alert = take(
        session,
        hub,
        made,
        "desktop D-1",
        now - timedelta(minutes=22),
        severity=4,
        confidence=0.82,
        signals=["picture-request", "age-asked"],
        not_seen=["age-under-18", "meeting-travel"],
        thread="b" * 16,
        evidence="picture",
    )
    made.alerts["picture"] = picture_alert.id
    for ago, lines, names in (
        (95, 2, ["age-asked"]),
        (50, 4, ["age-under-18", "adults-near"]),
        (12, 7, ["age-under-18", "adults-near", "secrecy", "private-app"]),
    ):
        top = take(
            session,
            hub,
            made,
            "laptop D-2",
            now - timedelta(seconds=ago),
            signals=names,
            severity=5 if ago < 90 else 4,
            refines=ago < 90,
            lines=lines,
            talk=now,
        )
    made.alerts["top"] = top.id


UPLOADED = {
    "category": "known-media-match",
    "signals": ["known-hash"],
    "not_seen": [],
    "benign": ["wrong-person"],
    "clause": "3",
    "condition": "custom",
    "detector": "known-media",
    "severity": 4,
    "confidence": 0.98,
    "evidence": "picture",
    "thread": "account-17",
}


def gateway(hub: Hub, made: Seeded, now: datetime) -> str:
    """Let an internet service's gateway be there, and an alert of two uploads by one account; return the alert's id."""
    label, ines = "gateway-eu-1", made.people["ines"]
    order = json.loads(
        order_text("policy-2026", "video-service-eu", [label], made.recipient, sealing.new_identity()[1], now)
    )
    order |= {"kind": "platform-policy", "title": "Safety terms of the service"}
    who = Who(ines, WebSession(id_hash="", person_id=ines.id, csrf=""))
    with hub.store.session() as session:
        signed = orders.sign(json.dumps(order), orders.keygen())
        made.orders[label] = hub_orders.add(session, who, signed, now - timedelta(days=1)).id
    with hub.store.session() as session:
        _device(session, made, label, "video-service-eu", "ok", now)
    for entry in ("harbour-1", "harbour-2"):
        changes = UPLOADED | {"matches": [LISTED | {"entry": entry}], "path": f"{entry}.png"}
        made.alerts["uploads"] = made.ring(hub, label, now, **changes)
    return made.alerts["uploads"]


def main(data: Path, port: int) -> None:
    """Start a hub with these data and say how to sign in."""
    import uvicorn

    from tocsin.console import mount
    from tocsin.hub.app import create_app
    from tocsin.hub.settings import HubSettings

    app = create_app(HubSettings(data=data, port=port, heartbeat_s=36000))
    mount(app)
    made = seed(app.state.hub, datetime.now(UTC))
    (data / "seeded.json").write_text(
        json.dumps(
            {
                "cookies": made.cookies,
                "totp": made.totp,
                "alerts": made.alerts,
                "devices": {k: d.id for k, d in made.devices.items()},
                "orders": made.orders,
                "identity": made.identity,
                "signed": made.signed_extra,
            }
        )
    )
    print(
        json.dumps(
            {"url": f"http://127.0.0.1:{port}", "password": PASSWORD, "people": [p.email for p in made.people.values()]}
        ),
        flush=True,
    )
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
