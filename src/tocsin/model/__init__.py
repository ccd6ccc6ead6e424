"""The product's words as types: what was seen, what it may mean, under which order, and what is recorded.

Everything else meets here. This room imports nothing of ours and does no input or output.
"""

from tocsin.model.entry import Entry, EntryKind
from tocsin.model.finding import BENIGN, CATEGORIES, SIGNALS, Category, Direction, Finding, Quote, Signal
from tocsin.model.health import Health, HealthState
from tocsin.model.media import Fingerprints, Frame, Label, Match, MediaSeen, Print
from tocsin.model.observation import (
    Kind,
    Line,
    NotScanned,
    Observation,
    PictureSeen,
    ProcessSeen,
    Speaker,
    StateSeen,
    TextSeen,
)
from tocsin.model.protocols import Detector, Example, Sensor
from tocsin.model.rect import Rect
from tocsin.model.times import Clock, SystemClock, parse_utc, told_utc, utc_text
from tocsin.model.verdict import ReviewVerdict, Status, Verdict

__all__ = [
    "BENIGN",
    "CATEGORIES",
    "SIGNALS",
    "Category",
    "Clock",
    "Detector",
    "Direction",
    "Entry",
    "EntryKind",
    "Example",
    "Finding",
    "Fingerprints",
    "Frame",
    "Health",
    "HealthState",
    "Kind",
    "Label",
    "Line",
    "Match",
    "MediaSeen",
    "NotScanned",
    "Observation",
    "PictureSeen",
    "Print",
    "ProcessSeen",
    "Quote",
    "Rect",
    "ReviewVerdict",
    "Sensor",
    "Signal",
    "Speaker",
    "StateSeen",
    "Status",
    "SystemClock",
    "TextSeen",
    "Verdict",
    "parse_utc",
    "told_utc",
    "utc_text",
]
