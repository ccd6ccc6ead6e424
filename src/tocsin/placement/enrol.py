"""Enrolment: a one-time token and a signed order make this computer a supervised one, or a gateway one that
records; nothing else can.

What is trusted from then on is fixed here: the authority's key, and the hub's certificate and key.
"""

import base64
import contextlib
import getpass
import hashlib
import os
import platform
import secrets
import shutil
import signal
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any

import httpx

from tocsin.evidence.journal import canonical
from tocsin.evidence.keys import DeviceKey, KeyFileError, fingerprint, read_public
from tocsin.model import Clock, EntryKind
from tocsin.orders import OrderError, SignedOrder, verify
from tocsin.placement import config as configs
from tocsin.placement import wire
from tocsin.placement.config import Config, Folders, PlacementError
from tocsin.placement.disk import Disk
from tocsin.placement.journal import Journal
from tocsin.placement.platform import boot_identity, take_lock

_PATIENCE = httpx.Timeout(60.0)  # a token works once: an answer that is not waited for may have used it up


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What enrolment fixed, for the person who did it to compare and note down."""

    config: Config
    order: SignedOrder
    certificate: str
    hub_key: str


def enrol(
    hub: str,
    token: str,
    signed: str,
    folders: Folders,
    clock: Clock,
    *,
    roots: Collection[str] = (),
    label: str = "",
    certificate: str = "",
) -> Enrolled:
    """Enrol this computer. Raises PlacementError, and leaves nothing behind then.

    ``roots`` are the authority keys to trust; with none, the order's own signer is pinned at first use and its
    fingerprint returned to be compared. ``certificate`` is a fingerprint the hub's certificate must have.
    """
    hub = wire.checked_hub(hub)
    if folders.config.exists():
        raise PlacementError(f"{folders.subject} is enrolled already; see tocsin {folders.what} status.")
    order = check_order(signed, roots, clock.now())
    _check_kind(order, folders)
    label = _label(order, label)
    pem = wire.certificate_of(hub)
    shown = wire.certificate_fingerprint(pem)
    if certificate and _plain(certificate) != _plain(shown):
        raise PlacementError(f"The hub shows another certificate than the one expected: {shown}. Nothing was sent.")
    key = DeviceKey.generate()
    folders.create()
    try:
        key.save(folders.key)
    except KeyFileError as problem:
        raise PlacementError(f"Nothing was sent: {problem}") from problem
    answer = _ask(hub, pem, token, key, order, label)
    try:
        config = Config(
            hub=hub,
            device=str(answer["device"]),
            hub_key=str(answer["hub_key"]),
            unit=str(answer.get("unit", "")),
            heartbeat_s=float(answer.get("heartbeat_s", 15.0)),
            certificate=pem,
            roots=tuple(roots) or (order.signer,),
            salt=secrets.token_hex(16),
            label=label,
        )
        read_public(config.hub_key)
    except (KeyError, TypeError, ValueError) as problem:
        raise PlacementError(f"The hub's answer to the enrolment cannot be read: {problem}.") from problem
    _keep(folders, config, key, order, clock)
    return Enrolled(config, order, shown, fingerprint(config.hub_key))


def check_order(signed: str, roots: Collection[str], now: datetime) -> SignedOrder:
    """Verify a signed order for enrolment: trusted signer, not ended. Raises PlacementError."""
    for root in roots:
        try:
            read_public(root)
        except KeyFileError as problem:
            raise PlacementError(f"The authority key {root[:60]!r} cannot be used: {problem}") from problem
    try:
        order = verify(signed, tuple(roots) or None)
    except OrderError as problem:
        raise PlacementError(f"The order is refused: {problem}") from problem
    if order.order.state(now) == "ended":
        raise PlacementError(f"The order ended on {order.order.ends:%d %B %Y}; nobody can be enrolled under it.")
    return order


def _check_kind(order: SignedOrder, folders: Folders) -> None:
    """A person's computer is under a court's order or a school's policy, a service's gateway under its own policy."""
    kind = order.order.kind
    if (kind == "platform-policy") == (folders.what == "gateway"):
        return
    if folders.what == "gateway":
        what = "a school's policy for its devices" if kind == "school-policy" else "a court's order about a person"
        raise PlacementError(
            f"The order {order.order.id} is {what}; a gateway is enrolled under its service's own policy "
            "(tocsin order new platform-policy). Nothing was sent."
        )
    raise PlacementError(
        f"The order {order.order.id} is an internet service's policy for its gateway; nobody's computer is supervised "
        "under it. Nothing was sent."
    )


def unenrol(folders: Folders, clock: Clock, *, send_seconds: float = 10.0) -> bool:
    """Remove this enrolment. It is reported, not prevented: True when the hub was told before the files went.

    Raises PlacementError when the computer is not enrolled.
    """
    from tocsin.placement.uplink import flush

    config = configs.load(folders)
    _end_running(folders)
    told, what = False, folders.what
    with contextlib.suppress(OSError, ValueError):
        key = DeviceKey.load(folders.key)
        journal = Journal(folders.journal, key, config.device, clock, boot_identity())
        journal.append(
            EntryKind.STOP,
            {"reason": "unenrolled", "sentence": f"The {what} was removed by {_who()} with tocsin {what} unenrol."},
        )
        told = flush(config, journal, seconds=send_seconds)
        journal.close()
    for path in (
        folders.config,
        folders.key,
        folders.order,
        folders.accepted,
        folders.ledger,
        folders.unasked,
        folders.files,
        folders.status,
        folders.lock,
    ):
        for each in path.parent.glob(path.name + "*"):
            each.unlink(missing_ok=True)
    for folder in (folders.journal, folders.evidence):
        shutil.rmtree(folder, ignore_errors=True)
    return told


def _end_running(folders: Folders, seconds: float = 15.0) -> None:
    """Stop the agent that runs on this enrolment. Raises PlacementError when it does not end."""
    deadline = time.monotonic() + seconds
    asked = False
    while (lock := take_lock(folders.lock)) is None:
        if not asked:
            asked = True
            with contextlib.suppress(OSError, PlacementError, KeyError, TypeError, ValueError):
                os.kill(int((configs.read_json(folders.status) or {})["pid"]), signal.SIGTERM)
        if time.monotonic() > deadline:
            raise PlacementError(f"The {folders.what} runs and does not end; stop it first, then remove it.")
        time.sleep(0.05)
    lock.close()


def _label(order: SignedOrder, label: str) -> str:
    labels = [device.label for device in order.order.devices]
    if label and label not in labels:
        raise PlacementError(f"The order names no device {label[:60]!r}; it names: {', '.join(labels)}.")
    if not label and len(labels) > 1:
        raise PlacementError(f"The order names several devices; say which this is with --label: {', '.join(labels)}.")
    return label or labels[0]


def _ask(hub: str, pem: str, token: str, key: DeviceKey, order: SignedOrder, label: str) -> dict[str, Any]:
    proof = key.sign(canonical({"token": token, "public_key": key.public, "order_digest": order.digest}))
    question = {
        "token": token,
        "public_key": key.public,
        "order": order.text,
        "platform": f"{platform.system()} {platform.machine()}",
        "software": f"tocsin {version('tocsin')}",
        "label": label,
        "proof": base64.b64encode(proof).decode("ascii"),
    }
    try:
        with wire.client(hub, pem) as client:
            response = client.post("/api/v1/enrol", json=question, timeout=_PATIENCE)
    except httpx.HTTPError as problem:
        raise PlacementError(
            f"The hub at {hub} did not answer the enrolment: {problem or type(problem).__name__}."
        ) from None
    if response.status_code != 201:
        said = wire.sentence_of(response) or f"it answered {response.status_code}"
        raise PlacementError(f"The hub refused the enrolment: {said}")
    try:
        answer = response.json()
    except ValueError as problem:
        raise PlacementError("The hub's answer to the enrolment cannot be read.") from problem
    if not isinstance(answer, dict):
        raise PlacementError("The hub's answer to the enrolment cannot be read.")
    return answer


def _keep(folders: Folders, config: Config, key: DeviceKey, order: SignedOrder, clock: Clock) -> None:
    """Write everything; the configuration last, since with it the computer counts as enrolled."""
    shutil.rmtree(folders.journal, ignore_errors=True)
    shutil.rmtree(folders.evidence, ignore_errors=True)
    try:
        Disk().replace(folders.order, order.text.encode())
        journal = Journal(folders.journal, key, config.device, clock, boot_identity())
        name = hashlib.sha256(bytes.fromhex(config.salt) + platform.node().encode()).hexdigest()
        journal.append(
            EntryKind.ENROLLED,
            {
                "order": order.digest,
                "software": f"tocsin {version('tocsin')}",
                "platform": f"{platform.system()} {platform.machine()}",
                "hostname_hash": name,
            },
        )
        journal.close()
        configs.save(folders, config)
    except (OSError, KeyFileError) as problem:
        raise PlacementError(f"The enrolment could not be written to {folders.data}: {problem}.") from problem


def _plain(text: str) -> str:
    return text.upper().removeprefix("SHA256:").replace(":", "").replace(" ", "")


def _who() -> str:
    try:
        return f"the user {getpass.getuser()}"
    except (OSError, KeyError):
        return "a user of this computer"
