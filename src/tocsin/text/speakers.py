"""Who speaks, from the page's layout: side and colour of bubbles, name prefixes, name lines. *Unknown* is a value.

On chat pages the person at the keyboard stands on the right. Lines of one bubble are joined to one utterance.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tocsin.model import Line, Rect, Speaker, TextSeen

_SELF = frozenset({"me", "you", "yo", "tu", "ako", "ikaw", "i", "self", "mi"})
_PREFIX = re.compile(
    r"^\s*[\[(<]?(?:\d{1,2}[:.]\d{2}\s*(?:am|pm)?[\])]?\s*)?([^\W\d][\w.'’ -]{0,23}?)[>\])]?\s?:\s+(?=\S)", re.I
)
_NAME_LINE = re.compile(
    r"^\s*([^\W\d_][\w.'’-]{0,20}(?: [^\W\d_][\w.'’-]{0,20})?)\s*[·,|–-]?\s*"
    r"(?:(?:today|yesterday|hoy|ayer|ngayon)\s*(?:at|a las)?\s*)?\d{1,2}[:.]\d{2}(?:\s*(?:am|pm))?\s*$",
    re.I,
)
_CHROME = re.compile(
    r"^\s*(?:(?:today|yesterday|hoy|ayer|ngayon|kahapon)?,?\s*(?:at\s*)?\d{1,2}[:.]\d{2}(?:\s*[ap]\.?m\.?)?|seen|delivered|read|sent|"
    r"online|typing\.*|today|yesterday|visto|enviado|hoy|ayer|type a message|message\.*|send|enviar|[✓\s]+)\s*$",
    re.I,
)
_NOT_NAMES = frozenset({
    "also", "answer", "asunto", "btw", "but", "date", "de", "edit", "example", "fecha", "from", "fw", "fwd",
    "http", "https", "nota", "note", "ok", "oras", "para", "price", "ps", "q", "question", "re", "reminder",
    "size", "so", "subject", "time", "tip", "to", "today", "tomorrow", "total", "update", "warning",
})  # fmt: skip
_EDGES = 64


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one person said at once, wrapped lines joined by a space."""

    text: str
    speaker: Speaker
    name: str = ""


