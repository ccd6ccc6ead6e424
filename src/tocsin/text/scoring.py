"""How sightings add up to a warning. Plain arithmetic that a reviewer can follow.

How like reviewed examples the last messages read (``wording``) adds to the sightings or takes away from them.
Each person of the pair is tried as the one who may be acting (``actor``), the other as the one who may be a child.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import exp

from tocsin.model import Category, Quote, Speaker
from tocsin.text.severity import judge

HALF_LIFE_HOURS = 72.0
"""A signal counts half after three days, a quarter after six."""
AGE_HALF_LIFE_HOURS = 720.0
"""A stated age is remembered longer: it counts half after thirty days."""
WARN_AT = 2.0
WORDING, WORDING_BASE = 2.0, 0.35
"""What a thread's wording adds: its log-odds times the first, and the second."""
WORDING_LEAST, WORDING_MOST = -2.0, 3.0
WORDING_ALONE = 1.0
"""Wording without any named signal counts this much less."""
WORDING_MESSAGES = 4
"""Before this many messages wording can only take away."""
CERTAIN = 3.3
"""Sightings that add up to this are warned of whatever the wording."""
PLAIN_ENOUGH = frozenset({"age-under-18", "adults-near"})
"""Where both are seen, ordinary talk around them takes no warning away."""

WEIGHTS: Mapping[str, float] = {
    "age-asked": 0.6,
    "secrecy": 1.3,
    "isolation": 1.0,
    "private-app": 0.8,
    "gift-or-money": 0.8,
    "picture-request": 0.9,
    "meeting-travel": 0.8,
    "adults-near": 1.3,
    "exclusivity": 0.8,
    "threat": 1.6,
    "live-video-for-pay": 1.3,
}
CORE = frozenset({"secrecy", "isolation", "adults-near", "threat"})
_PLAIN = 0.55
"""Weaker sightings of the core signals count as ordinary talk does."""
SOFT_LIMIT = 1.2
"""Without any sign of a child, what adults ordinarily say to each other counts no more than this."""
BENIGN: Mapping[str, tuple[float, str]] = {
    "benign-family": (1.0, "relative"),
    "benign-professional": (0.9, "professional"),
    "benign-quotation": (1.1, "quotation"),
    "benign-game": (0.35, "joke"),
    "benign-shop": (0.8, "professional"),
    "benign-surprise": (1.2, "joke"),
    "benign-adult": (0.6, "consented"),
    "benign-remittance": (0.7, "remittance"),
}
PUBLIC: Mapping[str, str] = {"age-of-other": "age-under-18", "child-spoken-of": "age-under-18", "arranging": "phrase"}
MOVING = frozenset({*WEIGHTS, *PUBLIC, "age-under-18", "live-video", "pay", "child-life", "adult-age"})
"""Signals after which a thread is assessed again."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One entry of the packs, seen in one message."""

    signal: str
    entry: str
    weight: float
    alone: bool
    speaker: Speaker
    at: datetime
    message: int
    quote: Quote


@dataclass(frozen=True, slots=True)
class Assessment:
    """How a thread stands: what it would be called, how surely, and on which sightings that rests."""

    score: float
    confidence: float
    category: Category
    severity: int
    because: str
    signals: tuple[tuple[str, Speaker, float], ...]
    sightings: tuple[Sighting, ...]
    benign: tuple[str, ...]
    warns: bool
    wording: float = 0.0
    """What the wording added to the score."""


@dataclass(frozen=True, slots=True)
class _Case:
    """One way to read the thread."""

    score: float
    names: frozenset[str]
    used: frozenset[str]
    peers: bool = False


def worth(likeness: float, messages: int) -> float:
    """Return what ``likeness`` (log-odds, see ``wording``) of the last ``messages`` messages adds to a score."""
    adds = min(WORDING_MOST, max(WORDING_LEAST, WORDING * likeness + WORDING_BASE))
    return adds if messages >= WORDING_MESSAGES else min(0.0, adds)


