"""Wording: how like reviewed example conversations the last messages of a thread read, and which words say so.

The examples are packs/examples/*.yaml: invented chats, each reviewed and labelled *risky* or *ordinary*. At load a
linear model is computed from them (no weights are shipped): every chat becomes a row of hashed features, and logistic
regression with an L2 penalty weighs them. Features of a message, all of its folded text (``normalise``):

- each word, and each pair of words, once as such and once with who says it (this device, or the other);
- each run of five characters inside a word with its edges, so that forms of a word share features;
- ages 8 to 17 are one word and ages 18 to 70 another.

A row is the counts as ``(1 + log count) * idf`` (``idf = log((1 + rows) / (1 + rows with it)) + 1``), scaled to unit
length, as in Salton and Buckley, "Term-weighting approaches in automatic text retrieval" (1988). The result is a
log-odds: above 0 the messages read more like the risky examples than like the ordinary ones.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import yaml
from numpy.typing import NDArray

from tocsin import packs
from tocsin.model import Speaker
from tocsin.text.normalise import SPACE, normalise
from tocsin.text.patterns import NUMBER_WORDS
from tocsin.text.words import Words, hash_word, words

BITS = 17
"""Features are hashed into 2**BITS places."""
MAX_CHARACTERS = 1000
"""More of one message is not read."""
RUN = 5
"""Characters in a run."""
PENALTY = 20.0
"""Weight of the examples against the L2 penalty (``C`` in most libraries)."""
_SIZE = 1 << BITS
_SHIFT = np.uint64(64 - BITS)
_PRIME, _STIR = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93
_POWERS = tuple(np.uint64(pow(_PRIME, power, 1 << 64)) for power in range(RUN))
_WORD, _PAIR, _RUN = 101, 103, 5
_DIRECTED = {Speaker.SUBJECT: 1000, Speaker.OTHER: 2000}
_CHILD, _ADULT = np.uint64(7), np.uint64(8)
_NEWTON_STEPS, _GRADIENT_STEPS, _ENOUGH = 8, 12, 1e-4
_LONGEST_QUOTE = 4
_WORTH_TELLING = 0.3
"""Words that add less than this share of what the strongest add are not told."""

Ids = NDArray[np.int32]
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Chat:
    """One reviewed example."""

    id: str
    risky: bool
    messages: tuple[tuple[Speaker, str], ...]


@dataclass(frozen=True, slots=True)
class Spoken:
    """Words that speak for a likeness: ``text[start:end]`` of message ``message``, and how much they add."""

    message: int
    start: int
    end: int
    adds: float


@dataclass(frozen=True, slots=True)
class Model:
    """What was learnt from the examples. Immutable; safe to share between threads."""

    weights: NDArray[np.float32]
    idf: NDArray[np.float32]
    base: float

    def likeness(self, messages: Sequence[Ids]) -> float:
        """Return the log-odds that ``messages`` (from :func:`features`) read like the risky examples."""
        ids, values = self._row(messages)
        return self.base + float(values @ self.weights[ids]) if ids.size else 0.0

    def explain(self, messages: Sequence[tuple[Speaker, str]], most: int = 3) -> tuple[Spoken, ...]:
        """Return the words, up to four in a row, that speak most for a likeness to the risky examples."""
        read = [_located(text[:MAX_CHARACTERS], speaker) for speaker, text in messages]
        ids, values = self._row([ids for ids, _, _ in read])
        if not ids.size:
            return ()
        share: Vector = np.zeros(_SIZE)
        share[ids] = values * self.weights[ids] / np.bincount(np.concatenate([i for i, _, _ in read]))[ids]
        found: list[Spoken] = []
        for number, (own, place, seen) in enumerate(read):
            if len(seen):
                adds: Vector = np.bincount(place, share[own], minlength=len(seen)).astype(np.float64)
                found.extend(_stretches(number, seen, adds))
        chosen: list[Spoken] = []
        for one in sorted(found, key=lambda spoken: -spoken.adds):
            if len(chosen) == most or (chosen and one.adds < _WORTH_TELLING * chosen[0].adds):
                break
            if not any(_overlap(one, other) for other in chosen):
                chosen.append(one)
        return tuple(chosen)

    def _row(self, messages: Sequence[Ids]) -> tuple[Ids, Vector]:
        """Return the places and values of the row of all messages together."""
        if not messages:
            return np.zeros(0, dtype=np.int32), np.zeros(0)
        ids, counts = np.unique(np.concatenate(messages), return_counts=True)
        values: Vector = ((1 + np.log(counts)) * self.idf[ids]).astype(np.float64)
        return ids, values / max(1e-9, float(np.sqrt(values @ values)))


def features(text: str, speaker: Speaker) -> Ids:
    """Return the places of a message's features, repeated as often as they occur."""
    return _located(text[:MAX_CHARACTERS], speaker)[0]


