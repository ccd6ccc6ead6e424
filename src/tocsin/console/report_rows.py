"""What a person reads about reports: the words for states, facts as lines, files with who viewed them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from tocsin.hub.store.reports import Report, View
from tocsin.hub.views import HOWS, SEEN

STATES: Final = MappingProxyType(
    {
        "draft": "draft",
        "ready": "waits for a second person",
        "approved": "waits for the worker",
        "filing": "being sent",
        "opened": "open at the authority",
        "stopping": "being stopped",
        "held": "a person must decide",
        "filed": "filed",
        "withdrawing": "being withdrawn",
        "withdrawn": "withdrawn",
        "discarded": "not sent",
    }
)
AWAIT: Final = ("held", "ready")
"""States in which a person is awaited."""
MOVING: Final = ("approved", "filing", "opened", "stopping", "withdrawing")
SHOWS: Final = MappingProxyType(
    {
        "open": ("held", "ready", "draft", *MOVING),
        "filed": ("filed",),
        "ended": ("withdrawn", "discarded"),
    }
)
DECISIONS: Final = MappingProxyType(
    {
        "again": ("Send it again", "you know that none was opened there, or you give the number of the one that was"),
        "filed": ("It was filed", "you know the authority's number of it"),
        "edit": ("Change it", "it becomes a draft again; what is open there is retracted before it is sent"),
        "withdraw": ("Do not send it", "what is open there is retracted"),
    }
)
KINDS: Final = MappingProxyType(
    {
        "drafted": "Drafted.",
        "asked": "Asked for by the platform.",
        "taken-back": "Taken back by the platform.",
        "changed": "Changed.",
        "ready": "Handed to a second person.",
        "approved": "Approved.",
        "sent-back": "Made a draft again:",
        "discarded": "Not to be sent:",
        "to-retract": "Not to be sent; what is open there is retracted:",
        "taken": "Taken by the worker.",
        "opened": "Opened at the authority.",
        "opened-late": "Opened at the authority, before it heard of the stop.",
        "to-stop": "To be stopped:",
        "stopped": "Stopped before anything was sent.",
        "again": "To be tried again.",
        "held": "Held:",
        "filed": "Filed.",
        "withdrawn": "Withdrawn at the authority.",
        "erased": "Preservation ended:",
        "decided-again": "Decided to send it again:",
        "decided-filed": "Decided that it was filed:",
        "decided-edit": "Decided to change it:",
        "decided-withdraw": "Decided not to send it:",
        "decided-retract": "Decided not to send it, and to retract what is open there:",
    }
)
_LABELS: Final = MappingProxyType(
    {
        "incident_type": "Incident",
        "incident_at": "When",
        "incident_about": "About the time",
        "platform": "Platform",
        "escalate": "Why it is urgent",
        "annotations": "Annotations",
        "where": "Where",
        "reported": "User",
        "recipients": "Recipient",
        "victims": "Victim",
        "law_enforcement": "Police",
        "additional": "More",
        "identifier": "identifier",
        "ip_events": "address",
        "prior_reports": "earlier reports",
    }
)


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of a report as its page shows it."""

    evidence: str
    item: str
    relevance: str
    annotations: str
    classification: str
    public: str
    viewed: list[str]


def lines_of(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return facts as (label, value) lines, in the order they were said."""
    found: list[tuple[str, str]] = []
    for name, value in facts.items():
        found += [(label, text) for label, text in _flat(_label(name), value) if text]
    return found


def file_rows(report: Report, views: Sequence[View], names: Mapping[str, str]) -> list[FileRow]:
    """Return a report's files, each with the people who viewed it."""
    rows = []
    for each in report.files:
        item = each["item"]
        mine = [view for view in views if view.evidence == each["evidence"] and (item is None or view.item == item)]
        rows.append(
            FileRow(
                evidence=str(each["evidence"]),
                item="all items" if item is None else "the words" if item == 0 else f"item {item}",
                relevance="supplemental" if str(each["relevance"]).startswith("Supp") else "reported",
                annotations=", ".join(each["annotations"]),
                classification=each["classification"] or "",
                public={True: "yes", False: "no", None: "not known"}[each["public"]],
                viewed=_viewers(mine, names),
            )
        )
    return rows


def look(view: View, names: Mapping[str, str]) -> str:
    """Return a view as a sentence's part: who did what to which item."""
    item = "the words" if view.item == 0 else f"item {view.item}"
    return f"{names.get(view.person_id, 'somebody')}: {HOWS.get(view.how, view.how)} ({item})"


def _viewers(views: Sequence[View], names: Mapping[str, str]) -> list[str]:
    seen = [view for view in views if view.how in SEEN]
    return list(dict.fromkeys(f"{names.get(view.person_id, 'somebody')}, item {view.item}" for view in seen))


def _flat(label: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [line for name, inner in value.items() for line in _flat(f"{label}: {_label(name).lower()}", inner)]
    if isinstance(value, (list, tuple)):
        if all(not isinstance(each, (Mapping, list, tuple)) for each in value):
            return [(label, ", ".join(str(each) for each in value))]
        several = len(value) > 1
        return [
            line
            for number, each in enumerate(value, 1)
            for line in _flat(f"{label} {number}" if several else label, each)
        ]
    if isinstance(value, bool):
        return [(label, "yes" if value else "no")]
    return [(label, str(value))]


def _label(name: str) -> str:
    return _LABELS.get(name, name.replace("_", " ").capitalize())