def assess(sightings: Iterable[Sighting], now: datetime, wording: float = 0.0) -> Assessment:
    """Return how the thread stands at ``now``; ``wording`` is what :func:`worth` said of it."""
    live = [(sighting, sighting.weight * _fading(sighting, now)) for sighting in sightings]
    benign = _benign(live)
    damping = min(2.2, sum(weight for weight, _ in benign.values()))
    cases = [_contact(live, actor, damping) for actor in (Speaker.SUBJECT, Speaker.OTHER)]
    cases.append(_pressure(live, benign))
    cases.append(_live_video(live, benign))
    cases.append(_arranging(live, damping))
    best = max(cases, key=lambda case: (max(0.0, case.score), len(case.names)))
    names = frozenset(PUBLIC.get(name, name) for name in best.names) or frozenset({"phrase"} if wording > 0 else ())
    score = max(0.0, best.score) + wording
    if not best.names:
        score -= WORDING_ALONE
    if best.score >= (WARN_AT if names >= PLAIN_ENOUGH else CERTAIN):
        score = max(score, WARN_AT)
    rule = judge("conversation", names)
    used = tuple(s for s, _ in live if s.signal in best.used)
    codes = tuple(dict.fromkeys(code for _, code in benign.values())) + (("age-peer",) if best.peers else ())
    return Assessment(
        score=score,
        confidence=(sure := round(min(0.97, 1 / (1 + exp(-1.2 * (score - WARN_AT) - 0.2))), 3)),
        category=rule.category if rule else Category.GROOMING,
        severity=rule.severity if rule else 1,
        because=rule.because if rule else "",
        signals=_signals(live, best.used) or ((("phrase", Speaker.UNKNOWN, sure),) if "phrase" in names else ()),
        sightings=used,
        benign=codes,
        warns=score >= WARN_AT and rule is not None and not _left_to_phrases(names, used),
        wording=wording,
    )


def _left_to_phrases(names: frozenset[str], used: Sequence[Sighting]) -> bool:
    """Tell whether all that speaks of pressure are lines that matter alone: those are the *phrases* detector's."""
    threats = [sighting for sighting in used if sighting.signal == "threat"]
    return bool(threats) and all(sighting.alone for sighting in threats) and "age-under-18" not in names


Weighed = Sequence[tuple[Sighting, float]]


def _fading(sighting: Sighting, now: datetime) -> float:
    hours = max(0.0, (now - sighting.at).total_seconds() / 3600)
    half = AGE_HALF_LIFE_HOURS if sighting.signal.startswith("age-u") else HALF_LIFE_HOURS
    return float(0.5 ** (hours / half))


def _strength(live: Weighed, signal: str, speakers: Iterable[Speaker] | None = None) -> float:
    """Return how strongly a signal shows: its best sighting, a little more for every other message it is in."""
    wanted = None if speakers is None else set(speakers)
    best, places = 0.0, set[int]()
    for sighting, weight in live:
        if sighting.signal != signal:
            continue
        if wanted is not None and sighting.speaker not in wanted:
            if sighting.speaker is not Speaker.UNKNOWN:
                continue
            weight *= 0.85
        best = max(best, weight)
        places.add(sighting.message)
    return best * (1 + 0.2 * min(2, max(0, len(places) - 1)))


def _benign(live: Weighed) -> dict[str, tuple[float, str]]:
    found: dict[str, tuple[float, str]] = {}
    for signal, (weight, code) in BENIGN.items():
        strength = _strength(live, signal)
        if strength > 0.1:
            found[signal] = (weight * strength, code)
    return found


def _contact(live: Weighed, actor: Speaker, damping: float) -> _Case:
    """One person towards another who may be a child."""
    counterpart = Speaker.OTHER if actor is Speaker.SUBJECT else Speaker.SUBJECT
    stated = max(_strength(live, "age-under-18", [counterpart]), _strength(live, "age-of-other", [actor]))
    hinted = (
        0.5 * _strength(live, "child-life", [counterpart])
        + 0.45 * _strength(live, "parents-of-other", [actor])
        + 0.15 * _strength(live, "declines", [counterpart])
    )
    child = min(1.0, max(stated, hinted))
    known = [(sighting, weight) for sighting, weight in live if sighting.speaker is not Speaker.UNKNOWN]
    own = max(_strength(known, "age-under-18", [actor]), _strength(known, "age-of-other", [counterpart]))
    adult = min(1.0, _strength(live, "adult-age", [actor]))
    peers = own >= 0.5 and adult < 0.5
    core = soft = 0.0
    used = {"age-under-18", "age-of-other"} if stated > 0.2 else set[str]()
    for signal, base in WEIGHTS.items():
        strength = _strength(live, signal, [actor])
        if strength <= 0.1:
            continue
        used.add(signal)
        if signal in CORE and strength >= _PLAIN:
            core += base * strength
        else:
            soft += base * strength
    if child < 0.3:
        soft = min(soft, SOFT_LIMIT)
    risk = core + soft
    if peers:
        risk *= 0.4
    if risk < 0.6:
        return _Case(risk, frozenset(used), frozenset(used), peers)
    score = risk + (0.7 if peers else 1.7) * child + 0.5 * adult * child - damping * (0.6 if core >= 1 else 0.85)
    return _Case(score, frozenset(used), frozenset(used), peers)