def examples(*prefixes: str) -> tuple[Chat, ...]:
    """Return the reviewed examples, or only those of the files whose names begin with one of ``prefixes``."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    chats: list[Chat] = []
    for name in packs.names("examples"):
        if prefixes and not name.removeprefix("examples/").startswith(prefixes):
            continue
        for raw in yaml.load(packs.read_text(name), Loader=loader):  # noqa: S506
            said = tuple((Speaker(message["by"]), str(message["text"])) for message in raw["messages"])
            chats.append(Chat(str(raw["id"]), raw["label"] == "risky", said))
    return tuple(chats)


@cache
def default() -> Model:
    """Return the model of all examples, computed once for the process."""
    return learn(examples())


def learn(chats: Iterable[Chat]) -> Model:
    """Compute the model from reviewed chats. Deterministic; needs at least one chat of each label."""
    chats = tuple(chats)
    risky = np.array([chat.risky for chat in chats])
    if risky.all() or not risky.any():
        raise ValueError("The examples need risky and ordinary chats, both.")
    row, ids, counts = _count(chats)
    idf = np.log((1 + len(chats)) / (1 + np.bincount(ids, minlength=_SIZE))) + 1
    values = (1 + np.log(counts)) * idf[ids]
    values /= np.sqrt(np.bincount(row, values * values, minlength=len(chats)))[row]
    known, columns = np.unique(ids, return_inverse=True)
    share = PENALTY * np.where(risky, 0.5 / risky.mean(), 0.5 / (1 - risky.mean()))
    weights, base = _fit(_Rows(row, columns, values, len(chats), known.size), risky.astype(float), share)
    placed = np.zeros(_SIZE, dtype=np.float32)
    placed[known] = weights
    return Model(placed, idf.astype(np.float32), base)


def _count(chats: Sequence[Chat]) -> tuple[NDArray[np.int64], Ids, NDArray[np.int64]]:
    """Return chat, place and number of every feature; what one side says in all chats is read at once."""
    keys = []
    for speaker in Speaker:
        said = [(number, text[:MAX_CHARACTERS]) for number, chat in enumerate(chats) for who, text in chat.messages
                if who is speaker]  # fmt: skip
        if not said:
            continue
        begins = np.cumsum([0, *(len(text) + 1 for _, text in said[:-1])])
        ids, place, seen = _located("\n".join(text for _, text in said), speaker)
        owner = np.array([number for number, _ in said])[np.searchsorted(begins, seen.starts, side="right") - 1]
        keys.append(owner[place] * _SIZE + ids)
    key, counts = np.unique(np.concatenate(keys), return_counts=True)
    return (key // _SIZE).astype(np.int64), (key % _SIZE).astype(np.int32), counts.astype(np.int64)


@dataclass(frozen=True, slots=True)
class _Rows:
    """A sparse matrix with a last column of ones: the products that fitting needs."""

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    value: Vector
    height: int
    width: int

    def times(self, weights: Vector) -> Vector:
        """Return the matrix times ``weights`` (width + 1)."""
        summed = np.bincount(self.row, self.value * weights[self.column], minlength=self.height)
        return summed.astype(np.float64) + float(weights[-1])

    def turned_times(self, per_row: Vector) -> Vector:
        """Return the transposed matrix times ``per_row`` (height)."""
        out = np.empty(self.width + 1)
        out[:-1] = np.bincount(self.column, self.value * per_row[self.row], minlength=self.width)
        out[-1] = per_row.sum()
        return out


def _fit(rows: _Rows, wanted: Vector, share: Vector) -> tuple[Vector, float]:
    """Minimise ``|w|²/2 + Σ share · log loss`` by Newton's method, each step solved by conjugate gradients."""
    penalty = np.ones(rows.width + 1)
    penalty[-1] = 0.0
    weights = np.zeros(rows.width + 1)
    for _ in range(_NEWTON_STEPS):
        likely = 1 / (1 + np.exp(-rows.times(weights)))
        bend = share * likely * (1 - likely)
        left = -(penalty * weights + rows.turned_times(share * (likely - wanted)))
        step, towards = np.zeros_like(weights), left.copy()
        size = first = float(left @ left)
        for _ in range(_GRADIENT_STEPS):
            moved = penalty * towards + rows.turned_times(bend * rows.times(towards))
            length = size / float(towards @ moved)
            step += length * towards
            left -= length * moved
            before, size = size, float(left @ left)
            if size < _ENOUGH * first:
                break
            towards = left + size / before * towards
        weights += step
        if float(step @ step) < _ENOUGH * float(weights @ weights):
            break
    return weights[:-1], float(weights[-1])


