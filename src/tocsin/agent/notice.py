"""The notice: what the person at the screen is told before anything is watched, and for as long as it is.

Here are its words and its rules; notice_art.py draws it, notice_x11.py shows it. The rules (A1, A2, A12): nothing is
collected before a person presses Accept; nothing while the permanent bar is off the screen for five seconds; where
no bar can be shown the agent does not run. No setting changes that.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tocsin.model import utc_text
from tocsin.orders import SignedOrder
from tocsin.orders.conditions import condition_of
from tocsin.placement.config import Config, PlacementError, read_json
from tocsin.placement.disk import Disk

LOST_AFTER_S = 5.0
"""How long the bar may be off the screen before collection stops."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its paragraphs; ``quoted`` ones are the order's own words."""

    heading: str
    paragraphs: tuple[str, ...]
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """Everything the notice says. ``bar`` is the permanent sign's line, ``sections`` the first-run window's text."""

    title: str
    authority: str
    order_id: str
    contact: str
    fingerprint: str
    bar: str
    sections: tuple[Section, ...]
    declining: str
    example: bool = False
    order: str = ""

    @property
    def digest(self) -> str:
        """What an acceptance is kept under: the order, and what the notice says is watched and where it goes.

        A later version that watches more says so in other words, and asks again.
        """
        return hashlib.sha256(f"{self.order}\n{self.text()}".encode()).hexdigest()

    def text(self) -> str:
        """Return the whole notice as plain text."""
        parts = [self.title]
        for section in self.sections:
            parts += ["", section.heading, *section.paragraphs]
        return "\n".join([*parts, "", self.declining])


OnNotice = Callable[[str], None]
"""Gets shown, accepted, declined, closed, covered, raised, unmapped, restored, lost."""


def words(signed: SignedOrder, config: Config) -> Words:
    """Return what the notice says for an order on this computer."""
    order = signed.order
    court = order.kind == "court-order"
    who = order.authority
    held = ", ".join(f"{recipient.name} ({recipient.role})" for recipient in order.recipients)
    example = "EXAMPLE order, for trying out only. " if order.example else ""
    monitored = f"This computer is monitored under order {order.id}"
    clauses = tuple(
        f"Clause {clause.number}: “{clause.text}”"
        + "".join(f" Exception: “{exception}”" for exception in clause.exceptions)
        for clause in order.clauses
    )
    sections = (
        Section(
            "Who monitors this computer",
            (
                f"{who.name}" + (f", on the order of {order.court}." if order.court else "."),
                f"Contact: {who.contact}",
            ),
        ),
        Section(
            "Under which order",
            (
                f"{example}{order.title}, number {order.id}, concerning {order.subject}, "
                f"from {order.begins:%d %B %Y} until {order.ends:%d %B %Y}. Monitoring stops by itself then.",
                f"Signed by the authority's key {signed.fingerprint}",
            ),
        ),
        Section("Its clauses, in its own words", clauses, quoted=True),
        Section("What is watched", (*_watched(signed), *_media(signed, config))),
        Section("What is kept, and where it goes", _kept(signed, config, held)),
        Section(
            "What you can do",
            (
                "See the order and what was sent, at any time: run “tocsin agent status” or “tocsin agent ledger”.",
                f"Ask or complain: {who.complaints}",
                "Tell others who use this computer: a bar on the screen shows them too that it is monitored. "
                "Sessions of other accounts are not watched.",
                "The program can be removed with “tocsin agent unenrol”. That is reported to the authority, "
                "not prevented.",
            ),
        ),
    )
    declining = (
        "If you decline, nothing is collected. That you declined is recorded and sent to the authority."
        if court
        else "If you decline, nothing is collected and the school is told; please log off this device."
    )
    return Words(
        title=("This device is monitored" if not court else "This computer is monitored under a court order"),
        authority=who.name,
        order_id=order.id,
        contact=who.contact,
        fingerprint=signed.fingerprint,
        bar=f"{example}{monitored}",
        sections=sections,
        declining=declining,
        example=order.example,
        order=signed.digest,
    )


def looks_at_media(signed: SignedOrder) -> bool:
    """Say whether some clause of the order calls for comparing pictures and files with hash lists."""
    return any("known-media" in condition_of(clause).detectors for clause in signed.order.clauses)


def _media(signed: SignedOrder, config: Config) -> tuple[str, ...]:
    """Return what is said of pictures and files, where a clause calls for it."""
    if not looks_at_media(signed):
        return ()
    return (
        "Pictures and videos on the screen; picture, video, archive and PDF files (by content, or by name where the "
        "content is damaged) in this account's folders, in the caches of its browsers and on drives that are attached: "
        "new ones, and in time those that were there before. Each is "
        "turned into fingerprints on this computer, and the fingerprints are compared with lists of known pictures. "
        "No other file is examined, and folders of other accounts are not.",
        f"The fingerprints, never the pictures, go to {config.hub} to be compared"
        + (", and are compared with lists on this computer" if config.lists else "")
        + ". What is on no list is not kept there.",
    )


def _watched(signed: SignedOrder) -> tuple[str, ...]:
    kept = "No picture is kept. " if looks_at_media(signed) else "No pictures. "
    if "picture" in signed.order.evidence:
        kept = "Pictures of the part of the screen concerned, where a clause allows. "
    return (
        "Text on the screen, titles of windows, which programs run, whether the computer is in use, locked or "
        "restarted. It is examined on this computer, only for signs that the clauses above call for.",
        kept + "Never: the keys you press, microphone, camera, location.",
    )


def _kept(signed: SignedOrder, config: Config, held: str) -> tuple[str, ...]:
    order = signed.order
    never = ", ".join(contact.label for contact in order.privileged)
    return (
        "Ordinary use leaves no record of its content. Where a sign bears on a clause, the words are sealed on this "
        f"computer so that only these can open them: {held}.",
        f"It goes to {order.authority.name} at {config.hub} and nowhere else. A person reviews it and decides.",
        *((f"Never recorded: your contact with {never}.",) if never else ()),
    )


class Acceptances:
    """Which orders' notices were accepted here with a real key or button; a changed order asks again."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def has(self, digest: str) -> bool:
        """Say whether the notice of this very order was accepted."""
        try:
            raw = read_json(self._path) or {}
        except PlacementError:
            return False
        return isinstance(raw.get("accepted"), dict) and digest in raw["accepted"]

    def add(self, digest: str, at: datetime) -> None:
        """Remember an acceptance. Raises OSError."""
        Disk().replace(self._path, json.dumps({"accepted": {digest: utc_text(at)}}).encode())