@dataclass(slots=True)
class Layout:
    """What is known of one thread's page: where its column's edges are, which colour and name speaks."""

    left: int | None = None
    right: int | None = None
    fills: dict[tuple[int, int, int], Speaker] = field(default_factory=dict)
    names: dict[str, Speaker] = field(default_factory=dict)
    counts: Counter[tuple[Speaker, tuple[int, int, int]]] = field(default_factory=Counter)
    current: Speaker = Speaker.UNKNOWN
    current_name: str = ""

    def utterances(self, seen: TextSeen, title: str = "") -> list[Utterance]:
        """Join lines into utterances and say who speaks each; learns from what it sees."""
        groups = list(_bubbles(seen.lines))
        boxes = [_union(group) for group in groups]
        self._learn([box for box in boxes if box is not None], seen.frame)
        said: list[Utterance] = []
        for group, box in zip(groups, boxes, strict=True):
            utterance = self._utterance(group, box, title)
            if utterance is not None:
                said.append(utterance)
        return said

    def speakers(self, seen: TextSeen, title: str = "") -> list[Speaker]:
        """Return who speaks each line, in the lines' order, for showing words beside those that a finding rests on.

        Stricter than :meth:`utterances`: where side and colour disagree, as in a header, or the colour is rare on
        that side, as that of a scroll bar, nobody is named.
        """
        groups = list(_bubbles(seen.lines))
        boxes = [_union(group) for group in groups]
        self._learn([box for box in boxes if box is not None], seen.frame)
        told: list[Speaker] = []
        for group, box in zip(groups, boxes, strict=True):
            fill = group[0].fill
            known = self.fills.get(fill) if fill is not None else None
            said = self._utterance(group, box, title)
            speaker = said.speaker if said is not None else Speaker.UNKNOWN
            if known not in (None, speaker) or (fill is not None and self._is_rare(speaker, fill)):
                speaker = Speaker.UNKNOWN
            told += [speaker] * len(group)
        return told

    def _is_rare(self, speaker: Speaker, fill: tuple[int, int, int]) -> bool:
        """Count a colour for a speaker, and say whether it is rare among that speaker's own."""
        if (speaker, fill) in self.counts or len(self.counts) < 2 * _EDGES:
            self.counts[speaker, fill] += 1
        most = max((count for (who, _), count in self.counts.items() if who is speaker), default=1)
        return self.counts[speaker, fill] * 5 < most

    def _utterance(self, group: Sequence[Line], box: Rect | None, title: str) -> Utterance | None:
        text = " ".join(line.text.strip() for line in group if line.text.strip())
        if not text or _CHROME.match(text):
            return None
        told = next((line.speaker for line in group if line.speaker is not Speaker.UNKNOWN), Speaker.UNKNOWN)
        if told is not Speaker.UNKNOWN:
            return Utterance(text, told)
        heading = _NAME_LINE.match(text)
        if heading and heading.group(1).lower() not in _NOT_NAMES:
            self.current_name = heading.group(1)
            self.current = self._named(self.current_name, title)
            return None
        prefix = _PREFIX.match(text)
        if prefix and prefix.group(1).lower() not in _NOT_NAMES and len(prefix.group(1).split()) <= 3:
            name = prefix.group(1)
            return Utterance(text[prefix.end() :], self._named(name, title), name)
        speaker = self._by_place(box, group[0].fill)
        if speaker is Speaker.UNKNOWN and self.current_name:
            return Utterance(text, self.current, self.current_name)
        return Utterance(text, speaker)

    def _named(self, name: str, title: str) -> Speaker:
        key = name.lower().strip()
        if key in self.names and self.names[key] is not Speaker.UNKNOWN:
            return self.names[key]
        speaker = Speaker.UNKNOWN
        if key in _SELF:
            speaker = Speaker.SUBJECT
        elif re.search(rf"(?<!\w){re.escape(key)}(?!\w)", title.lower()) or Speaker.SUBJECT in self.names.values():
            speaker = Speaker.OTHER
        if len(self.names) < _EDGES:
            self.names[key] = speaker
        return speaker

    def _learn(self, boxes: Sequence[Rect], frame: Rect | None) -> None:
        for box in boxes:
            self.left = box.x if self.left is None else min(self.left, box.x)
            self.right = box.right if self.right is None else max(self.right, box.right)
        if frame is not None and self.right is not None and self.left is not None:
            self.left = max(self.left, frame.x)
            self.right = min(self.right, frame.right)

    def _by_place(self, box: Rect | None, fill: tuple[int, int, int] | None) -> Speaker:
        if box is None or self.left is None or self.right is None:
            return Speaker.UNKNOWN
        before, after = box.x - self.left, self.right - box.right
        speaker = Speaker.UNKNOWN
        if before > 40 and after < before * 0.5:
            speaker = Speaker.SUBJECT
        elif after > 40 and before < after * 0.5:
            speaker = Speaker.OTHER
        if fill is not None:
            known = self.fills.get(fill)
            if speaker is Speaker.UNKNOWN and known is not None:
                return known
            if speaker is not Speaker.UNKNOWN and len(self.fills) < _EDGES:
                self.fills.setdefault(fill, speaker)
        return speaker


def _bubbles(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Group lines that stand directly under each other with one left edge and one fill."""
    group: list[Line] = []
    for line in lines:
        if group and _same_bubble(group[-1], line):
            group.append(line)
            continue
        if group:
            yield group
        group = [line]
    if group:
        yield group


def _same_bubble(above: Line, below: Line) -> bool:
    if above.box is None or below.box is None or above.speaker is not below.speaker:
        return False
    gap = below.box.y - above.box.bottom
    height = max(above.box.h, below.box.h)
    if _CHROME.match(above.text) or _CHROME.match(below.text) or _NAME_LINE.match(above.text):
        return False
    return (
        -0.3 * height <= gap <= 0.45 * height
        and abs(above.box.x - below.box.x) <= max(6, height // 2)
        and above.fill == below.fill
    )


def _union(group: Sequence[Line]) -> Rect | None:
    boxes = [line.box for line in group if line.box is not None]
    if not boxes:
        return None
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    return Rect(left, top, max(b.right for b in boxes) - left, max(b.bottom for b in boxes) - top)
