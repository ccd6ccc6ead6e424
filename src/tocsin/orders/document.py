"""Documents as trees that remember where each value stood, so that every error can name the line.

YAML is read from its events with hard limits; anchors, aliases, tags and several documents are refused, and
every scalar stays the text that was written, so that ``no`` or ``1e3`` in a court's words is never reinterpreted.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

MAX_TEXT = 256 * 1024
"""Largest order document, in bytes of UTF-8."""
MAX_SIGNED = 1024 * 1024
"""Largest signed order, in bytes of UTF-8 (JSON escapes make it longer)."""
MAX_DEPTH = 12
MAX_NODES = 20_000


class OrderError(ValueError):
    """An order that is refused; the message is a sentence for the person who wrote or received it."""


@dataclass(slots=True)
class Node:
    """A value of a document: text, a list or a mapping, and where it stood (``line 14`` or a path in JSON).

    ``quoted`` is true for text that was written in quotes or as a block: then ``""`` is text, not absence.
    """

    value: "str | list[Node] | dict[str, Node]"
    where: str
    quoted: bool = False

    @property
    def missing(self) -> bool:
        """Whether nothing was written here (``key:`` alone, ``~`` or ``null``)."""
        return isinstance(self.value, str) and not self.quoted and self.value in ("", "~", "null")

    def error(self, sentence: str) -> OrderError:
        """Return an OrderError that names this place."""
        return OrderError(f"{self.where}: {sentence}")


def from_yaml(text: str) -> Node:
    """Read an order document. Raises OrderError naming the line."""
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise OrderError("The order is not valid UTF-8 text.") from None
    if size > MAX_TEXT:
        raise OrderError(f"The order is {size:,} bytes; an order document has at most {MAX_TEXT:,}.")
    try:
        return _build(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}" if mark else "line 1"
        raise OrderError(f"{place}: this is not well-formed YAML: {_problem(error)}.") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise OrderError(f"line {line}: the order contains a character that YAML does not allow.") from error
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, OrderError):
            raise
        raise OrderError("line 1: this is not well-formed YAML.") from error


def from_json(value: Any, where: str) -> Node:
    """Return parsed JSON as a tree; ``where`` names its root. Raises OrderError."""
    return _from_json(value, where, 1, iter(range(MAX_NODES)))


def load_json(text: str) -> Any:
    """Read bounded JSON without duplicate names. Raises OrderError."""
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise OrderError("The signed order is not valid UTF-8 text.") from None
    if size > MAX_SIGNED:
        raise OrderError(f"The signed order is {size:,} bytes; it has at most {MAX_SIGNED:,}.")
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise OrderError(f"line {error.lineno}: the signed order is not well-formed JSON: {error.msg}.") from error
    except RecursionError:
        raise OrderError("The signed order is nested too deep.") from None
    except OrderError:
        raise
    except ValueError as error:
        raise OrderError("The signed order holds a number that cannot be read.") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise OrderError("The signed order names a field twice.")
    return found


def _problem(error: yaml.MarkedYAMLError) -> str:
    problem = (error.problem or error.context or "it cannot be read").strip().rstrip(".")
    if "'\\t'" in problem:
        return "lines are indented with spaces, never with tabs"
    return problem


def _from_json(value: Any, where: str, depth: int, budget: Iterator[int]) -> Node:
    if depth > MAX_DEPTH or next(budget, None) is None:
        raise OrderError(f"{where}: the order is too large or nested too deep.")
    if isinstance(value, str):
        return Node(value, where, quoted=True)
    if isinstance(value, bool):
        return Node("true" if value else "false", where)
    if type(value) is int and abs(value) < 2**53:
        return Node(str(value), where)
    if isinstance(value, list):
        return Node([_from_json(item, f"{where}[{n}]", depth + 1, budget) for n, item in enumerate(value, 1)], where)
    if isinstance(value, dict):
        return Node(
            {key: _from_json(item, f"{where}.{key[:40]}", depth + 1, budget) for key, item in value.items()}, where
        )
    raise OrderError(f"{where}: this must be text, true or false, a list or a group of fields.")


@dataclass(slots=True)
class _Open:
    """A list or mapping being built, and the key that waits for its value."""

    node: Node
    key: str | None = None
    key_where: str = ""


def _build(events: Iterator[yaml.Event]) -> Node:
    """Turn YAML events into a tree without recursion, within the limits."""
    stack: list[_Open] = []
    root: Node | None = None
    documents = nodes = 0
    for event in events:
        where = f"line {event.start_mark.line + 1}" if event.start_mark else "line 1"
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise OrderError(f"{where}: an order is one document; a second one begins here.")
        elif isinstance(event, yaml.NodeEvent):
            nodes += 1
            if nodes > MAX_NODES or len(stack) >= MAX_DEPTH:
                raise OrderError(f"{where}: the order is too large or nested too deep.")
            node = _node(event, where)
            _place(stack, node)
            root = root or node
            if not isinstance(event, yaml.ScalarEvent):
                stack.append(_Open(node))
        elif isinstance(event, yaml.CollectionEndEvent):
            stack.pop()
    if root is None:
        raise OrderError("line 1: the order is empty.")
    return root


def _node(event: yaml.NodeEvent, where: str) -> Node:
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        raise OrderError(f"{where}: anchors and aliases (& and *) are not allowed in an order.")
    if getattr(event, "tag", None) is not None:
        raise OrderError(f"{where}: tags (!) are not allowed in an order.")
    if isinstance(event, yaml.ScalarEvent):
        return Node(event.value, where, quoted=event.style is not None)
    return Node([] if isinstance(event, yaml.SequenceStartEvent) else {}, where)


def _place(stack: list[_Open], node: Node) -> None:
    """Put a node into the list or mapping that is open."""
    if not stack:
        return
    top = stack[-1]
    holder = top.node.value
    if isinstance(holder, list):
        holder.append(node)
    elif isinstance(holder, dict):
        if top.key is None:
            if not isinstance(node.value, str):
                raise node.error("a field's name must be plain text.")
            if node.value in holder:
                raise node.error(f"the field {node.value[:60]!r} is written twice.")
            top.key, top.key_where = node.value, node.where
        else:
            if node.missing:
                node.where = top.key_where
            holder[top.key] = node
            top.key = None
