"""What a person reads: titles, sentences and names for the codes in the data. Nothing here accuses anyone."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from tocsin.console import matches as known
from tocsin.model import BENIGN, CATEGORIES, SIGNALS

SEVERITIES: Final[Mapping[int, str]] = MappingProxyType(
    {
        5: "imminent risk to a person, if true",
        4: "serious, if true",
        3: "needs a look within the day",
        2: "a matter of the order or policy, not urgent",
        1: "for the record",
    }
)

STATUSES: Final[Mapping[str, str]] = MappingProxyType(
    {"new": "waiting", "acknowledged": "acknowledged", "escalated": "escalated", "closed": "closed"}
)

VERDICTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "true-concern": ("True, a concern", "what was seen happened, and somebody must act on it"),
        "true-but-known": ("True, but known", "it happened; it was already known or is allowed by an exception"),
        "benign": ("Benign", "it happened, and it is harmless"),
        "detector-error": ("Detector error", "something was misread, or it does not mean this"),
        "cannot-tell": ("Cannot tell", "what is here does not decide it"),
    }
)
"""The five verdicts of a reviewer: (short words, what each means)."""

DEVICE_STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ok": "ok",
        "degraded": "degraded",
        "blind": "blind: in use, and nothing seen",
        "idle": "idle",
        "unsupported": "unsupported",
        "stopped": "stopped",
        "silent": "silent",
        "removed": "removed",
        "unheard": "not heard from yet",
    }
)

STEPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "pictures-off": "pictures are not looked at",
        "ocr-slow": "text is read more slowly",
        "ocr-off": "text is not read",
        "normal": "back to normal",
    }
)

BASE_RATE: Final = (
    "Most alerts of any detector are not concerns once a person has looked. A signal orders attention; it proves "
    "nothing, and no single one suffices."
)

_STATUS_SENTENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "breach-indicated": "Bears on clause {clause}, for review.",
        "compatible": "Seen under clause {clause}; compatible with it as far as it was observed.",
        "not-observed": "Clause {clause}: not observed. Absence of data says nothing either way.",
    }
)

_TITLES: Final[tuple[tuple[str, str], ...]] = (
    ("device-silent", "Device silent: not observed"),
    ("notice-refused", "Notice refused or closed: not observed"),
    ("agent-removed", "Agent removed or stopped: not observed"),
    ("journal-gap", "Gap in the device's journal: not observed"),
    ("clock-jump", "Device clock changed: not observed"),
    ("not-scanned", "Something could not be examined: not observed"),
    ("private-window", "Private window opened: for review"),
    ("tor", "Anonymising browser: for review"),
    ("vpn", "VPN client: for review"),
    ("wiper", "Wiping or history-cleaning tool: for review"),
    ("vault", "Vault or hidden-container tool: for review"),
    ("virtual-machine", "Virtual machine or sandbox: for review"),
)
_SEEN_IN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "known-media": "an upload",
        "live-stream": "a live stream",
        "conversation": "a conversation",
        "phrases": "a conversation",
        "payments": "payments",
    }
)
_CONTACT: Final[tuple[tuple[str, str], ...]] = (
    ("age-under-18", "Contact with someone who says they are under 18: for review"),
    ("meeting-travel", "Contact, with talk of meeting: for review"),
    ("picture-request", "Contact, with a request for pictures: for review"),
    ("age-asked", "Contact, with a question about age: for review"),
)
_CATEGORY_TITLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "known-media-match": "Known picture or video: for review",
        "near-match": "Close to a known picture or video: for review",
        "self-generated-concern": "Self-generated picture: for review",
        "grooming-signal": "Contact, signs for review",
        "sextortion-signal": "Pressure for pictures or money: for review",
        "live-stream-concern": "Live video: for review",
        "payment-indicator": "Payment pattern: for review",
        "support-indicator": "Somebody may need support: for review",
        "condition-observation": "A condition of the order: for review",
    }
)


def title(category: str, signals: Iterable[str], matches: Sequence[Mapping[str, Any]] = ()) -> str:
    """Return an alert's title, which says what was seen and that a person reviews it."""
    if matches:
        return known.title(category, matches)
    names = set(signals)
    if category == "grooming-signal" and {"age-under-18", "meeting-travel"} <= names:
        return "Talk of meeting someone who says they are under 18: for review"
    for name, words in (*_TITLES, *_CONTACT):
        if name in names and (category == "condition-observation") == ((name, words) in _TITLES):
            return words
    return _CATEGORY_TITLES.get(category, "For review")


