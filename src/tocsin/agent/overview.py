"""What the subject can see at any time (A6): the order, whether the agent runs, and what was sent."""

from dataclasses import dataclass
from typing import Any

from tocsin.agent.ledger import Ledger
from tocsin.agent.notice import words
from tocsin.model import SystemClock, utc_text
from tocsin.placement import config as configs
from tocsin.placement.config import Folders, PlacementError
from tocsin.placement.platform import take_lock
from tocsin.placement.standing import Standing


@dataclass(frozen=True, slots=True)
class Overview:
    """The same facts for programs and for people."""

    raw: dict[str, Any]
    text: str


def overview(folders: Folders) -> Overview:
    """Return the order in force and the agent's state. Raises PlacementError when the computer is not enrolled."""
    config = configs.load(folders)
    standing = Standing(folders.order, config.roots)
    order = standing.signed.order
    permission = standing.permission(SystemClock().now())
    running = _runs(folders)
    said = configs.read_json(folders.status) or {}
    raw: dict[str, Any] = {
        "running": running,
        "device": config.device,
        "label": config.label,
        "hub": config.hub,
        "order": order.id,
        "authority": order.authority.name,
        "signer": standing.signed.fingerprint,
        "from": utc_text(order.begins),
        "until": utc_text(order.ends),
        "permits": permission.reason,
        "agent": said if running else {},
    }
    told = words(standing.signed, config)
    lines = [told.text(), "", "This computer now", permission.reason]
    if not running:
        lines.append("The agent does not run; nothing is collected. " + str(said.get("sentence", "")))
    else:
        lines.append(
            "The agent runs and collects." if said.get("collecting") else "The agent runs; nothing is collected."
        )
        lines.append(f"Notice: {said.get('notice')}. Waiting to be sent: {said.get('waiting')} entries.")
        lines.append(
            "The hub is reached." if said.get("connected") else str(said.get("hub") or "The hub is not reached yet.")
        )
    return Overview(raw, "\n".join(line.rstrip() for line in lines))


def open_ledger(folders: Folders) -> Ledger:
    """Open the ledger for reading. Raises PlacementError when there is none."""
    configs.load(folders)
    if not folders.ledger.exists():
        raise PlacementError("There is no ledger yet: the agent has not run on this computer.")
    return Ledger(folders.ledger, readonly=True)


def _runs(folders: Folders) -> bool:
    lock = take_lock(folders.lock)
    if lock is None:
        return True
    lock.close()
    return False
