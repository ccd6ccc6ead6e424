"""The people, keys and order of the demonstration, made through the hub's own doors before it opens."""

import json
import secrets
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pyotp

from tocsin.evidence.keys import write_private
from tocsin.evidence.sealing import new_identity, protect
from tocsin.hub import enrolment, orders, people
from tocsin.hub.hub import Hub
from tocsin.hub.sessions import Who
from tocsin.hub.settings import HubSettings
from tocsin.hub.store.schema import Person, WebSession
from tocsin.orders import keygen, public_key, sign, template

UNIT: Final = "Example unit"


@dataclass(frozen=True, slots=True)
class Account:
    """Someone who can sign in: password and second factor."""

    email: str
    password: str
    secret: str

    def code(self, now: datetime | None = None) -> str:
        """Return the second factor's present code."""
        return pyotp.TOTP(self.secret).at(now or datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Cast:
    """What the demonstration knows. ``key_file`` holds the officer's evidence key behind ``passphrase``."""

    officer: Account
    supervisor: Account
    administrator: Account
    key_file: Path
    passphrase: str
    identity: str
    order_file: Path
    root: str
    token: str


def prepare(data: Path, folder: Path | None = None, template_name: str = "uk-shpo") -> Cast:
    """Set up a hub in ``data`` with three people, an EXAMPLE order and a token to enrol a device.

    Keys and the order are written to ``folder``. The hub must not be running yet.
    """
    folder = folder or Path(tempfile.mkdtemp(prefix="tocsin-demo-"))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    identity, recipient = new_identity()
    _, recovery = new_identity()
    passphrase = "-".join(secrets.choice(_WORDS.split()) for _ in range(4))
    key_file = folder / "officer-key.age"
    write_private(key_file, protect(identity, passphrase))
    authority = keygen()
    signed = sign(template(template_name, True, recipient=recipient, recovery=recovery), authority)
    order_file = folder / "order.json"
    write_private(order_file, signed.encode())

    hub = Hub.open(HubSettings(data=data))
    try:
        administrator, admin = _first(hub)
        officer, who = _invited(hub, admin, "Officer 17", "officer", "officer@unit.example")
        supervisor, second = _invited(hub, admin, "Supervisor 4", "supervisor", "supervisor@unit.example")
        with hub.store.session() as session:
            session.get_one(Person, who.id).age_recipient = recipient
            session.get_one(Person, who.id).on_call = 1
            session.get_one(Person, second.id).on_call = 2
            record = orders.add(session, who, signed, hub.clock.now())
            token = enrolment.issue_token(session, record, who.id, hub.clock.now())
    finally:
        hub.close()
    return Cast(
        officer, supervisor, administrator, key_file, passphrase, identity, order_file, public_key(authority), token
    )


def write(cast: Cast, path: Path) -> None:
    """Keep a demonstration's cast, readable by its owner only, so that the same folder can be used again."""
    write_private(path, json.dumps(asdict(cast), default=str, indent=2).encode())


def read(path: Path) -> Cast:
    """Return a cast kept earlier. Raises RuntimeError for a file that is not one."""
    try:
        kept = json.loads(path.read_text())
        for role in ("officer", "supervisor", "administrator"):
            kept[role] = Account(**kept[role])
        for name in ("key_file", "order_file"):
            kept[name] = Path(kept[name])
        return Cast(**kept)
    except (ValueError, KeyError, TypeError) as problem:
        raise RuntimeError(f"{path} is not what an earlier demonstration wrote; choose an empty --data") from problem


def _first(hub: Hub) -> tuple[Account, Who]:
    """Set up the first administrator by the one-time link."""
    password, email = secrets.token_urlsafe(12), "admin@unit.example"
    with hub.store.session() as session:
        token = people.setup_link(session, hub.clock.now())
    if token is None:
        raise RuntimeError("this hub is set up already; the demonstration needs an empty folder")
    with hub.store.session() as session:
        begun = people.begin_setup(
            session,
            hub.secret,
            token,
            unit=UNIT,
            name="Administrator",
            email=email,
            password=password,
            now=hub.clock.now(),
        )
    return _finished(hub, token, begun, email, password)


def _invited(hub: Hub, by: Who, name: str, role: str, email: str) -> tuple[Account, Who]:
    """Invite someone and follow the invitation."""
    password = secrets.token_urlsafe(12)
    with hub.store.session() as session:
        _, token = people.invite(
            session, by, unit_id=by.unit_id, name=name, email=email, role=role, now=hub.clock.now()
        )
    with hub.store.session() as session:
        begun = people.begin_invited(session, hub.secret, token, password=password, now=hub.clock.now())
    return _finished(hub, token, begun, email, password)


def _finished(hub: Hub, token: str, begun: people.Enrolment, email: str, password: str) -> tuple[Account, Who]:
    """Confirm the second factor with a code of the step before, so that the present code stays usable."""
    account, now = Account(email, password, begun.secret), hub.clock.now()
    with hub.store.session() as session:
        people.finish(session, hub.secret, token, account.code(now - timedelta(seconds=30)), now)
    with hub.store.session() as session:
        person = session.get_one(Person, begun.person_id)
        session.expunge_all()
    at = hub.clock.now()
    unused = WebSession(id_hash="", person_id=person.id, csrf="", created_at=at, last_seen=at, expires_at=at)
    return account, Who(person, unused)


_WORDS: Final = (
    "amber anchor apple autumn badger barley beacon birch bramble bridge candle canyon cedar clover cobalt comet "
    "copper coral cricket dapple ember falcon fern fiddle flint garnet ginger glacier harbor hazel heron indigo "
    "ivory jasper juniper kettle lagoon lantern linen lupin maple marble meadow mellow mosaic nettle nutmeg oasis "
    "olive orchid otter pebble pepper pewter plover prairie quartz quill raven reed ripple rowan saffron sable "
    "sparrow spruce sundial tamarind teal thistle timber topaz tulip umber velvet violet walnut willow wren zephyr"
)