def signal(name: str) -> str:
    """Return the words for a signal's name; an unknown one is shown as it is."""
    return SIGNALS.get(name, name.replace("-", " "))


def signal_list(names: Sequence[str], most: int = 6) -> str:
    """Return signals as one phrase for a row."""
    words = [signal(name) for name in names[:most]]
    if len(names) > most:
        words.append(f"{len(names) - most} more")
    return ", ".join(words)


def category(code: str) -> str:
    """Return the words for a category."""
    return CATEGORIES.get(code, code.replace("-", " "))


def benign(code: str) -> str:
    """Return the words for a benign explanation."""
    return BENIGN.get(code, code.replace("-", " "))


def verdict(code: str | None) -> str:
    """Return a reviewer's verdict within a sentence: "benign"."""
    return VERDICTS.get(code or "", ("closed", ""))[0].lower()


def bears(status: str, clause: str) -> str:
    """Return the sentence for a verdict's status under a clause: "Bears on clause 3, for review."."""
    return _STATUS_SENTENCES.get(status, "Clause {clause}, for review.").format(clause=clause)


def clause_numbers(clauses: Iterable[Any]) -> list[str]:
    """Return the clause numbers in an alert's or finding's list of clauses or verdicts, without repeats."""
    numbers: dict[str, None] = {}
    for raw in clauses:
        value = raw.get("clause") or raw.get("number") if isinstance(raw, dict) else raw
        if value:
            numbers[str(value)] = None
    return list(numbers)


def why(signals: Sequence[str], clauses: Iterable[Any], findings: int) -> str:
    """Return a row's second line: the signals, the clauses they bear on, how many findings."""
    parts = []
    if signals:
        parts.append(f"Signals: {signal_list(signals)}.")
    numbers = clause_numbers(clauses)
    if numbers:
        parts.append(f"Clause {numbers[0]}." if len(numbers) == 1 else f"Clauses {', '.join(numbers)}.")
    if findings > 1:
        parts.append(f"{findings} findings.")
    return " ".join(parts)


def direction(code: str, platform: bool = False) -> str:
    """Return who said it to whom, or nothing when that is not known; ``platform``: at an internet service."""
    whom = "participant" if platform else "subject"
    return {"from-subject": f"by the {whom}", "to-subject": f"to the {whom}"}.get(code, "")


def seen_in(detectors: Iterable[str]) -> str:
    """Return where an internet service saw something, by the detectors that did: "in an upload"; "" if unknown."""
    places = list(dict.fromkeys(_SEEN_IN[name] for name in detectors if name in _SEEN_IN))
    return f"in {listed(places)}" if places else ""


def listed(words: Sequence[str]) -> str:
    """Return words as a phrase: "an upload, a live stream and payments"."""
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def confidence(value: float) -> str:
    """Return a confidence with the words a person can hold on to."""
    band = "high" if value >= 0.8 else "middling" if value >= 0.5 else "low"
    return f"{value:.2f} ({band})"


def span(seconds: float) -> str:
    """Return a length of time in plain words, to the precision that matters."""
    seconds = max(0.0, seconds)
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours} h"
    return f"{seconds / 86400:.0f} days"


def size(count: int) -> str:
    """Return a number of bytes for a person."""
    value = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"