def _pressure(live: Weighed, benign: Mapping[str, tuple[float, str]]) -> _Case:
    """Threats for pictures, money or silence, whoever they are against."""
    places = {s.message for s, _ in live if s.signal == "threat"}
    strength = _strength(live, "threat")
    if not places:
        return _Case(0.0, frozenset(), frozenset())
    score = 1.6 * strength + 0.55 * min(
        3, len({s.entry for s, _ in live if s.signal == "threat"}) - 1 + len(places) - 1
    )
    used = {"threat"}
    for signal, base in (
        ("picture-request", 0.7),
        ("secrecy", 0.6),
        ("pay", 0.7),
        ("gift-or-money", 0.4),
        ("age-under-18", 1.0),
    ):
        found = _strength(live, signal)
        if found > 0.2:
            used.add(signal)
            score += base * min(1.0, found)
    score -= sum(
        benign[name][0]
        for name in ("benign-quotation", "benign-game", "benign-family", "benign-professional")
        if name in benign
    )
    return _Case(score, frozenset(used - {"pay"}), frozenset(used))


def _live_video(live: Weighed, benign: Mapping[str, tuple[float, str]]) -> _Case:
    """Live video of a child for money."""
    phrase = _strength(live, "live-video-for-pay")
    video, pay = min(1.0, _strength(live, "live-video")), min(1.0, _strength(live, "pay"))
    spoken = min(1.2, max(_strength(live, "child-spoken-of"), 0.8 * _strength(live, "age-under-18")))
    if phrase < 0.2:
        return _Case(0.0, frozenset(), frozenset())
    score = 1.4 * phrase + 0.5 * video + 0.5 * pay + 1.1 * spoken + 0.4 * _strength(live, "secrecy")
    score += 0.3 * _strength(live, "arranging")
    score -= sum(weight for name, (weight, _) in benign.items() if name != "benign-game")
    if spoken < 0.3:
        score = min(score, WARN_AT - 0.1)
    names = {"live-video-for-pay"} | ({"age-under-18"} if spoken >= 0.3 else set())
    used = {"live-video-for-pay", "live-video", "pay", "child-spoken-of", "age-under-18", "secrecy"}
    return _Case(score, frozenset(names), frozenset(used))


def _arranging(live: Weighed, damping: float) -> _Case:
    """Two people speaking of a child and arranging something."""
    places = {s.message for s, _ in live if s.signal == "arranging"}
    spoken = min(1.2, max(_strength(live, "child-spoken-of"), 0.7 * _strength(live, "age-under-18")))
    if not places or spoken < 0.3:
        return _Case(0.0, frozenset(), frozenset())
    score = 1.0 * min(1.0, _strength(live, "arranging")) + 0.45 * min(3, len(places) - 1) + 0.9 * spoken
    used = {"arranging", "child-spoken-of"}
    for signal, base in (
        ("secrecy", 0.8),
        ("meeting-travel", 0.4),
        ("adults-near", 0.5),
        ("live-video-for-pay", 0.6),
        ("pay", 0.3),
        ("private-app", 0.3),
    ):
        found = _strength(live, signal)
        if found > 0.2:
            used.add(signal)
            score += base * min(1.0, found)
    return _Case(score - damping, frozenset(used - {"pay"}), frozenset(used))


def _signals(live: Weighed, used: frozenset[str]) -> tuple[tuple[str, Speaker, float], ...]:
    """Return public signal names with who said them and how strongly, strongest sighting each."""
    best: dict[str, tuple[Speaker, float]] = defaultdict(lambda: (Speaker.UNKNOWN, 0.0))
    for sighting, weight in live:
        name = PUBLIC.get(sighting.signal, sighting.signal)
        if sighting.signal in used and name not in ("live-video", "pay") and weight > best[name][1]:
            best[name] = (sighting.speaker, weight)
    return tuple((name, speaker, round(min(1.0, weight), 3)) for name, (speaker, weight) in sorted(best.items()))