def _located(text: str, speaker: Speaker) -> tuple[Ids, NDArray[np.int64], Words]:
    """Return a text's features, the number of the word that each stands for, and the words."""
    seen = words(text)
    if not len(seen):
        return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64), seen
    hashes = _with_ages(seen)
    order = np.arange(len(seen))
    lines = np.array([at for at, char in enumerate(text) if char == "\n"]) if "\n" in text else np.zeros(0)
    line = np.searchsorted(lines, seen.starts)
    first = np.flatnonzero(line[1:] == line[:-1])
    pairs = hashes[first] * np.uint64(_PRIME) + hashes[first + 1]
    runs, place = _runs(text, seen)
    ids = [_places(hashes, _WORD), _places(pairs, _PAIR), _places(runs, _RUN)]
    where = [order, first, place]
    if speaker in _DIRECTED:
        ids += [_places(hashes, _WORD + _DIRECTED[speaker]), _places(pairs, _PAIR + _DIRECTED[speaker])]
        where += [order, first]
    return np.concatenate(ids), np.concatenate(where), seen


def _with_ages(seen: Words) -> NDArray[np.uint64]:
    """Return the words' hashes, ages 8 to 17 and 18 to 70 each as one."""
    hashes = seen.hashes.copy()
    spelled = _number_words()
    for index, key in enumerate(seen.hashes.tolist()):
        if key in spelled:
            hashes[index] = spelled[key]
    for index in np.flatnonzero(seen.numbers).tolist():
        number = seen.spelling(index)
        if number.isdecimal() and len(number) < 3 and 8 <= int(number) <= 70:
            hashes[index] = _CHILD if int(number) < 18 else _ADULT
    return hashes


@cache
def _number_words() -> dict[int, np.uint64]:
    """Return what stands for the spelled numbers from 8 to 70, by their words' hashes."""
    return {
        hash_word(word): _CHILD if number < 18 else _ADULT for word, number in NUMBER_WORDS.items() if 8 <= number <= 70
    }


def _runs(text: str, seen: Words) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the runs of characters inside words, edges included, and the number of the word each begins in."""
    folded = normalise(text)
    chars = np.full(folded.chars.size + 2, SPACE, dtype=np.uint64)
    chars[1:-1] = np.where((folded.chars >= 97) | ((folded.chars >= 48) & (folded.chars <= 57)), folded.chars, SPACE)
    blank = chars == SPACE
    kept = np.flatnonzero(~(blank & np.append(False, blank[:-1])))
    chars, blank = chars[kept], blank[kept]
    count = chars.size - RUN + 1
    if count < 1:
        return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
    runs = np.zeros(count, dtype=np.uint64)
    broken = np.zeros(count, dtype=bool)
    for offset in range(RUN):
        runs += chars[offset : offset + count] * _POWERS[offset]
        if 0 < offset < RUN - 1:
            broken |= blank[offset : offset + count]
    begin = kept[1 : count + 1][~broken] - 1
    if folded.origin is not None:
        begin = folded.origin[begin]
    return runs[~broken], np.maximum(0, np.searchsorted(seen.starts, begin, side="right") - 1)


def _places(hashes: NDArray[np.uint64], salt: int) -> Ids:
    """Scatter hashes over the table."""
    mixed = (hashes ^ np.uint64(salt)) * np.uint64(_STIR)
    mixed ^= mixed >> np.uint64(29)
    return (mixed * np.uint64(_PRIME) >> _SHIFT).astype(np.int32)


def _stretches(message: int, seen: Words, adds: Vector) -> Iterable[Spoken]:
    """Return every stretch of up to four words that begins and ends with a word that adds something."""
    sums = np.append(0.0, np.cumsum(adds))
    for first in np.flatnonzero(adds > 0):
        for last in range(int(first), min(int(first) + _LONGEST_QUOTE, len(seen))):
            if adds[last] > 0:
                start, end = seen.original(int(first), last)
                yield Spoken(message, start, end, float(sums[last + 1] - sums[first]))


def _overlap(one: Spoken, other: Spoken) -> bool:
    return one.message == other.message and one.start < other.end and other.start < one.end
